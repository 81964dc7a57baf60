// Every route asks for the role that the table says, and no key that has ended opens any.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { roleNames } from '../../src/db/schema-operations.ts';
import { routes } from '../../src/http/routes.ts';
import { isWholeKey, makeKey } from '../../src/operations/api-keys.ts';
import { type Operator, operatorOf } from '../support/operator.ts';
import { apiKey, get, startTestService, type TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

let service: TestService & Operator;
let other: TestService;
let now = () => new Date();
const keys: Record<string, { id: string; key: string }> = {};
const why = 'a test';

async function create(name: string, role: string, more: object = {}) {
  const { status, body } = await service.ops('POST', '/keys', { name, role, why, ...more });
  expect({ status, name: body.name, role: body.role }).toEqual({ status: 201, name, role });
  return { id: body.key_id as string, key: body.key as string };
}

beforeAll(async () => {
  // More wrong keys than anybody tries by mistake.
  const env = { API_UNKNOWN_KEYS_PER_MINUTE: '0' };
  const started = await startTestService({ env, overrides: { now: () => now() } });
  service = { ...started, ...operatorOf(started.url) };
  other = await startTestService({ env, databaseUrl: started.databaseUrl });
  for (const role of roleNames) keys[role] = await create(`a ${role}`, role);
  keys.revoked = await create('gone', 'admin');
  await service.ops('POST', `/keys/${keys.revoked.id}/revoke`, { why });
});
afterAll(async () => {
  await other?.stop();
  await service?.stop();
});

/** Asks with nothing in the body: what gets past the gate is a 400 or 404, and changes nothing. */
async function ask(method: string, path: string, key: string | undefined): Promise<number> {
  const response = await fetch(`${service.url}${path.replace(/:\w+/g, 'nobody')}`, {
    method,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
    },
    ...(method === 'GET' ? {} : { body: '{"unknown_field":true}' }),
  });
  await response.body?.cancel(); // a stream has no end
  return response.status;
}

// By hand, and not from the table: a role that is lowered there by mistake is seen here.
const aboveReader = {
  operator: [
    'POST /v1/compliance-alerts/:alert_id/acknowledge',
    'POST /v1/compliance-alerts/:alert_id/resolve',
    'GET /v1/ops/status',
    'POST /v1/ops/doctor',
    'POST /v1/ops/pause',
    'POST /v1/ops/resume',
    'GET /v1/ops/deliveries/:delivery_id/body',
    'GET /v1/ops/replays',
    'POST /v1/ops/replays',
    'GET /v1/ops/replays/:replay_id',
    'POST /v1/ops/replays/:replay_id/pause',
    'POST /v1/ops/replays/:replay_id/resume',
    'POST /v1/ops/replays/:replay_id/cancel',
    'GET /v1/ops/refusals',
    'POST /v1/ops/refusals/reverify',
    'POST /v1/ops/refusals/admit',
    'GET /v1/ops/refusals/:refusal_id',
    'GET /v1/ops/refusals/:refusal_id/body',
    'GET /v1/ops/secrets',
    'POST /v1/ops/secrets/test',
    'GET /v1/ops/audit',
    'GET /v1/ops/audit/verification',
  ],
  admin: [
    'POST /v1/ops/refusals/purge',
    'POST /v1/ops/secrets/begin-rotation',
    'POST /v1/ops/secrets/finish-rotation',
    'GET /v1/ops/keys',
    'POST /v1/ops/keys',
    'POST /v1/ops/keys/:key_id/revoke',
  ],
};

test.each(['operator', 'admin'] as const)('guarantee 15: these and no others ask for %s', (asked) => {
  const asking = routes.filter(({ role }) => role === asked);
  expect(asking.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(
    [...aboveReader[asked]].sort(),
  );
});

describe.each(routes.map(({ method, path, role }) => ({ method, path, role })))(
  '$method $path',
  ({ method, path, role }) => {
    test.each(roleNames)('as %s', async (asked) => {
      const status = await ask(method, path, keys[asked]?.key);
      const mayPass = roleNames.indexOf(asked) >= roleNames.indexOf(role);
      expect({ asked, isForbidden: status === 403 }).toEqual({ asked, isForbidden: !mayPass });
      expect(status).not.toBe(401);
      expect(status).toBeLessThan(500);
    });

    test('with no key, a wrong one, one that was revoked', async () => {
      const wrong = [undefined, 'wrong', `${keys.admin?.key}x`, makeKey().text, keys.revoked?.key];
      for (const key of wrong) expect(await ask(method, path, key)).toBe(401);
    });
  },
);

test('a path under /v1 that is no route asks for a key as well', async () => {
  expect(await ask('GET', '/v1/nothing', undefined)).toBe(401);
  expect(await ask('GET', '/v1/ops/nothing', keys.reader?.key)).toBe(404);
  expect(await ask('DELETE', '/v1/ops/keys', keys.admin?.key)).toBe(405);
});

test('guarantee 15: a revoked key stops in every process within 5 seconds', async () => {
  const { id, key } = await create('short', 'reader');
  const works = async (url: string) => (await get(url, '/v1/sessions', key)).status === 200;
  await until(() => works(other.url), { deadlineMs: 5_000 });
  expect(await works(service.url)).toBe(true);
  await service.ops('POST', `/keys/${id}/revoke`, { why });
  const revokedAt = performance.now();
  expect(await works(service.url)).toBe(false);
  await until(async () => !(await works(other.url)), { deadlineMs: 5_000, describe: 'it stops elsewhere' });
  expect(performance.now() - revokedAt).toBeLessThan(5_000);
  const again = await service.ops('POST', `/keys/${id}/revoke`, { why });
  expect(again.body).toMatchObject({ key_id: id, state: 'revoked' });
});

test('a key ends at its time, by the clock of the service', async () => {
  const expiresAt = Date.now() + 3_600_000;
  const { key } = await create('over', 'admin', { expires_at: new Date(expiresAt).toISOString() });
  expect((await get(service.url, '/v1/ops/keys', key)).status).toBe(200);
  now = () => new Date(expiresAt + 1_000);
  try {
    expect((await get(service.url, '/v1/ops/keys', key)).status).toBe(401);
  } finally {
    now = () => new Date();
  }
});

test('a key is shown once, stored as its hash alone, and when it was used is noted', async () => {
  const { id, key } = await create('noted', 'reader');
  const [row] = await service.db.query<{ sha256: Buffer }>({
    text: 'select sha256 from api_keys where id = $1',
    values: [id],
  });
  expect(row?.sha256).toEqual(createHash('sha256').update(key).digest());
  const dump = await service.db.query({
    text: 'select k::text from api_keys k union all select a::text from audit_entries a',
  });
  expect(JSON.stringify(dump)).not.toContain(key.slice(-20));
  const listed = async () => {
    const { data } = (await service.ops('GET', '/keys')).body;
    return data.find((each: { key_id: string }) => each.key_id === id);
  };
  expect(await listed()).toMatchObject({
    name: 'noted',
    last_used_at: null,
    state: 'usable',
    created_by: 'bootstrap',
  });
  expect(JSON.stringify(await listed())).not.toContain(key.slice(-20));
  await get(service.url, '/v1/sessions', key);
  await until(async () => (await listed()).last_used_at !== null, { deadlineMs: 5_000 });
});

test('a key that was copied in part, or with a slip, is told from a stranger’s', async () => {
  const { text } = makeKey();
  expect(isWholeKey(text)).toBe(true);
  for (let at = 0; at < text.length; at += 1) {
    const slip = text[at] === 'x' ? 'y' : 'x';
    expect(isWholeKey(`${text.slice(0, at)}${slip}${text.slice(at + 1)}`), `character ${at}`).toBe(false);
  }
  const cut = await get(service.url, '/v1/sessions', text.slice(0, -3));
  expect(cut.body.detail).toMatch(/is not whole/);
  expect((await get(service.url, '/v1/sessions', text)).body.detail).toMatch(/not known here/);
});

test('what cannot be made or revoked says why', async () => {
  const make = async (body: object) => (await service.ops('POST', '/keys', { why, ...body })).body.detail;
  expect(await make({ name: 'x', role: 'king' })).toMatch(/"role" must be one of reader, operator, admin/);
  expect(await make({ name: 'bootstrap', role: 'admin' })).toMatch(/"name" must not be "bootstrap"/);
  expect(await make({ name: 'x', role: 'reader', expires_at: '2020-01-01T00:00:00Z' })).toMatch(
    /must lie ahead/,
  );
  const taken = await service.ops('POST', '/keys', { name: 'a reader', role: 'admin', why });
  expect(taken).toMatchObject({ status: 409, body: { detail: expect.stringContaining('is in use') } });
  // A key that has ended leaves its name.
  expect((await create('gone', 'reader')).key).toMatch(/^ilw_/);
  expect(await service.ops('POST', '/keys/bootstrap/revoke', { why })).toMatchObject({
    status: 409,
    body: { detail: 'BOOTSTRAP_API_KEY is set in the environment: change it there, and restart.' },
  });
  expect((await service.ops('POST', '/keys/nobody/revoke', { why })).status).toBe(404);
  expect((await service.ops('POST', '/keys', { name: 'x', role: 'reader' })).body.detail).toMatch(
    /"why" is missing/,
  );
  expect(await make({ name: 'x' })).toMatch(/"role" is missing/);
  expect((await get(service.url, '/v1/ops/keys', apiKey)).status).toBe(200);
});
