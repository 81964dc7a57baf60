// The front door and the API under hostile input: a small part of what `npm run fuzz` does at length, and what it has found, each
// thing once. docs/security.md has the figures of a long run; docs/decisions/036-hostile-input.md says what was decided.
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defaultTemplate, sign, signingKey } from '../../src/ilive/signature.ts';
import { createApiRequests } from '../fuzz/api-requests.ts';
import { attack } from '../fuzz/attack.ts';
import { lookAtRows } from '../fuzz/look-at-rows.ts';
import { createTalkMaker } from '../fuzz/make-talks.ts';
import { sceneSettings, setScene } from '../fuzz/set-scene.ts';
import {
  apiKey,
  neverSheds,
  secret,
  startTestService,
  type TestService,
  verdictPayload,
} from '../support/service.ts';
import { until } from '../support/until.ts';

const seed = Number(process.env.FUZZ_SEED ?? 20_261_125);
const requestCount = Number(process.env.FUZZ_RUNS ?? 1_500);

let service: TestService;

beforeAll(async () => {
  service = await startTestService({
    env: {
      ...sceneSettings,
      REQUEST_TIMEOUT_SECONDS: '5',
      ...neverSheds,
      COMMIT_TIMEOUT_SECONDS: '60',
    },
  });
});
afterAll(() => service?.stop());

/** What comes back on one connection until it is closed by the other side, or `open`. */
function say(text: string, waitMs: number): Promise<string> {
  const { port, hostname } = new URL(service.url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(text));
    const late = setTimeout(() => {
      answer += 'open';
      socket.destroy();
    }, waitMs);
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(late);
      resolve(answer);
    });
  });
}

test('a connection that asks for another protocol is closed once it is answered, so that nobody waits on it', async () => {
  const asking = [
    'POST /webhooks/ilive HTTP/1.1',
    'host: x',
    'connection: upgrade',
    'upgrade: h2c',
    'content-length: 2',
    '',
    '{}',
  ].join('\r\n');
  const answer = await say(`${asking}GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n`, 8_000);
  expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  expect(answer).toMatch(/^connection: close/im);
  expect(answer).not.toMatch(/open$/);
});

test('a signature in a trailer has signed nothing', async () => {
  const trailing = [
    'POST /webhooks/ilive HTTP/1.1',
    'host: x',
    'transfer-encoding: chunked',
    'trailer: x-ilive-signature',
    'connection: close',
    '',
    '2',
    '{}',
    '0',
    `x-ilive-signature: sha256=${'0'.repeat(64)}`,
    '',
    '',
  ].join('\r\n');
  expect(await say(trailing, 8_000)).toMatch(/"code":"missing_signature"/);
});

test('the status answers whatever a rightly signed delivery says of its time', async () => {
  const signedAt = new Date(Date.now() + 8_000_000_000_000);
  expect((await service.deliver(verdictPayload(), { signedAt })).body.code).toBe('timestamp_too_new');
  await until(
    async () => {
      const [row] = await service.db.query<{ count: string }>({
        text: `select count(*) from refusals where (diagnosis ->> 'offsetSeconds')::float8 < -2147483648`,
      });
      return Number(row?.count) > 0;
    },
    { describe: 'it is diagnosed' },
  );
  expect((await service.get('/v1/ops/status')).status).toBe(200);
});

test('a refused body that nests deep keeps no other refusal from its diagnosis', async () => {
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  const refused = await service.deliver(deep, { secret: 'wrong' });
  expect(refused.status).toBe(401);
  await until(
    async () => {
      const { body } = await service.get('/v1/ops/refusals?limit=200');
      const rows = body.data as { body_bytes: number; diagnosis: unknown }[];
      return (
        rows.some(({ body_bytes }) => body_bytes === deep.length) &&
        rows.every(({ diagnosis }) => diagnosis !== null)
      );
    },
    { describe: 'all are diagnosed', deadlineMs: 60_000 },
  );
});

test.each([
  ['a body that is compressed and signed as it is', gzipSync(JSON.stringify(verdictPayload()))],
  ['one that unpacks to fifty megabytes', gzipSync(Buffer.alloc(50_000_000))],
])('3, 4 — %s is taken, kept to the byte, never unpacked, and parked', async (_what, body) => {
  const sent = await service.deliver(body, { headers: { 'content-encoding': 'gzip' } });
  expect(sent.status).toBe(202);
  await service.settled();
  const shown = (await service.get(`/v1/ops/deliveries/${sent.body.delivery_id}/body?why=test`)).body;
  expect(shown).toMatchObject({ state: 'parked', reason: 'invalid_utf8' });
  expect(Buffer.from(shown.body_base64, 'base64').equals(body)).toBe(true);
});

test('guarantee 3: a signature over what a compressed body unpacks to is no signature over what was received', async () => {
  const plain = Buffer.from(JSON.stringify(verdictPayload()));
  const headers = sign(plain, {
    key: signingKey(secret, 'utf8'),
    template: defaultTemplate,
    timestamp: Math.floor(Date.now() / 1000),
    webhookId: randomUUID(),
  });
  const response = await fetch(`${service.url}/webhooks/ilive`, {
    method: 'POST',
    headers: { ...headers, 'content-encoding': 'gzip' },
    body: gzipSync(plain),
  });
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
    401,
    'signature_mismatch',
  ]);
});

test.each(['location', 'details', 'session_id', 'event'])(
  'guarantee 4: a signed body that nests deep in "%s" is accepted and harms no other',
  async (field) => {
    const nest = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`;
    const text = JSON.stringify({ event: 'compliance.alert', alert_id: randomUUID(), severity: 'low' });
    const body = field === 'event' ? `{"event":${nest}}` : `${text.slice(0, -1)},"${field}":${nest}}`;
    const deep = await service.deliver(body);
    const other = await service.deliver(verdictPayload());
    expect([deep.status, other.status]).toEqual([202, 202]);
    await service.settled();
    const stateOf = async (id: string) => (await service.get(`/v1/deliveries/${id}`)).body.state;
    expect(await stateOf(other.body.delivery_id)).toBe('done');
    expect(['done', 'parked']).toContain(await stateOf(deep.body.delivery_id));
  },
);

// Last: what it leaves behind keeps the service busy for a while.
test('3, 4 — whatever is sent, nothing unsigned is accepted, everything signed is, and nothing is answered 5xx', async () => {
  const url = new URL(service.url);
  const before = await service.db.query<{ webhookId: string; sha256: string }>({
    text: `select webhook_id as "webhookId", encode(body_sha256, 'hex') as sha256 from deliveries`,
  });
  const scene = await setScene(service.url, secret, apiKey);
  const api = createApiRequests({ seed, host: url.host, ...scene });
  const found = await attack({
    place: { host: url.hostname, port: Number(url.port), limitMs: 60_000 },
    talks: createTalkMaker({
      seed,
      host: url.host,
      secret,
      apiRequest: api.of,
      readerKey: scene.keys.reader ?? '',
    }),
    requestCount,
    requestsPerSecond: 10_000,
    maxOpen: 16,
    maxMs: 60_000,
    signal: new AbortController().signal,
  });
  // It may have paused processing, as an admin may.
  await fetch(`${service.url}/v1/ops/resume`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ what: 'processing', why: 'the fuzz is over' }),
  });
  expect(found.failures).toEqual([]);
  expect(found.acceptedIds.length).toBeGreaterThan(0);
  const signed = [...before, ...scene.signed, ...found.signed];
  expect(await lookAtRows(service.db, signed, found.acceptedIds, 30_000)).toMatchObject({
    foreignCount: 0,
    missingCount: 0,
    owedCount: 0,
  });
  expect((await service.deliver(verdictPayload())).status).toBe(202);
});
