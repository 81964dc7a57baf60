// Guarantees 3 and 4: the signature is checked over the received bytes before anything reads them, and after a good one
// nothing but 503 is ever a refusal.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { secret, startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

let service: TestService;

beforeAll(async () => {
  service = await startTestService({
    env: {
      ILIVE_WEBHOOK_SECRETS: `whsec_old,${secret}`,
      ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT: '{"acme":["whsec_acme"]}',
      BODY_LIMIT_BYTES: '2048',
      REQUEST_TIMEOUT_SECONDS: '1',
    },
  });
});

afterAll(() => service.stop());

beforeEach(async () => {
  await service.db.query({ text: 'truncate deliveries, delivery_bodies, sessions, observations' });
});

async function storedCount(): Promise<number> {
  const [row] = await service.db.query<{ count: string }>({ text: 'select count(*) from deliveries' });
  return Number(row?.count);
}

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);

test.each([
  ['signature_mismatch', () => service.deliver(verdictPayload(), { secret: 'whsec_wrong' })],
  ['signature_mismatch', () => service.deliver('{"not json', { secret: 'whsec_wrong' })],
  ['signature_mismatch', () => service.deliver(verdictPayload(), { account: 'acme' })],
  ['unknown_account', () => service.deliver(verdictPayload(), { account: 'nobody' })],
  ['timestamp_too_old', () => service.deliver(verdictPayload(), { signedAt: minutesAgo(6) })],
  ['timestamp_too_new', () => service.deliver(verdictPayload(), { signedAt: minutesAgo(-6) })],
  [
    'malformed_signature',
    () => service.deliver(verdictPayload(), { headers: { 'x-ilive-signature': 'sha1=aa' } }),
  ],
  [
    'malformed_timestamp',
    () => service.deliver(verdictPayload(), { headers: { 'x-ilive-timestamp': 'now' } }),
  ],
])('guarantee 3: %s is a 401 that says so, and nothing is stored', async (code, send) => {
  const { status, body, headers } = await send();
  expect({ status, code: body.code }).toEqual({ status: 401, code });
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(await storedCount()).toBe(0);
});

test.each(['acme', 'acme/', 'acme?from=ilive', '%61cme', 'acme/?', '../ILIVE/acme'])(
  'an account is found under every spelling of its address: %s',
  async (account) => {
    const { status } = await service.deliver(verdictPayload(), { account, secret: 'whsec_acme' });
    const [row] = await service.db.query<{ account: string }>({ text: 'select account from deliveries' });
    expect([status, row?.account]).toEqual([202, 'acme']);
  },
);

test.each(['acme/more', '../iliveacme'])('what only begins like the address is nothing: %s', async (rest) => {
  const { status } = await service.deliver(verdictPayload(), { account: rest, secret: 'whsec_acme' });
  expect([status, await storedCount()]).toEqual([404, 0]);
});

test('an unsigned request is refused whatever it holds', async () => {
  const response = await fetch(`${service.url}/webhooks/ilive`, { method: 'POST', body: '{{{' });
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
    401,
    'missing_signature',
  ]);
});

test('any of the secrets of the account is good', async () => {
  expect((await service.deliver(verdictPayload(), { secret: 'whsec_old' })).status).toBe(202);
  expect((await service.deliver(verdictPayload(), { secret: 'whsec_acme', account: 'acme' })).status).toBe(
    202,
  );
});

test.each([
  ['invalid_json', '{"event":"liveness.verdict","session_id":'],
  ['invalid_json', ''],
  ['invalid_utf8', Buffer.from([0x7b, 0xc3, 0x28, 0x7d])],
  ['not_an_object', '[1,2]'],
  ['unknown_kind', { event: 'session.teleported' }],
  ['unreadable_body', verdictPayload({ verdict: 'maybe' })],
  ['unreadable_body', { event: 'liveness.verdict' }],
  ['unstorable_text', '{"event":"liveness.verdict","session_id":"a\\u0000","verdict":"pass"}'],
])(
  'guarantee 4: signed but %s: stored to the byte, parked with its reason, answered 202',
  async (reason, payload) => {
    const { status, body } = await service.deliver(payload);
    expect(status).toBe(202);
    await service.settled();
    const shown = await service.get(`/v1/ops/deliveries/${body.delivery_id}/body?why=test`);
    expect(shown.body).toMatchObject({ state: 'parked', reason });
    const sent = Buffer.isBuffer(payload)
      ? payload
      : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
    expect(Buffer.from(shown.body.body_base64, 'base64')).toEqual(sent);
  },
);

test('a webhook id of any length and a body without one are taken in', async () => {
  const webhookId = 'x'.repeat(5_000);
  const payload = verdictPayload();
  const first = await service.deliver(payload, { webhookId });
  expect(first.status).toBe(202);
  expect((await service.deliver(payload, { webhookId })).body).toEqual({ ...first.body, repeat: true });
});

test('guarantee 10: a body over the limit is a 413 that names the limit, declared or not', async () => {
  const large = { event: 'x', filler: 'y'.repeat(4_000) };
  expect(await service.deliver(large)).toMatchObject({
    status: 413,
    body: { code: 'body_too_large', detail: expect.stringContaining('2048') },
  });
  const status = await new Promise((resolve, reject) => {
    const req = request(`${service.url}/webhooks/ilive`, {
      method: 'POST',
      headers: { 'transfer-encoding': 'chunked' },
    });
    req.on('response', (res) => resolve(res.resume().statusCode));
    req.on('error', reject);
    for (let sent = 0; sent < 10; sent += 1) req.write('z'.repeat(1_000));
    req.end();
  });
  expect(status).toBe(413);
});

test.each(['GET', 'PUT', 'DELETE', 'PATCH'])(
  '%s on the webhook route is a 405 that tells what is allowed',
  async (method) => {
    const response = await fetch(`${service.url}/webhooks/ilive`, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  },
);

test('a request that is sent slowly or by half ends by itself and holds nothing', async () => {
  const port = Number(new URL(service.url).port);
  const callerPorts = new Set<number | undefined>();
  // The service lives in this process: these are its ends of the connections, by the callers' ports.
  const held = new Map<number | undefined, Socket>();
  const accept = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    held.set(socket.remotePort, socket);
  };
  subscribe('net.server.socket', accept);
  onTestFinished(() => void unsubscribe('net.server.socket', accept));
  const endings = [
    '',
    'POST /webhooks/ilive HT',
    'POST /webhooks/ilive HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"ha',
  ].map(
    (start) =>
      new Promise<string>((resolve) => {
        let answer = '';
        const socket = connect(port, '127.0.0.1', () => {
          callerPorts.add(socket.localPort);
          socket.write(start);
        });
        socket.on('data', (chunk) => {
          answer += chunk;
        });
        socket.on('error', () => {});
        socket.on('close', () => resolve(answer.split('\r\n')[0] ?? ''));
      }),
  );
  expect(await Promise.all(endings)).toEqual([
    'HTTP/1.1 408 Request Timeout',
    'HTTP/1.1 408 Request Timeout',
    'HTTP/1.1 408 Request Timeout',
  ]);
  expect(callerPorts.size).toBe(endings.length);
  await until(() => [...callerPorts].every((caller) => held.get(caller)?.closed), {
    describe: 'the connections are gone',
  });
  expect((await service.deliver(verdictPayload())).status).toBe(202);
});

test('a connection that is cut in the middle of a body stores nothing and harms nobody', async () => {
  const port = Number(new URL(service.url).port);
  await new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write('POST /webhooks/ilive HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"half":', () =>
        socket.destroy(),
      );
    });
    socket.on('close', () => resolve());
  });
  expect((await service.deliver(verdictPayload())).status).toBe(202);
  expect(await storedCount()).toBe(1);
});
