// What the SDK makes of a network that is no friend: redirects, answers to somebody else's question, pages and numbers of
// proxies, times that are said in the other form, clocks that are set. Small servers play what stands in front of the service.
import type { RequestListener } from 'node:http';
import { afterEach, expect, test, vi } from 'vitest';
import { KeyError, RequestError, SdkError, UnavailableError } from '../../src/sdk/errors.ts';
import { createSdk, type SdkOptions } from '../../src/sdk/sdk.ts';
import { serve } from '../support/serve.ts';

afterEach(() => {
  vi.useRealTimers();
});

type Answer = RequestListener;

const json =
  (body: unknown, status = 200, headers: Record<string, string> = {}): Answer =>
  (_req, res) =>
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

/** A server that gives these answers in turn, and the last one ever after; it notes what it is asked for. */
async function serverOf(...answers: Answer[]) {
  const asked: string[] = [];
  const served = await serve((req, res) => {
    asked.push(`${req.method} ${req.url}`);
    (answers.length > 1 ? answers.shift() : answers[0])?.(req, res);
  });
  const sdk = (options: Partial<SdkOptions> = {}) =>
    createSdk({ url: served.url, apiKey: 'a-key', ...options });
  return { ...served, sdk, asked };
}

const redirect =
  (status: number, location: string): Answer =>
  (_req, res) =>
    res.writeHead(status, { location }).end();

test.each([301, 302, 303, 307, 308])(
  'a %i is not followed: no create becomes a question, and nothing is asked of another host',
  async (status) => {
    await using other = await serverOf(json({ data: [{ session_id: 'of somebody' }], next_cursor: null }));
    await using server = await serverOf(redirect(status, `${other.url}/v1/sessions`));
    const creating = server.sdk().call('createSession', { body: { reference_id: 'anna' } });
    await expect(creating).rejects.toMatchObject({ status, code: 'redirected' });
    await expect(creating).rejects.toThrow(`redirects to ${other.url}, and`);
    expect([server.asked, other.asked]).toEqual([['POST /v1/sessions'], []]);
  },
);

test('a redirect for good ends who follows and who waits, and says where the service is; one for now is waited out', async () => {
  await using moved = await serverOf(redirect(308, 'https://verdicts.internal/v1/changes?after=c-1'));
  await expect(moved.sdk().changes({ after: 'c-1' }).next()).rejects.toThrow(RequestError);
  await expect(moved.sdk().waitForVerdict('s-1')).rejects.toThrow(
    'redirects to https://verdicts.internal, and',
  );
  expect(moved.asked).toHaveLength(2);
  const final = { session_id: 's-1', status: 'final', verdict: 'pass' };
  await using closed = await serverOf(redirect(302, '/maintenance?for=anna'), json(final));
  const retried: string[] = [];
  const sdk = closed.sdk({ onRetry: ({ message }) => retried.push(message) });
  expect(await sdk.waitForVerdict('s-1')).toEqual(final);
  expect(retried).toEqual([
    expect.stringContaining(`at ${closed.url} redirects to another path of its own, and`),
  ]);
});

test('no error names the person or the session that was asked about', async () => {
  await using server = await serverOf((_req, res) => res.end('<html>Please log in</html>'));
  const asking = server.sdk().call('getSubject', { path: { reference_id: 'anna@example.com' } });
  await expect(asking).rejects.toThrow(
    `What answered at ${server.url} is not the service: its answer is not JSON.`,
  );
});

test('an address with a password is refused at once, and the password is in no error', async () => {
  for (const url of [
    'https://name:hunter2@verdicts.internal',
    'name:hunter2@verdicts.internal',
    'hunter2@host',
  ]) {
    expect(() => createSdk({ url, apiKey: 'a-key' })).toThrow(RequestError);
    expect(() => createSdk({ url, apiKey: 'a-key' })).not.toThrow('hunter2');
  }
});

test('a Retry-After of nothing has nobody ask without a pause', async () => {
  await using server = await serverOf(json({}, 503, { 'retry-after': '0' }));
  const waiting = server.sdk().waitForVerdict('s-1', { timeoutMs: 400 });
  await expect(waiting).rejects.toThrow(UnavailableError);
  expect(server.asked.length).toBeLessThanOrEqual(4);
});

test.each([
  { name: 'seconds', retryAfter: '90', date: undefined, ms: 90_000 },
  {
    name: 'a date, and our clock is off',
    retryAfter: 'Sat, 07 Nov 2026 10:01:30 GMT',
    date: '10:00:00',
    ms: 90_000,
  },
  { name: 'a date that is past', retryAfter: 'Sat, 07 Nov 2026 09:00:00 GMT', date: '10:00:00', ms: null },
  { name: 'what is neither', retryAfter: '-5', date: undefined, ms: null },
])('a Retry-After in $name is read', async ({ retryAfter, date, ms }) => {
  const dated = date === undefined ? {} : { date: `Sat, 07 Nov 2026 ${date} GMT` };
  await using server = await serverOf(json({}, 503, { 'retry-after': retryAfter, ...dated }));
  const calling = server.sdk({ maxRetries: 0 }).call('listSessions');
  await expect(calling).rejects.toMatchObject({ status: 503, retryAfterMs: ms });
});

test('a call is not held for longer than a minute by what a proxy says, unless it may be tried without an end', async () => {
  await using server = await serverOf(json({}, 503, { 'retry-after': '3600' }));
  const calling = server.sdk().call('listSessions');
  await expect(calling).rejects.toMatchObject({ status: 503, retryAfterMs: 3_600_000 });
  expect(server.asked).toHaveLength(1);
});

test('what a proxy calls a code or a detail is told only where it is a text', async () => {
  await using server = await serverOf(
    json({ code: 503, detail: { reason: 'no upstream' }, request_id: 7 }, 503),
  );
  const calling = server.sdk({ maxRetries: 0 }).call('listSessions');
  await expect(calling).rejects.toMatchObject({ code: 'http_503', requestId: null });
  await expect(calling).rejects.toThrow('The service answered 503.');
});

test.each([
  { name: 'of somebody else', body: { message: 'maintenance' } },
  { name: 'that is null', body: null },
  { name: 'without an end', body: { data: [{ session_id: 's-1' }] } },
])('rows that are no list $name are told as not of the service', async ({ body }) => {
  await using server = await serverOf(json(body), json(null));
  const reading = (async () => {
    for await (const _ of server.sdk().rows('listSessions')) {
      // nothing of it is a row of the service's
    }
  })();
  await expect(reading).rejects.toThrow(SdkError);
  await expect(reading).rejects.toMatchObject({ code: 'not_of_service' });
  expect(server.asked).toHaveLength(1);
});

test('the answer about another session or person is not taken for the one that was asked for', async () => {
  const pass = (session_id: string) => json({ session_id, status: 'final', verdict: 'pass' });
  await using server = await serverOf(pass('of-anna'), pass('of-bert'));
  expect(await server.sdk().waitForVerdict('of-bert')).toMatchObject({ session_id: 'of-bert' });
  await using subjects = await serverOf(json({ reference_id: 'anna', standing: { is_verified: true } }));
  const asking = subjects.sdk().call('getSubject', { path: { reference_id: 'bert' } });
  await expect(asking).rejects.toMatchObject({ code: 'not_of_service' });
});

test('a page that comes a second time is not given a second time', async () => {
  const page = (cursor: string) => json({ data: [{ cursor }], next_cursor: cursor });
  const gone = json({ code: 'gone', detail: 'It is gone.' }, 410);
  await using server = await serverOf(page('c-1'), page('c-1'), page('c-2'), gone);
  const seen: string[] = [];
  const following = (async () => {
    for await (const { cursor } of server.sdk().changes({ after: 'c-0' })) seen.push(cursor);
  })();
  await expect(following).rejects.toMatchObject({ code: 'gone' });
  expect(seen).toEqual(['c-1', 'c-2']);
});

test('a key that is long in coming is waited for as long as an answer, and an abort ends that', async () => {
  await using server = await serverOf(json({ data: [], next_cursor: null }));
  const retried: string[] = [];
  let asked = 0;
  const apiKey = () => {
    asked += 1;
    return asked === 1 ? new Promise<string>(() => {}) : 'a-key';
  };
  const sdk = server.sdk({ apiKey, onRetry: ({ message }) => retried.push(message) });
  expect(await sdk.call('listSessions', {}, { timeoutMs: 1_000 })).toEqual({ data: [], next_cursor: null });
  expect(retried).toEqual(['"apiKey" gave no key within 1000 ms.']);
  const leaving = new AbortController();
  const never = server.sdk({ apiKey: () => new Promise(() => {}) });
  const waiting = never.waitForVerdict('s-1', { signal: leaving.signal });
  leaving.abort(new Error('the user has left'));
  await expect(waiting).rejects.toThrow('the user has left');
  await expect(server.sdk({ apiKey: async () => '' }).call('listSessions')).rejects.toThrow(KeyError);
});

test('an abort is told by its own reason, whatever a fetch of one’s own makes of it', async () => {
  const leaving = new AbortController();
  const sdk = createSdk({
    url: 'http://service.test',
    apiKey: 'a-key',
    fetch: (_, init) =>
      new Promise((_resolve, reject) => {
        init?.signal?.addEventListener('abort', () => reject(new Error('request aborted')));
      }),
  });
  const calling = sdk.call('listSessions', {}, { signal: leaving.signal });
  setImmediate(() => leaving.abort(new Error('the user has left')));
  await expect(calling).rejects.toThrow('the user has left');
});

test.each([-3_600_000, 3_600_000])(
  'a clock that is set by %i ms changes nothing about how long a verdict is waited for',
  async (jumpMs) => {
    vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] });
    const beganAt = performance.now();
    const sdk = createSdk({
      url: 'http://service.test',
      apiKey: 'a-key',
      fetch: async (url) => {
        vi.setSystemTime(Date.now() + jumpMs);
        const waitMs = Number.parseInt(new URL(String(url)).searchParams.get('wait') ?? '', 10);
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        return Response.json({ session_id: 's-1', status: 'pending' });
      },
    });
    let waitedMs: number | undefined;
    void sdk.waitForVerdict('s-1', { timeoutMs: 60_000 }).then(() => {
      waitedMs = performance.now() - beganAt;
    });
    await vi.advanceTimersByTimeAsync(70_000);
    expect(waitedMs).toBe(60_000);
  },
);

/** The service, to which one key is known, and another from the moment on at which whoever holds the first is waiting. */
async function rotatingServer(answer: Answer, next: string) {
  const keys = { given: 'the-old-key', sent: [] as (string | undefined)[] };
  const server = await serverOf((req, res) => {
    keys.sent.push(req.headers.authorization?.replace('Bearer ', ''));
    if (keys.sent.at(-1) === 'the-new-key') return answer(req, res);
    keys.given = next;
    json({ code: 'unauthorized', detail: 'This key is not known here, was revoked or has expired.' }, 401)(
      req,
      res,
    );
  });
  return { ...server, keys, sdk: server.sdk({ apiKey: () => keys.given }) };
}

test('a key that ends while it waits is changed for the one that is given by then, once', async () => {
  const page = json({ data: [{ cursor: 'c-1' }], next_cursor: 'c-1' });
  await using server = await rotatingServer(page, 'the-new-key');
  expect((await server.sdk.changes({ after: 'c-0' }).next()).value).toMatchObject({ cursor: 'c-1' });
  expect(server.keys.sent).toEqual(['the-old-key', 'the-new-key']);
  await using waited = await rotatingServer(json({ session_id: 's-1', status: 'final' }), 'the-new-key');
  expect(await waited.sdk.waitForVerdict('s-1')).toMatchObject({ status: 'final' });
  await using refusing = await rotatingServer(page, 'a-third-key');
  await expect(refusing.sdk.changes({ after: 'c-0' }).next()).rejects.toThrow(KeyError);
  expect(refusing.keys.sent).toEqual(['the-old-key', 'a-third-key']);
  await using same = await rotatingServer(page, 'the-old-key');
  await expect(same.sdk.waitForVerdict('s-1')).rejects.toThrow(KeyError);
  expect(same.keys.sent).toEqual(['the-old-key']);
});

test('an abort ends who follows before the next change, and what was dealt with does not come again', async () => {
  const data = ['c-1', 'c-2', 'c-3'].map((cursor) => ({ cursor }));
  await using server = await serverOf(json({ data, next_cursor: 'c-3' }));
  const leaving = new AbortController();
  const seen: string[] = [];
  const cursors: string[] = [];
  const onCursor = (cursor: string) => void cursors.push(cursor);
  const following = (async () => {
    for await (const { cursor } of server.sdk().changes({ after: 'c-0', onCursor, signal: leaving.signal })) {
      seen.push(cursor);
      if (cursor === 'c-2') leaving.abort(new Error('the process is stopped'));
    }
  })();
  await expect(following).rejects.toThrow('the process is stopped');
  expect([seen, cursors]).toEqual([['c-1', 'c-2'], ['c-2']]);
});
