// What ends those who follow and wait with the SDK, and what does not: a small server plays the service and the proxy in front of
// it, over real HTTP, and does what each does on a bad day.
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { GoneError, KeyError, NotFoundError, RequestError, SdkError } from '../../src/sdk/errors.ts';
import { createSdk } from '../../src/sdk/sdk.ts';
import { serve } from '../support/serve.ts';

type Answer = (res: ServerResponse) => void;

const json =
  (body: unknown, status = 200): Answer =>
  (res) =>
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const page =
  (status: number, text = '<html><body>Please come back later</body></html>'): Answer =>
  (res) =>
    res.writeHead(status, { 'content-type': 'text/html' }).end(text);
const problem = (status: number, code: string) => json({ status, code, detail: `It is ${code}.` }, status);

/** A server that gives these answers in turn, and the last one ever after; it notes what it is asked for. */
async function serverOf(answers: Answer[]) {
  const asked: string[] = [];
  const served = await serve((req, res) => {
    asked.push(req.url ?? '');
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    answer?.(res);
  });
  const retried: string[] = [];
  const sdk = createSdk({
    url: served.url,
    apiKey: 'a-key',
    onRetry: ({ code }) => retried.push(code),
  });
  return { ...served, sdk, asked, retried };
}

const cut = (res: ServerResponse, sent: string) => {
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': 1_000 });
  res.write(sent, () => res.destroy());
};

const passing: { name: string; answer: Answer }[] = [
  { name: 'a page of a proxy, 502', answer: page(502) },
  { name: 'a page of a proxy, 503', answer: page(503) },
  { name: 'a page of a proxy, 504', answer: page(504) },
  { name: 'a status of a proxy that nobody knows, 520', answer: page(520) },
  { name: 'a failure inside the service, 500', answer: problem(500, 'internal') },
  { name: 'a request that came too slowly, 408', answer: problem(408, 'request_timeout') },
  { name: 'a page of a proxy, 200', answer: page(200) },
  { name: 'an empty answer, 200', answer: page(200, '') },
  { name: 'no answer at all, 204', answer: (res) => res.writeHead(204).end() },
  { name: 'half an answer that is whole to HTTP', answer: page(200, '{"data":[{"cursor":"c-2"') },
  { name: 'JSON of somebody else, 200', answer: json({ message: 'maintenance' }) },
  { name: 'null, 200', answer: json(null) },
  { name: 'a connection that is cut before the answer', answer: (res) => res.destroy() },
  { name: 'a connection that is cut within the answer', answer: (res) => cut(res, '{"data":[') },
];

test.each(passing)('a follower outlasts $name', async ({ answer }) => {
  const change = (cursor: string) => ({ cursor, type: 'session_settled' });
  await using server = await serverOf([
    json({ data: [change('c-1')], next_cursor: 'c-1' }),
    answer,
    json({ data: [change('c-2')], next_cursor: 'c-2' }),
    problem(410, 'gone'),
  ]);
  const seen: string[] = [];
  const following = (async () => {
    for await (const { cursor } of server.sdk.changes({ after: 'c-0' })) seen.push(cursor);
  })();
  await expect(following).rejects.toThrow(GoneError);
  expect(seen).toEqual(['c-1', 'c-2']);
  // What was answered with trouble is asked for again, from the same place.
  const after = server.asked.map((url) => new URL(url, 'http://service.test').searchParams.get('after'));
  expect(after).toEqual(['c-0', 'c-1', 'c-1', 'c-2']);
  expect(server.retried).toHaveLength(1);
});

test.each(passing)('whoever waits for a verdict outlasts $name', async ({ answer }) => {
  await using server = await serverOf([answer, json({ status: 'final', verdict: 'pass' })]);
  expect(await server.sdk.waitForVerdict('s-1')).toMatchObject({ status: 'final', verdict: 'pass' });
  expect(server.asked).toHaveLength(2);
});

test('where a follower begins with the latest change, that is asked for through trouble too', async () => {
  const latest = json({ data: [], next_cursor: 'c-9' });
  await using server = await serverOf([page(200), latest, problem(410, 'gone')]);
  const cursors: string[] = [];
  const onCursor = (cursor: string) => void cursors.push(cursor);
  await expect(server.sdk.changes({ after: 'latest', onCursor }).next()).rejects.toThrow(GoneError);
  expect(cursors).toEqual(['c-9']);
});

test.each([
  { status: 400, code: 'invalid_request', kind: RequestError },
  { status: 401, code: 'unauthorized', kind: KeyError },
  { status: 403, code: 'forbidden', kind: KeyError },
  { status: 404, code: 'not_found', kind: NotFoundError },
  { status: 410, code: 'gone', kind: GoneError },
  { status: 431, code: 'head_too_large', kind: RequestError },
])('a $status ends a follower and whoever waits, at once', async ({ status, code, kind }) => {
  await using server = await serverOf([problem(status, code)]);
  await expect(server.sdk.changes({ after: 'c-0' }).next()).rejects.toThrow(kind);
  await expect(server.sdk.waitForVerdict('s-1')).rejects.toThrow(kind);
  expect(server.asked).toHaveLength(2);
});

test('whoever is never answered by the service itself is told so once the time is over, and does not ask without a pause', async () => {
  for (const answer of [page(200), json({}), problem(500, 'internal')]) {
    await using server = await serverOf([answer]);
    await expect(server.sdk.waitForVerdict('s-1', { timeoutMs: 400 })).rejects.toThrow(SdkError);
    expect(server.asked.length).toBeLessThanOrEqual(4);
  }
});

test('a call that does not wait is not tried again after a failure inside the service', async () => {
  await using server = await serverOf([problem(500, 'internal')]);
  await expect(server.sdk.call('listSessions')).rejects.toMatchObject({ status: 500, code: 'internal' });
  expect(server.asked).toHaveLength(1);
});
