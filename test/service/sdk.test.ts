// What internal services use to ask: the SDK against the real service, through restarts of it, with keys that do not work, and
// with cursors that are too old.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { dropOldChanges } from '../../src/db/changes.ts';
import {
  GoneError,
  KeyError,
  NotFoundError,
  RateLimitError,
  RequestError,
  UnavailableError,
} from '../../src/sdk/errors.ts';
import { type Change, createSdk } from '../../src/sdk/sdk.ts';
import { settled } from '../support/changes.ts';
import { createTestDatabase } from '../support/database.ts';
import { findFreePort } from '../support/free-port.ts';
import {
  apiKey,
  startTestService,
  type TestService,
  type TestServiceOptions,
  verdictPayload,
} from '../support/service.ts';
import { until } from '../support/until.ts';

let service: TestService;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let options: TestServiceOptions;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  // The same address after each restart.
  options = { databaseUrl: database.url, env: { PORT: String(await findFreePort()) } };
  service = await startTestService(options);
});
afterAll(async () => {
  await service?.stop();
  await database?.drop();
});

const sdk = (changes: Partial<Parameters<typeof createSdk>[0]> = {}) =>
  createSdk({ url: service.url, apiKey, ...changes });

async function restart(): Promise<void> {
  await service.stop();
  service = await startTestService(options);
}

test('guarantee 23: a verdict is waited for across a restart of the service', async () => {
  const payload = verdictPayload({ verdict: 'retry' });
  const retries: string[] = [];
  const waiting = sdk({ onRetry: (error) => retries.push(error.code) }).waitForVerdict(payload.session_id);
  await restart();
  await service.deliver(payload);
  const verdict = await waiting;
  expect(verdict).toMatchObject({ status: 'final', verdict: 'retry', state: 'settled' });
});

test('a verdict that does not come is pending when the time is over, and an abort ends the waiting', async () => {
  expect(await sdk().waitForVerdict('never', { timeoutMs: 200 })).toMatchObject({ status: 'pending' });
  const leaving = new AbortController();
  const waiting = sdk().waitForVerdict('never', { signal: leaving.signal });
  leaving.abort(new Error('the user has left'));
  await expect(waiting).rejects.toThrow('the user has left');
});

test('changes are followed through restarts, once each, from any cursor on', async () => {
  const cursors: string[] = [];
  const seen: Change[] = [];
  const leaving = new AbortController();
  await settled(service); // the latest is the last that is shown
  const { next_cursor: after } = await sdk().call('listChanges', { query: { after: 'latest' } });
  const following = (async () => {
    for await (const change of sdk().changes({
      after,
      types: ['session_settled'],
      onCursor: (cursor) => void cursors.push(cursor),
      signal: leaving.signal,
    })) {
      seen.push(change);
    }
  })();
  const ids: string[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    for (let index = 0; index < 3; index += 1) {
      const payload = verdictPayload();
      ids.push(payload.session_id);
      await service.deliver(payload);
      await service.deliver({ event: 'face.matched', match_id: payload.session_id, similarity: 0.5 });
    }
    if (turn === 1) await until(() => seen.length >= 4);
    await restart();
  }
  await until(() => seen.length >= ids.length);
  expect(seen.map(({ session_id }) => session_id).sort()).toEqual([...ids].sort());
  leaving.abort(new Error('enough'));
  await expect(following).rejects.toThrow('enough');
  // The cursor moved on over what was not of the type.
  const last = cursors.at(-1) ?? '';
  expect(
    (await sdk().call('listChanges', { query: { after: last, types: ['session_settled'] } })).data,
  ).toEqual([]);
});

test('who follows from the latest change misses nothing, though the service goes away before the first comes', async () => {
  const cursors: string[] = [];
  const seen: (string | null)[] = [];
  const leaving = new AbortController();
  const following = (async () => {
    const onCursor = (cursor: string) => void cursors.push(cursor);
    for await (const change of sdk().changes({ after: 'latest', onCursor, signal: leaving.signal })) {
      seen.push(change.session_id);
    }
  })();
  await until(() => cursors.length > 0);
  await service.stop();
  service = await startTestService(options);
  const payload = verdictPayload();
  await service.deliver(payload);
  await until(() => seen.includes(payload.session_id));
  leaving.abort(new Error('enough'));
  await expect(following).rejects.toThrow('enough');
});

test('a cursor that is too old is told as such', async () => {
  const { next_cursor: after } = await sdk().call('listChanges', { query: { limit: 1 } });
  await dropOldChanges(service.db, new Date(Date.now() + 60_000), 10);
  await expect(sdk().changes({ after }).next()).rejects.toThrow(GoneError);
});

test('all rows of a list come page by page', async () => {
  const ids: string[] = [];
  for await (const session of sdk().rows('listSessions', { query: { state: 'settled', limit: 2 } })) {
    ids.push(session.session_id);
  }
  expect(ids.length).toBeGreaterThanOrEqual(10);
  expect(new Set(ids).size).toBe(ids.length);
});

test('each thing that a caller can do about a failure has a class, and the request’s id is on it', async () => {
  await expect(sdk({ apiKey: 'wrong-key-0123456789' }).waitForVerdict('x')).rejects.toThrow(KeyError);
  const missing = sdk().call('getSession', { path: { session_id: 'no such/session' } });
  await expect(missing).rejects.toThrow(NotFoundError);
  await expect(missing).rejects.toMatchObject({
    status: 404,
    code: 'not_found',
    requestId: expect.any(String),
  });
  const wrong = sdk().call('listSessions', { query: { limit: 100_000 } });
  await expect(wrong).rejects.toThrow(RequestError);
  await expect(wrong).rejects.toThrow(/"limit" must be a whole number/);
});

test('time that is over while the service is away: what it said last, or that it said nothing', async () => {
  const waiting = sdk().waitForVerdict('nobody', { timeoutMs: 1_500.5 });
  await expect(sdk({ url: 'http://127.0.0.1:1' }).waitForVerdict('x', { timeoutMs: 100 })).rejects.toThrow(
    UnavailableError,
  );
  expect(await waiting).toMatchObject({ status: 'pending' });
});

test.each(['', '.', '..'])(
  'an id that would name another path is refused before it is sent: "%s"',
  async (id) => {
    await expect(sdk().call('getSession', { path: { session_id: id } })).rejects.toThrow(RequestError);
  },
);

test('trouble is tried again as long as the service says, and a POST only under an idempotency key', async () => {
  const asked: string[] = [];
  const answers = [503, 429, 200];
  const server: Server = createServer((req, res) => {
    asked.push(`${req.method} ${req.headers['idempotency-key'] ?? ''}`);
    const status = answers.shift() ?? 200;
    res.writeHead(status, {
      'content-type': 'application/json',
      ...(status === 429 || status === 409 ? { 'retry-after': '0' } : {}),
    });
    if (status === 409) res.end('{"code":"in_progress","detail":"still under way"}');
    else res.end(status === 200 ? '{"data":[],"next_cursor":null}' : 'an error page of a proxy');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/behind/a/gateway`;
    expect(await sdk({ url }).call('listSessions', {})).toEqual({ data: [], next_cursor: null });
    expect(asked).toEqual(['GET ', 'GET ', 'GET ']);
    answers.push(503, 200);
    const body = { reference_id: 'x' };
    await expect(sdk({ url }).call('createSession', { body })).rejects.toThrow(UnavailableError);
    answers.splice(0, 9, 503, 200);
    await sdk({ url }).call('createSession', { body }, { idempotencyKey: 'k-1' });
    expect(asked.slice(3)).toEqual(['POST ', 'POST k-1', 'POST k-1']);
    // The first one, which is still under way, takes as long as iLive has it wait: no try is spent on that.
    answers.splice(0, 9, 503, 409, 409, 409, 409, 409, 503, 200);
    await sdk({ url }).call('createSession', { body }, { idempotencyKey: 'k-2' });
    answers.splice(0, 9, 409, 200);
    const once = sdk({ url, maxRetries: 0 }).call('createSession', { body }, { idempotencyKey: 'k-3' });
    await expect(once).rejects.toMatchObject({ code: 'in_progress' });
    answers.splice(0, 9, 429, 429);
    await expect(sdk({ url, maxRetries: 1 }).call('listSessions', {})).rejects.toThrow(RateLimitError);
  } finally {
    server.close();
  }
});
