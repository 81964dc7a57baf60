// The change feed as a stream of events: from any cursor, with the place told all the while; and what happens to readers that do
// not read, and to those whose key has ended.
import { connect as connectSocket, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { follow, latest, settled } from '../support/changes.ts';
import { figureOf } from '../support/figures.ts';
import { operatorOf } from '../support/operator.ts';
import { apiKey, startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

let service: TestService;

beforeAll(async () => {
  service = await startTestService({ env: { STREAM_HEARTBEAT_SECONDS: '1', STREAM_STALL_SECONDS: '2' } });
});
afterAll(() => service?.stop());

async function open(query = '', headers: Record<string, string> = {}) {
  const leaving = new AbortController();
  const response = await fetch(`${service.url}/v1/stream${query}`, {
    headers: { authorization: `Bearer ${apiKey}`, ...headers },
    signal: leaving.signal,
  });
  let text = '';
  const ended = (async () => {
    const reader = response.body?.pipeThrough(new TextDecoderStream());
    for await (const chunk of reader ?? []) text += chunk;
  })().catch(() => {});
  return { response, ended, leave: () => leaving.abort(), text: () => text };
}
const idsIn = (text: string) => [...text.matchAll(/^id: (.*)\nevent: /gm)].map(([, id]) => id);

test('guarantee 22: changes come as events with their cursor as id, and Last-Event-ID goes on behind it', async () => {
  const after = await latest(service);
  const stream = await open(`?after=${after}`);
  expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  for (let index = 0; index < 3; index += 1) await service.deliver(verdictPayload());
  await until(() => idsIn(stream.text()).length === 3);
  const changes = await follow(service, after);
  expect(idsIn(stream.text())).toEqual(changes.map(({ cursor }) => cursor));
  const data = [...stream.text().matchAll(/^event: session_settled\ndata: (.*)$/gm)];
  expect(data.map(([, json]) => JSON.parse(json ?? ''))).toEqual(changes);
  stream.leave();
  // A browser that reconnects asks by the address that it has, and says where it was: that counts.
  const again = await open(`?after=${after}`, { 'last-event-id': changes[0].cursor });
  await until(() => idsIn(again.text()).length === 2);
  expect(idsIn(again.text())).toEqual(changes.slice(1).map(({ cursor }) => cursor));
  again.leave();
});

test('where nothing comes it says that it is there, with the place up to which it has looked', async () => {
  const stream = await open(`?after=${await latest(service)}&types=session_expired`);
  await service.deliver(verdictPayload());
  await settled(service);
  const end = await latest(service);
  await until(() => stream.text().includes(`:\nid: ${end}\n\n`));
  expect(stream.text()).not.toContain('event:');
  stream.leave();
});

test('it says so also while changes come all the time of which none is of the types that were asked for', async () => {
  const stream = await open(`?after=${await latest(service)}&types=session_expired`);
  let isBusy = true;
  const busy = (async () => {
    while (isBusy) await service.deliver(verdictPayload());
  })();
  try {
    await until(() => /^:\nid: /m.test(stream.text()), { deadlineMs: 20_000 });
  } finally {
    isBusy = false;
    await busy;
  }
  expect(stream.text()).not.toContain('event:');
  stream.leave();
});

test('a reader that reads nothing is cut off, and the others are not held up', async () => {
  const after = await latest(service);
  const well = await open(`?after=${after}`);
  const { hostname, port } = new URL(service.url);
  const socket: Socket = connectSocket(Number(port), hostname);
  socket.on('error', () => {});
  socket.pause();
  socket.write(
    `GET /v1/stream?after=${after} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${apiKey}\r\n\r\n`,
  );
  await until(async () => (await streams()) === 2);
  // More than the buffers of both ends take.
  await service.db.query({
    text: `insert into face_matches (match_id, account, delivery_id, occurred_at, known_at, face_id)
           select 'slow-' || lpad(n::text, 5, '0'), 'default', gen_random_uuid(), now(), now(), repeat('x', 3000)
           from generate_series(1, 5000) n`,
  });
  await until(() => well.text().includes('slow-05000'));
  await until(async () => (await streams()) === 1, { describe: 'it is cut off' });
  socket.destroy();
  well.leave();
});

const streams = () => figureOf(service, 'ilive_waiting_callers{kind="stream"}');

test('a key that is revoked ends its streams and its waits', async () => {
  const ops = operatorOf(service.url).ops;
  const made = await ops('POST', '/keys', { name: 'for a while', role: 'reader', why: 'a test' });
  const { key, key_id: id } = made.body;
  const headers = { authorization: `Bearer ${key}` };
  const stream = await fetch(`${service.url}/v1/stream?after=latest`, { headers });
  const told = stream.text();
  const waits = ['/v1/sessions/nobody/verdict', '/v1/changes'].map((path) =>
    service.get(
      `${path}?wait=3s&after=latest`.replace('verdict?wait=3s&after=latest', 'verdict?wait=3s'),
      key,
    ),
  );
  await until(async () => (await streams()) === 1);
  await ops('POST', `/keys/${id}/revoke`, { why: 'a test' });
  await service.deliver(verdictPayload());
  expect(await told).not.toContain('event:');
  for (const { status } of await Promise.all(waits)) expect(status).toBe(401);
  await settled(service); // whoever follows from the latest change is not told of this one
});

test('a stream says at once where it is, so that a break before the first event loses nothing', async () => {
  const stream = await open('?after=latest');
  await until(() => stream.text().startsWith(`retry: 1000\nid: `));
  const [, place] = /^id: (.*)$/m.exec(stream.text()) ?? [];
  stream.leave();
  await service.deliver(verdictPayload());
  await settled(service);
  const again = await open('', { 'last-event-id': place ?? '' });
  await until(() => idsIn(again.text()).length === 1);
  again.leave();
});

test('a HEAD is answered with the head alone, and takes nobody’s place', async () => {
  await until(async () => (await streams()) === 0);
  const { status, headers } = await fetch(`${service.url}/v1/stream?after=latest`, {
    method: 'HEAD',
    headers: { authorization: `Bearer ${apiKey}` },
    signal: AbortSignal.timeout(5_000),
  });
  expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  expect(await streams()).toBe(0);
});

test('stopping ends every stream', async () => {
  const own = await startTestService();
  const response = await fetch(`${own.url}/v1/stream`, { headers: { authorization: `Bearer ${apiKey}` } });
  const ended = response.text();
  const startedAt = performance.now();
  await own.stop();
  expect(await ended).toContain('retry:');
  expect(performance.now() - startedAt).toBeLessThan(9_000);
});
