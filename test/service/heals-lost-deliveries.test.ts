// Guarantee 8: every session that should end is settled, by webhook or by pull, or ends with its reason; the counts add up.
import { describe, expect, test } from 'vitest';
import { countBusiest } from '../../bench/statistics.ts';
import { findOverlaps } from '../../src/simulator/api-log.ts';
import { startTestService } from '../support/service.ts';
import { until } from '../support/until.ts';
import { startTogether, type Together } from '../support/vendor.ts';

const quick = { medianSeconds: 25, spread: 0.5, abandonedShare: 0 };

async function completeness(together: Together) {
  const { body } = await together.service.get(
    '/v1/completeness?from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z',
  );
  expect(body.adds_up).toBe(true);
  return body;
}

async function allClosed(together: Together): Promise<void> {
  await until(async () => (await completeness(together)).open === 0, {
    deadlineMs: 120_000,
    describe: 'no session is open',
  });
}

// What the vendor knows is what we must know.
async function expectTheVendorsVerdicts({ vendor, service }: Together): Promise<void> {
  for (const session of vendor.sessions.values()) {
    const { body } = await service.get(`/v1/sessions/${session.sessionId}`);
    const isEnded = session.endsAtMicros !== null && session.endsAtMicros / 1000 < session.expiresAtMs;
    expect(body).toMatchObject(
      isEnded
        ? { state: 'settled', verdict: session.plan.verdict }
        : { state: 'expired', ended_reason: 'never_finished' },
    );
  }
}

// The pull writes no verdict: each stands on a delivery that was processed like any other, and on what that stated. Counted in one
// look: a webhook that was received first and is processed last settles its session in the pull's place.
async function expectVerdictsFromDeliveries({ service }: Together) {
  const [count] = await service.db.query<{ pulled: number; told: number }>({
    text: `select count(*)::int as pulled,
                  (count(*) filter (where s.verdict = o.verdict and d.state = 'done' and d.finished_at = s.settled_at
                                      and d.source = 'pull' and o.source = 'pull'))::int as told
           from sessions s
           left join deliveries d on d.id = s.settled_by and d.account = s.account
           left join observations o on o.delivery_id = d.id and o.session_id = s.session_id and o.account = s.account
           where s.state = 'settled' and s.settled_source = 'pull'`,
  });
  expect(count?.told).toBe(count?.pulled);
}

// Mostly they wait for sessions to end, so they run side by side. No dialect knows of a queue.
describe('one half of the webhooks is lost', { concurrent: true }, () => {
  test.each([
    ['reference', 'postgres'],
    ['managed', 'redis'],
  ] as const)(
    'guarantee 8: what its webhook did not bring, a pull brings; in the %s dialect, queue on %s',
    async (dialect, queue) => {
      const together = await startTogether({
        dialect,
        vendor: { sessions: quick, webhooks: { drop: 0.5 } },
        service: { queue },
      });
      try {
        const ids = await together.create(40);
        await allClosed(together);
        const counts = await completeness(together);
        expect(counts).toMatchObject({ expected: ids.length, expired: 0, unrecoverable: 0, disputed: 0 });
        expect(counts.settled_by_webhook + counts.settled_by_pull).toBe(ids.length);
        expect(counts.settled_by_pull).toBeGreaterThan(5);
        expect(counts.settled_by_webhook).toBeGreaterThan(5);
        await expectTheVendorsVerdicts(together);
        await expectVerdictsFromDeliveries(together);
      } finally {
        await together.stop();
      }
    },
  );
});

test('guarantee 8: abandoned sessions expire with their reason, and a token that is refused is told as such', async () => {
  const together = await startTogether({
    dialect: 'managed',
    speed: 40, // they are open for seven seconds of ours
    vendor: { sessions: { ...quick, abandonedShare: 0.5, ttlSeconds: 300 }, webhooks: { drop: 1 } },
    service: { env: { SESSION_TTL_SECONDS: '300' } },
  });
  try {
    await together.create(20);
    const unknown = await fetch(`${together.service.url}/v1/sessions/not-at-ilive`, {
      method: 'PUT',
      headers: { authorization: 'Bearer test-api-key-0123456789', 'content-type': 'application/json' },
      body: JSON.stringify({ token: 'wrong', reference_id: 'x' }),
    });
    expect(unknown.status).toBe(201);
    await allClosed(together);
    await expectTheVendorsVerdicts(together);
    const counts = await completeness(together);
    expect(counts.expired).toBeGreaterThan(3);
    expect(counts).toMatchObject({ expected: 21, unrecoverable: 1 });
    const { body } = await together.service.get('/v1/sessions/not-at-ilive');
    expect(body).toMatchObject({ state: 'unrecoverable', ended_reason: 'token_refused' });
  } finally {
    await together.stop();
  }
});

test('guarantee 8: iLive away for ten minutes in the middle: nothing is marked lost, and all is caught up when it is back', async () => {
  const together = await startTogether({
    speed: 60,
    vendor: { sessions: quick, webhooks: { drop: 1 } },
  });
  try {
    await together.create(30);
    await together.vendor.setOutage('refused');
    const since = together.vendor.clock.now();
    await until(() => together.vendor.clock.now() - since > 10 * 60_000, {
      describe: 'ten minutes',
    });
    expect((await completeness(together)).unrecoverable).toBe(0);
    await together.vendor.setOutage(null);
    await allClosed(together);
    await expectTheVendorsVerdicts(together);
    for (const { sessionId, expiresAtMs } of together.vendor.sessions.values()) {
      const { body } = await together.service.get(`/v1/sessions/${sessionId}`);
      expect(Date.parse(body.settled_at)).toBeLessThan(expiresAtMs);
    }
  } finally {
    await together.stop();
  }
});

test('guarantee 10: three workers at once ask about no session twice at a time and keep the budget together', async () => {
  // iLive counts arrivals: a machine that stands still for half a second moves calls seven of their seconds together.
  const limits = { perMinute: 120, perSecond: 20 };
  const env = { ILIVE_RATE_PER_MINUTE: '100', ILIVE_RATE_PER_SECOND: '20', PULL_CONCURRENCY: '4' };
  const together = await startTogether({
    speed: 15,
    vendor: {
      sessions: quick,
      webhooks: { drop: 1 },
      limits,
      latency: { share: 1, ms: 1_000 },
    },
    service: { env },
  });
  const others = [];
  try {
    for (let worker = 0; worker < 2; worker += 1) {
      others.push(
        await startTestService({ ...together.joining, env: { ...together.joining.env, ROLE: 'worker' } }),
      );
    }
    await together.create(60);
    await allClosed(together);
    await expectTheVendorsVerdicts(together);
    const results = together.vendor.log.filter((call) => call.operation === 'result');
    expect(results.length).toBeGreaterThanOrEqual(60);
    expect(findOverlaps(together.vendor.log, 'result')).toEqual([]);
    expect(together.vendor.log.filter((call) => call.status === 429)).toEqual([]);
    expect(countBusiest(together.vendor.log, 60_000)).toBeLessThanOrEqual(limits.perMinute);
    expect(countBusiest(together.vendor.log, 1_000)).toBeLessThanOrEqual(limits.perSecond);
  } finally {
    for (const other of others) await other.stop();
    await together.stop();
  }
});
