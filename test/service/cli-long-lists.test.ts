// A list of more pages than a key may ask for in a minute. What a limit refuses in its middle is asked again once it may be: a
// listing that breaks off leaves half a document behind.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { apiKey, startTestService, type TestService } from '../support/service.ts';
import { runCli } from './run-cli.ts';

const sessionCount = 450; // three pages

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
  await service.db.query({
    text: `insert into sessions (session_id, account, state, confirmation, expected_at)
           select 'session-' || i, 'default', 'expected', 'unconfirmed', now() from generate_series(1, $1::int) i`,
    values: [sessionCount],
  });
});
afterAll(() => service.stop());

/** The service behind something that refuses the requests at these places, counted from 0, as the service itself does. */
async function startLimited(refused: readonly number[]): Promise<{ url: string; server: Server }> {
  let count = 0;
  const server = createServer(async (req, res) => {
    const isRefused = refused.includes(count++);
    if (isRefused) {
      res.writeHead(429, { 'content-type': 'application/problem+json', 'retry-after': '0' });
      res.end(JSON.stringify({ code: 'rate_limited', detail: 'Made its requests.', request_id: 'r' }));
      return;
    }
    const { authorization = '' } = req.headers;
    const answer = await fetch(`${service.url}${req.url}`, { headers: { authorization } });
    res.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    res.end(await answer.text());
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

async function listAll(refused: readonly number[]) {
  const { url, server } = await startLimited(refused);
  try {
    return await runCli(['sessions', 'list', '--all', '--json'], {
      env: { ILIVE_WEBHOOKS_URL: url, ILIVE_WEBHOOKS_API_KEY: apiKey },
    });
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

test('a page that the rate of the key refuses is asked for again, and nothing is missing', async () => {
  const ran = await listAll([1, 3, 4]);
  expect(ran.err).toContain('waits');
  expect(ran.code).toBe(0);
  const listed = JSON.parse(ran.out).data as { session_id: string }[];
  expect(new Set(listed.map(({ session_id: id }) => id)).size).toBe(sessionCount);
  expect(listed.length).toBe(sessionCount);
});

test('a list that may not begin says so at once', async () => {
  const ran = await listAll([0]);
  expect(ran).toMatchObject({ code: 1, out: '' });
  expect(ran.err).toContain('429');
});
