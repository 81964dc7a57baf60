// A turn of pulling by a clock that stands still, against a vendor of the test's own: with what it is asked, what counts of its
// answer, and when it is asked next.
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createCipher } from '../../src/cipher.ts';
import { sessionKeyText } from '../../src/db/sessions.ts';
import type { ConfirmPolicy } from '../../src/events/session.ts';
import { Secret } from '../../src/secret.ts';
import { connectTo } from '../support/connect-to.ts';
import type { Reply } from '../support/fake-ilive-http.ts';
import { at, key, pass, pending, refused, usePulling } from '../support/pulling.ts';
import { process, store } from '../support/replaying.ts';
import { verdictPayload } from '../support/service.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const { database, undo, register, start, saidOfIt } = usePulling();

/** The reply, once `first` is done. */
function replyAfter(
  first: () => Promise<void>,
  { status = 200, json }: { status?: number; json?: unknown },
): Reply {
  return async (response) => {
    await first();
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(json));
  };
}

test('a verdict that is stored and not processed yet is asked for once more after a minute, and every five minutes then', async () => {
  const { outcomes, turnAt } = await start([pass]);
  await register(-600);
  await turnAt(-600);
  expect(await saidOfIt()).toEqual({ state: 'expected', next: -540 });
  await turnAt(-540);
  expect(await saidOfIt()).toEqual({ state: 'expected', next: -240 });
  expect(outcomes).toEqual(['verdict', 'verdict']);
});

test.each([
  ['that it knows none', refused],
  ['that nobody has finished', pending],
])(
  'guarantee 8: a session that is registered again while iLive is asked is not ended by the answer %s',
  async (_, reply) => {
    const again = () => register(10, { expiresAt: at(1_800), nextPullAt: at(30) });
    const { turnAt } = await start([replyAfter(again, reply)]);
    await register(5);
    await turnAt(5);
    expect(await saidOfIt()).toEqual({ state: 'expected', next: 30 });
  },
);

test('guarantee 10: a call that is not answered is given up before the session is another’s', async () => {
  const { outcomes, turnAt } = await start([() => {}], { leaseMs: 1_000 });
  await register(-600);
  await turnAt(-600);
  expect(outcomes).toEqual(['vendor_away']);
  expect(await saidOfIt()).toEqual({ state: 'expected', next: -585 });
});

test('guarantee 8: a verdict that Postgres does not take at once is kept until it does, and no trouble of iLive’s', async () => {
  const { hostname, port } = new URL(database.url);
  const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  undo.push(proxy.close);
  const url = new URL(database.url);
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  const db = connectTo(url.href);
  undo.push(db.close);
  const wait = async (ms: number, signal: AbortSignal) => {
    if (!proxy.isOpen()) return proxy.mend();
    await delay(ms, undefined, { signal });
  };
  const { outcomes, turnAt } = await start([replyAfter(proxy.cut, pass)], { db, wait });
  await register(-600);
  await turnAt(-600);
  expect(outcomes).toEqual(['verdict']);
  expect(await database.db.query({ text: 'select source from deliveries' })).toEqual([{ source: 'pull' }]);
  expect(await saidOfIt()).toEqual({ state: 'expected', next: -540 });
});

test('a session that was registered while another dialect was set is asked about with its token', async () => {
  const cipher = createCipher([{ id: 'k1', key: new Secret(Buffer.alloc(32, 7).toString('base64')) }]);
  const token = cipher?.seal('a-token', sessionKeyText(key)) ?? null;
  const { vendor, turnAt } = await start([pass], { dialect: 'managed', cipher });
  await register(-600, { token, dialect: 'reference' });
  await turnAt(-600);
  expect(vendor.asked.map(({ url }) => url)).toEqual(['/api/v1/session/s-1/result?token=a-token']);
});

test('an answer that was asked for before the end and comes after it is not the last', async () => {
  const passTime = async () => {
    clock.now = at(1);
  };
  const { clock, outcomes, turnAt } = await start([replyAfter(passTime, pending)]);
  await register(-2);
  await turnAt(-2);
  expect(outcomes).toEqual(['pending']);
  expect(await saidOfIt()).toEqual({ state: 'expected', next: 5 });
});

const told = (verdict: string): Reply => ({ json: { status: 'completed', verdict } });
// The clock of what is processed is ahead of this one.
const askAt = async (turnAt: (second: number) => Promise<void>, second: number) => {
  const text = 'update sessions set next_pull_at = $1 where next_pull_at is not null returning 1';
  expect(await database.db.query({ text, values: [at(second)] })).toHaveLength(1);
  await turnAt(second);
};
const standing = () => database.db.query({ text: 'select state, verdict from sessions' });
const processAll = async (confirm: ConfirmPolicy) => {
  const owed = await database.db.query<{ id: string }>({
    text: `select id from deliveries where state = 'received'`,
  });
  await process(
    database.db,
    owed.map(({ id }) => id),
    { confirm },
  );
};

test('guarantee 7: a verdict that iLive has gone back to is not taken for the answer that it gave before another', async () => {
  const answers = ['fail', 'pass', 'fail'];
  const { outcomes, turnAt } = await start(answers.map(told));
  await register(-600);
  for (const [index, verdict] of answers.entries()) {
    const hint = verdictPayload({ session_id: key.sessionId, verdict });
    await store(database.db, [hint], { isProven: false });
    await processAll('unsigned');
    await askAt(turnAt, -600 + index * 60);
    await processAll('unsigned');
    expect(await standing()).toEqual([{ state: 'settled', verdict }]);
  }
  expect(outcomes).toEqual(['verdict', 'verdict', 'verdict']);
});

test('guarantee 7: a pass that iLive contradicts with an answer that it gave before is disputed', async () => {
  const { turnAt } = await start([told('retry'), told('retry')]);
  await register(-600);
  await turnAt(-600);
  await processAll('pass');
  const signed = verdictPayload({ session_id: key.sessionId, timestamp: null });
  await store(database.db, [signed], { receivedAt: at(-550) });
  await processAll('pass');
  await askAt(turnAt, -500);
  await processAll('pass');
  expect(await standing()).toEqual([{ state: 'disputed', verdict: 'retry' }]);
});

test('a session that has its verdict and whose second source nobody can be asked for is not counted as unrecoverable', async () => {
  const { outcomes, turnAt } = await start([], { dialect: 'managed' });
  await register(-600, { dialect: 'managed' });
  await store(database.db, [verdictPayload({ session_id: key.sessionId })]);
  await processAll('always');
  await askAt(turnAt, -500);
  expect(await saidOfIt()).toEqual({ state: 'settled', next: null });
  expect(outcomes).toEqual(['pending']);
});

test('guarantee 8: one that is not ended, since something was hinted meanwhile, is not counted as ended', async () => {
  const hint = async () => {
    const payload = verdictPayload({ session_id: key.sessionId });
    await store(database.db, [payload], { isProven: false });
    await processAll('unsigned');
  };
  const { outcomes, turnAt } = await start([replyAfter(hint, pending)]);
  await register(5);
  await turnAt(5);
  expect(await saidOfIt()).toEqual({ state: 'expected', next: expect.any(Number) });
  expect(outcomes).toEqual(['pending']);
});

test('guarantee 7: what a worker reads after its lease, since it stood still, is no later statement than what came meanwhile', async () => {
  const meanwhile = async () => {
    clock.now = at(-300);
    const passed = verdictPayload({ session_id: key.sessionId, timestamp: at(-400).toISOString() });
    await store(database.db, [passed], { receivedAt: at(-400) });
    await processAll('never');
  };
  const { clock, outcomes, turnAt } = await start([
    replyAfter(meanwhile, { json: { status: 'completed', verdict: 'retry' } }),
  ]);
  await register(-600);
  await turnAt(-600);
  await processAll('never');
  expect(outcomes).toEqual(['verdict']);
  expect(await standing()).toEqual([{ state: 'settled', verdict: 'pass' }]);
});
