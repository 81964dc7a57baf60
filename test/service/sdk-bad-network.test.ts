// The SDK against the real service behind a proxy that breaks most of what passes, each time in another way: nothing of the feed
// may be missing or come twice, and whoever waits is told the verdict of their own session.
import { request, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSdk } from '../../src/sdk/sdk.ts';
import { settled } from '../support/changes.ts';
import { serve } from '../support/serve.ts';
import { apiKey, startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(async () => {
  await service?.stop();
});

/** What the proxy does with an answer that it has; the first lets it pass. */
const troubles: ((res: ServerResponse, body: Buffer) => void)[] = [
  (res, body) => res.writeHead(200, { 'content-type': 'application/json' }).end(body),
  (res) => res.writeHead(502, { 'content-type': 'text/html' }).end('<html>Bad gateway</html>'),
  (res) => res.writeHead(503, { 'retry-after': '0' }).end(),
  (res) => res.writeHead(504, { 'retry-after': new Date(Date.now() - 60_000).toUTCString() }).end(),
  (res) => res.writeHead(302, { location: 'https://login.example/?next=here' }).end(),
  (res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<html>We are back soon</html>'),
  (res, body) => res.writeHead(200).end(body.subarray(0, body.length / 2)),
  (res) => res.destroy(),
  (res) => res.socket?.resetAndDestroy(),
  (res, body) => {
    res.writeHead(200, { 'content-length': body.length });
    res.write(body.subarray(0, body.length / 2), () => res.socket?.resetAndDestroy());
  },
  (res, body) => {
    const packed = gzipSync(body);
    res.writeHead(200, { 'content-encoding': 'gzip' }).end(packed.subarray(0, packed.length / 2));
  },
];

/** Every second answer passes; the others meet each trouble in turn. */
async function startBadProxy(target: string) {
  let turn = 0;
  const served = await serve((req, res) => {
    const { host: _host, connection: _connection, 'accept-encoding': _encoding, ...headers } = req.headers;
    const passed = request(
      new URL(req.url ?? '/', target),
      { method: req.method, headers },
      async (answer) => {
        const body = await buffer(answer);
        turn += 1;
        const trouble =
          turn % 2 === 0 ? troubles[0] : troubles[1 + (((turn - 1) / 2) % (troubles.length - 1))];
        if (answer.statusCode === 200) trouble?.(res, body);
        else res.writeHead(answer.statusCode ?? 502).end(body);
      },
    );
    passed.on('error', () => res.destroy());
    res.on('close', () => passed.destroy());
    req.pipe(passed);
  });
  return { ...served, met: () => turn };
}

test('through a network that breaks every second answer each change comes once and in order, and each verdict to whoever waits for it', async () => {
  await settled(service);
  const direct = createSdk({ url: service.url, apiKey });
  const { next_cursor: after } = await direct.call('listChanges', { query: { after: 'latest' } });
  await using proxy = await startBadProxy(service.url);
  const sdk = createSdk({ url: proxy.url, apiKey });
  const leaving = new AbortController();
  const seen: string[] = [];
  const following = (async () => {
    for await (const { cursor } of sdk.changes({ after, signal: leaving.signal })) seen.push(cursor);
  })();
  const payloads = Array.from({ length: 20 }, () => verdictPayload());
  const waiting = payloads.map(({ session_id }) => sdk.waitForVerdict(session_id));
  for (const payload of payloads) await service.deliver(payload);
  const verdicts = await Promise.all(waiting);
  expect(verdicts.map(({ session_id, status }) => [session_id, status])).toEqual(
    payloads.map(({ session_id }) => [session_id, 'final']),
  );
  await until(() => seen.length >= payloads.length);
  leaving.abort(new Error('enough'));
  await expect(following).rejects.toThrow('enough');
  const { data } = await direct.call('listChanges', { query: { after, limit: 1_000 } });
  expect(seen).toEqual(data.map(({ cursor }) => cursor));
  expect(proxy.met()).toBeGreaterThan(2 * troubles.length);
});
