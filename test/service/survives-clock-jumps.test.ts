// The clock of the machine jumps by a year, ahead or back, and later back again: what iLive signs is taken, silent sessions
// are asked about on time and end as they should, nothing is deleted by its age, the operator is told, and nothing is stuck
// once the clock is right.
import { expect, test } from 'vitest';
import { takeDueSessions } from '../../src/db/ledger.ts';
import { spendBudget } from '../../src/db/rate-budgets.ts';
import { keepUp } from '../../src/workers/upkeep.ts';
import { startFakeVendor } from '../support/fake-ilive-http.ts';
import { apiKey, silent, startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

const yearMs = 365 * 24 * 60 * 60_000;

async function register(service: TestService, id: string): Promise<void> {
  const answer = await fetch(`${service.url}/v1/sessions/${id}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ reference_id: 'anna' }),
  });
  expect(answer.status).toBe(201);
}

test.each([
  ['ahead', yearMs],
  ['back', -yearMs],
])('2, 8 — a year %s: nothing is lost meanwhile, and nothing is stuck afterwards', async (_name, jumpMs) => {
  await using vendor = await startFakeVendor((response) => {
    const id = /sessions\/([^/?]+)/.exec(response.req.url ?? '')?.[1];
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ session_id: id, verdict: 'pass', confidence: 0.9 }));
  });
  let offMs = 0;
  const service = await startTestService({
    env: { ILIVE_API_URL: vendor.url, ILIVE_API_KEY: 'iksk_test', PULL_FIRST_AFTER_SECONDS: '2' },
    overrides: { wall: () => new Date(Date.now() + offMs) },
  });
  const untilSettled = (id: string) =>
    until(async () => (await service.get(`/v1/sessions/${id}`)).body.state === 'settled', {
      describe: `${id} is settled`,
    });
  try {
    await service.deliver(verdictPayload(), { secret: 'wrong' });
    await register(service, 'before');
    offMs = jumpMs;
    await register(service, 'during');
    const payload = verdictPayload();
    expect((await service.deliver(payload)).status).toBe(202);
    const { problems } = (await service.get('/v1/ops/status')).body;
    expect(JSON.stringify(problems)).toMatch(/Our clock is 315\d{5} s (ahead of|behind) the database/);
    await Promise.all(['before', payload.session_id].map(untilSettled));
    const about = new URLSearchParams({
      from: new Date(Date.now() - 600_000).toISOString(),
      to: new Date(Date.now() + 600_000).toISOString(),
    });
    const listed = (await service.get(`/v1/deliveries?${about}`)).body.data as { session_id: string }[];
    expect(listed.map(({ session_id }) => session_id)).toEqual(
      expect.arrayContaining(['before', payload.session_id]),
    );
    await register(service, 'last-during');
    offMs = 0;
    await register(service, 'afterwards');
    await Promise.all(['during', 'last-during', 'afterwards'].map(untilSettled));
    expect(await service.db.query({ text: 'select from refusals' })).toHaveLength(1);
  } finally {
    await service.stop();
  }
});

test('guarantee 8: a worker whose clock is ahead from the start ends no session that still has its time', async () => {
  let verdict: string | undefined;
  await using vendor = await startFakeVendor((response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(verdict === undefined ? { status: 'pending' } : { verdict }));
  });
  const env = { ILIVE_API_URL: vendor.url, ILIVE_API_KEY: 'iksk_test' };
  const service = await startTestService({ env: { ...env, ROLE: 'receiver' } });
  const worker = await startTestService({
    env: { ...env, ROLE: 'worker' },
    databaseUrl: service.databaseUrl,
    overrides: { wall: () => new Date(Date.now() + 60 * 60_000) },
  });
  const session = async () => (await service.get('/v1/sessions/running')).body;
  try {
    await register(service, 'running');
    const text = 'select from sessions where pulled_at is not null and pull_lease_until is null';
    await until(async () => (await service.db.query({ text })).length > 0);
    expect(await session()).toMatchObject({ state: 'expected' });
    verdict = 'pass';
    await service.db.query({ text: `update sessions set next_pull_at = now() where session_id = 'running'` });
    await until(async () => (await session()).state === 'settled');
  } finally {
    await worker.stop();
    await service.stop();
  }
});

test.each([
  ['ahead', 600_000],
  ['back', -600_000],
])(
  'guarantee 4: after a jump %s what iLive signs is taken by either time, since nobody knows yet which is right',
  async (_name, jumpMs) => {
    let offMs = 0;
    const service = await startTestService({ overrides: { wall: () => new Date(Date.now() + offMs) } });
    const statusAt = async (aheadMs: number) =>
      (await service.deliver(verdictPayload(), { signedAt: new Date(Date.now() + aheadMs) })).status;
    try {
      expect(await statusAt(jumpMs)).toBe(401);
      offMs = jumpMs;
      expect([await statusAt(0), await statusAt(jumpMs), await statusAt(-jumpMs)]).toEqual([202, 202, 401]);
    } finally {
      await service.stop();
    }
  },
);

test('what was written by a clock that was ahead holds nobody: leases, the budget, a block', async () => {
  const service = await startTestService({ env: { ROLE: 'receiver' } });
  const now = new Date();
  const wrong = new Date(now.getTime() + yearMs);
  try {
    await register(service, 'leased');
    await service.db.query({
      text: `update sessions set next_pull_at = $1, pull_lease_until = $2 where session_id = 'leased'`,
      values: [now.toISOString(), wrong.toISOString()],
    });
    const taken = await takeDueSessions(service.db, {
      now,
      leaseMs: 60_000,
      shortLeaseMs: 60_000,
      lastChanceMs: 60_000,
      limit: 10,
    });
    expect(taken.map(({ sessionId }) => sessionId)).toEqual(['leased']);
    const spending = { id: 'budget', intervalMs: 1_000, burstCalls: 1 };
    await spendBudget(service.db, { ...spending, now: wrong });
    await service.db.query({
      text: `update rate_budgets set blocked_until = $1 where id = 'budget'`,
      values: [wrong.toISOString()],
    });
    expect(await spendBudget(service.db, { ...spending, now })).toMatchObject({ isGranted: true });
    expect(await spendBudget(service.db, { ...spending, now })).toMatchObject({ isGranted: false });
  } finally {
    await service.stop();
  }
});

test('upkeep deletes nothing by age while the time is not certain, and makes its partitions all the same', async () => {
  const service = await startTestService();
  const wrong = new Date(Date.now() + yearMs);
  const upkeep = (mayForget: boolean) =>
    keepUp({
      db: service.db,
      refusalsKeepMs: 1_000,
      changesKeepMs: 1_000,
      mayForget: () => mayForget,
      isStopping: () => false,
      log: silent,
      now: () => wrong,
    });
  const count = async (table: string) => (await service.db.query({ text: `select from ${table}` })).length;
  try {
    await service.deliver(verdictPayload(), { secret: 'wrong' });
    await until(async () => (await count('refusals')) === 1);
    await service.deliver(verdictPayload());
    await service.settled();
    await upkeep(false);
    expect([await count('refusals'), (await count('changes')) > 0]).toEqual([1, true]);
    await upkeep(true);
    expect([await count('refusals'), await count('changes')]).toEqual([0, 0]);
  } finally {
    await service.stop();
  }
});
