// A signing secret is exchanged with evidence: the new one counts everywhere within seconds, the old one is retired only
// once it is quiet, and no secret is ever shown.

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { Log } from '../../src/log.ts';
import { type OperatedService, takes, useServices } from '../support/operator.ts';
import { secret, type TestServiceOptions, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

const encryption = { ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}` };
const newSecret = 'whsec_the_next_one';
const why = 'yearly';

const services = useServices();
const start = (options: TestServiceOptions = {}) =>
  services.start({ ...options, env: { ...encryption, ...options.env } });

const statesOf = async (service: OperatedService) => {
  const { data } = (await service.get('/v1/ops/secrets')).body;
  return data.map(({ name, state }: { name: string; state: string }) => `${name.slice(0, 11)} ${state}`);
};
test('guarantee 17: a rotation, from beginning to end, in two receivers at once', async () => {
  const logged: string[] = [];
  const keep = (...args: unknown[]) => void logged.push(JSON.stringify(args));
  const log: Log = { debug: keep, info: keep, warn: keep, error: keep };
  const one = await start({ overrides: { log } });
  const two = await start({ databaseUrl: one.databaseUrl });
  expect((await one.deliver(verdictPayload(), { secret: newSecret })).status).toBe(401);
  const begun = await one.ops('POST', '/secrets/begin-rotation', { name: '2027', secret: newSecret, why });
  expect(begun.status).toBe(201);
  expect(begun.body).toMatchObject({
    name: '2027',
    origin: 'database',
    state: 'active',
    last_matched_at: null,
  });
  expect(await statesOf(one)).toEqual(['environment retiring', '2027 active']);
  const again = await two.ops('POST', '/secrets/begin-rotation', {
    name: '2028',
    secret: 'another-secret',
    why,
  });
  expect(again.body).toMatchObject({ code: 'conflict', detail: expect.stringContaining('is going on') });

  const early = await one.ops('POST', '/secrets/finish-rotation', { why, quiet_seconds: 1 });
  expect(early.body.detail).toMatch(/"2027" has never matched/);
  for (const service of [one, two]) {
    await takes(service, newSecret);
    expect((await service.deliver(verdictPayload())).status).toBe(202);
  }
  await until(async () => {
    const { data } = (await two.get('/v1/ops/secrets')).body;
    return data.every((row: { last_matched_at: string | null }) => row.last_matched_at !== null);
  });
  const matching = await one.ops('POST', '/secrets/finish-rotation', { why });
  expect(matching.status).toBe(409);
  expect(matching.body.detail).toMatch(/"environment-.*" matched last at .* quiet for 3600 s\. .*--quiet/);

  const finish = () => one.ops('POST', '/secrets/finish-rotation', { why, quiet_seconds: 1 });
  const finished = await until(
    async () => {
      const answer = await finish();
      return answer.status === 200 ? answer : undefined;
    },
    { describe: 'the old secret is quiet' },
  );
  expect(finished.body.retired).toEqual([expect.stringMatching(/^environment-/)]);
  for (const service of [one, two]) {
    await until(async () => (await service.deliver(verdictPayload())).status === 401, { deadlineMs: 5_000 });
    await takes(service, newSecret);
  }
  // Although the environment still lists it.
  const restarted = await start({ databaseUrl: one.databaseUrl });
  expect((await restarted.deliver(verdictPayload())).status).toBe(401);
  await takes(restarted, newSecret);

  const shown = JSON.stringify([
    (await one.get('/v1/ops/secrets')).body,
    (await one.get('/v1/ops/audit')).body,
    begun.body,
    logged,
  ]);
  expect(shown).not.toContain(newSecret);
  expect(shown).not.toContain(secret);
  const rows = await one.db.query<{ sealed: Buffer }>({ text: 'select sealed from webhook_secrets' });
  expect(rows).toHaveLength(2);
  expect(Buffer.concat(rows.map(({ sealed }) => sealed)).toString('latin1')).not.toMatch(/whsec/);
  const audited = (await one.get('/v1/ops/audit?action=secrets.finish_rotation')).body.data;
  expect(audited[0]).toMatchObject({ outcome: 'done', rows: 1 });
  expect(audited.at(-1)).toMatchObject({ outcome: 'conflict' });
});

test('the previous secret of the environment is remembered, proves nothing, and explains', async () => {
  const before = await start({ env: { ILIVE_WEBHOOK_SECRETS: 'whsec_of_last_year' } });
  const after = await start({ databaseUrl: before.databaseUrl });
  expect(await statesOf(after)).toEqual(['environment retired', 'environment active']);
  expect((await after.deliver(verdictPayload(), { secret: 'whsec_of_last_year' })).status).toBe(401);
  const findings = await until(async () => {
    const { data } = (await after.get('/v1/ops/refusals')).body;
    if (data.length === 0) return undefined;
    return (await after.get(`/v1/ops/refusals/${data[0].refusal_id}`)).body.diagnosis.findings;
  });
  expect(findings[0]).toMatch(/^matches the previous secret "environment-/);
});

test('what is admitted by the new secret counts as its match, and an old one that never matched needs no quiet', async () => {
  const service = await start();
  await service.deliver(verdictPayload(), { secret: newSecret });
  await until(async () => (await service.get('/v1/ops/refusals')).body.data.length === 1);
  await service.ops('POST', '/secrets/begin-rotation', { name: '2027', secret: newSecret, why });
  const finish = () => service.ops('POST', '/secrets/finish-rotation', { why });
  expect((await finish()).body.detail).toMatch(/"2027" has never matched/);
  const dry = await service.ops('POST', '/refusals/reverify', { why, dry_run: true });
  expect(dry.body).toMatchObject({ admitted: 1 });
  expect((await finish()).body.detail).toMatch(/"2027" has never matched/);
  expect((await service.ops('POST', '/refusals/reverify', { why })).body).toMatchObject({ admitted: 1 });
  const finished = await until(async () => {
    const answer = await finish();
    return answer.status === 200 ? answer : undefined;
  });
  expect(finished.body.retired).toEqual([expect.stringMatching(/^environment-/)]);
});

test('guarantee 17: that a secret matched before it was taken out of the environment does not retire the one in use', async () => {
  const before = await start({ env: { ILIVE_WEBHOOK_SECRETS: 'whsec_of_last_year' } });
  const { databaseUrl } = before;
  expect((await before.deliver(verdictPayload(), { secret: 'whsec_of_last_year' })).status).toBe(202);
  await until(async () => (await before.get('/v1/ops/secrets')).body.data[0].last_matched_at !== null);
  const service = await start({ databaseUrl });
  await service.ops('POST', '/secrets/begin-rotation', { name: 'mistyped', secret: newSecret, why });
  expect(await statesOf(service)).toEqual(['environment retired', 'environment retiring', 'mistyped active']);
  const finish = (with_: OperatedService) =>
    with_.ops('POST', '/secrets/finish-rotation', { why, quiet_seconds: 1 });
  // Well after what another process has yet to write down: nothing but the new one's silence is in the way.
  await service.db.query({
    text: `update webhook_secrets set retiring_at = retiring_at - interval '1 minute' where retiring_at is not null`,
  });
  expect(await finish(service)).toMatchObject({
    status: 409,
    body: { detail: expect.stringMatching(/new secret "mistyped" has never matched/) },
  });
  expect((await service.deliver(verdictPayload())).status).toBe(202);

  const mended = await start({ databaseUrl, env: { ILIVE_WEBHOOK_SECRETS: `${secret},whsec_right` } });
  expect((await finish(mended)).body.detail).toMatch(/"mistyped", "environment-.*" has never matched/);
  await takes(mended, 'whsec_right');
  const finished = await until(async () => {
    const answer = await finish(mended);
    return answer.status === 200 ? answer : undefined;
  });
  expect(finished.body.retired).toEqual([expect.stringMatching(/^environment-/)]);
  expect((await mended.deliver(verdictPayload(), { secret: 'whsec_right' })).status).toBe(202);
});

test('what cannot be begun or finished says why', async () => {
  const service = await start();
  const begin = (body: object) => service.ops('POST', '/secrets/begin-rotation', { why, ...body });
  expect((await begin({ name: 'a b', secret: newSecret })).body.detail).toMatch(/^field "name" must be/);
  expect((await begin({ name: 'x', secret: 'short' })).body.detail).toMatch(/^field "secret" must be/);
  expect((await begin({ name: 'x', secret })).body.detail).toMatch(/known already/);
  const finish = await service.ops('POST', '/secrets/finish-rotation', { why });
  expect(finish.body).toMatchObject({ code: 'conflict', detail: expect.stringContaining('Begin one first') });
  const encoded = await start({
    env: { ILIVE_SECRET_ENCODING: 'base64', ILIVE_WEBHOOK_SECRETS: randomBytes(24).toString('base64') },
  });
  for (const [short, flaw] of [
    ['A'.repeat(8), 'is fewer than 8 bytes, read as base64'],
    ['not.base64', 'is not base64'],
  ]) {
    expect(
      await encoded.ops('POST', '/secrets/begin-rotation', { name: 'x', secret: short, why }),
    ).toMatchObject({
      status: 400,
      body: { detail: `field "secret" ${flaw} (ILIVE_SECRET_ENCODING).` },
    });
  }
  const unkeyed = await start({ env: { ENCRYPTION_KEYS: '' } });
  const refused = await unkeyed.ops('POST', '/secrets/begin-rotation', { name: 'x', secret: newSecret, why });
  expect(refused.body).toMatchObject({
    code: 'conflict',
    detail: expect.stringContaining('ENCRYPTION_KEYS'),
  });
});

test('a new account gets its first secret without the environment', async () => {
  const service = await start();
  const given = { account: 'acme', name: 'first', secret: newSecret, why };
  expect((await service.ops('POST', '/secrets/begin-rotation', given)).status).toBe(201);
  await until(
    async () =>
      (await service.deliver(verdictPayload(), { account: 'acme', secret: newSecret })).status === 202,
  );
});

describe('a probe', () => {
  test('goes through the front door, is processed and ignored, and is no sign of iLive', async () => {
    const service = await start();
    const { body } = await service.ops('POST', '/secrets/test', { why: 'before go-live' });
    expect(body).toMatchObject({ ok: true, status: 202, state: 'ignored', problem: null });
    expect(body.url).toBe(`${service.url}/webhooks/ilive`);
    const delivery = (await service.get(`/v1/deliveries/${body.delivery_id}`)).body;
    expect(delivery).toMatchObject({ state: 'ignored', vendor_kind: 'ilive-webhooks.probe' });
    await service.ops('POST', '/secrets/begin-rotation', { name: 'n', secret: newSecret, why });
    await until(async () => (await service.ops('POST', '/secrets/test', { name: 'n', why })).body.ok);
    const finish = await service.ops('POST', '/secrets/finish-rotation', { why, quiet_seconds: 1 });
    expect(finish.body.detail).toMatch(/"n" has never matched/);
    const unknown = await service.ops('POST', '/secrets/test', { name: 'other', why });
    expect(unknown.body).toMatchObject({ code: 'not_found' });
  });

  test('is followed while it waits in the outage store', async () => {
    const service = await start({ env: { COMMIT_TIMEOUT_SECONDS: '1' } });
    const { sent } = await service.db.transaction(async (tx) => {
      await tx.query({ text: 'lock table deliveries in share row exclusive mode' });
      expect((await service.deliver(verdictPayload())).status).toBe(202);
      const probing = service.ops('POST', '/secrets/test', { why });
      await until(async () => (await service.status()).outage_store.held_deliveries === 2);
      return { sent: probing };
    });
    expect((await sent).body).toMatchObject({ ok: true, status: 202, state: 'ignored', problem: null });
  });

  test.each([
    ['nobody answers', 'http://127.0.0.1:1/webhooks/ilive', /cannot be reached/],
    ['a path that takes nothing', 'SELF/elsewhere', /Nothing takes deliveries at this path \(404\)/],
    ['another account', 'SELF/webhooks/ilive/other', /It was refused: unknown account/],
  ])('says what is wrong: %s', async (_what, address, problem) => {
    const other = await start();
    const url = address.replace('SELF', other.url);
    const service = await start({ env: { PUBLIC_WEBHOOK_URL: url } });
    const { status, body } = await service.ops('POST', '/secrets/test', { why });
    expect(status).toBe(200);
    expect(body).toMatchObject({ ok: false, url, problem: expect.stringMatching(problem) });
  });

  test('says that another installation answers, that it is redirected, that it is a stranger', async () => {
    const other = await start();
    const service = await start({ env: { PUBLIC_WEBHOOK_URL: `${other.url}/webhooks/ilive` } });
    const elsewhere = await service.ops('POST', '/secrets/test', { why });
    expect(elsewhere.body.problem).toMatch(/leads to another installation/);
    const stranger = createServer((req, res) => {
      res.writeHead(req.url === '/moved' ? 301 : 200, { location: 'https://example.com/' }).end('hello');
    });
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    const { port } = stranger.address() as AddressInfo;
    for (const [path, problem] of [
      ['moved', /redirected \(301\)/],
      ['here', /is not ilive-webhooks \(status 200\)/],
    ] as const) {
      const to = await start({ env: { PUBLIC_WEBHOOK_URL: `http://127.0.0.1:${port}/${path}` } });
      expect((await to.ops('POST', '/secrets/test', { why })).body.problem).toMatch(problem);
    }
    stranger.close();
  });
});
