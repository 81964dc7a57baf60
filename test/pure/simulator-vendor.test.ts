// The pure parts of the pretend vendor's API and of the live demo: how sessions go by the seed, the clocks, the limits, the
// log, what is seen on images, how a scenario is dropped in part, and how a message is moved to another time.
import { expect, test } from 'vitest';
import { countBusiest } from '../../bench/statistics.ts';
import { createClock } from '../../src/simulator/api-clock.ts';
import { compareImages, createTestImage, seeImage } from '../../src/simulator/api-images.ts';
import { createLimiter, standardLimits } from '../../src/simulator/api-limits.ts';
import { createCallLog, findOverlaps } from '../../src/simulator/api-log.ts';
import { findRoute } from '../../src/simulator/api-routes.ts';
import { honestWebhooks, planSession, usualRules } from '../../src/simulator/api-sessions.ts';
import { defaultShares } from '../../src/simulator/faults.ts';
import { retimeMessage } from '../../src/simulator/retime.ts';
import { planScenario } from '../../src/simulator/scenario.ts';
import { createManualClock } from '../support/manual-clock.ts';

const now = new Date('2026-04-11T09:30:12.456Z');

test('sessions end after half a minute, nearly all within ten, and some never', () => {
  const plans = Array.from({ length: 2_000 }, (_, index) =>
    planSession(7, index, { ...usualRules, abandonedShare: 0.2 }, { ...honestWebhooks, drop: 0.3 }),
  );
  const ends = plans.flatMap(({ endsAfterMs }) => endsAfterMs ?? []).sort((a, b) => a - b);
  expect(plans.length - ends.length).toBeGreaterThan(340);
  expect(plans.length - ends.length).toBeLessThan(460);
  const median = ends[Math.floor(ends.length / 2)] ?? 0;
  expect(median).toBeGreaterThan(21_000);
  expect(median).toBeLessThan(29_000);
  expect(ends.filter((end) => end > 600_000).length).toBeLessThan(ends.length / 200);
  const dropped = plans.filter(({ webhook }) => webhook.isDropped).length;
  expect(dropped).toBeGreaterThan(520);
  expect(dropped).toBeLessThan(680);
});

test('the same seed decides the same, but for the ids, and another one does not', () => {
  const plan = (seed: number) =>
    Array.from({ length: 20 }, (_, index) => ({
      ...planSession(seed, index, usualRules, {
        ...honestWebhooks,
        drop: 0.5,
        delayed: 0.5,
        contradicting: 0.5,
      }),
      sessionId: '',
    }));
  expect(plan(3)).toEqual(plan(3));
  expect(plan(3)).not.toEqual(plan(4));
});

test('a share of 0 drops none and a share of 1 drops all, and only verdicts', () => {
  for (const dropShare of [0, 0.3, 1]) {
    const scenario = planScenario({
      seed: 3,
      label: 'test',
      sessionCount: 50,
      now,
      faults: defaultShares,
      dropShare,
      isLive: true,
    });
    const ending = scenario.sessions.filter(({ truth }) => truth !== null);
    expect(ending.length).toBe(50);
    const dropped = new Set(ending.filter(({ isDropped }) => isDropped).map(({ sessionId }) => sessionId));
    expect(dropped.size).toBe(Math.round(50 * dropShare));
    for (const { sessionId, isDropped, meaning } of scenario.messages) {
      const isVerdict = meaning.fate === 'recorded' && meaning.statement.kind === 'verdict';
      expect(isDropped).toBe(isVerdict && dropped.has(sessionId ?? ''));
    }
  }
});

test('a message moved to another time says so in its bytes and in its meaning, and is otherwise the same', () => {
  const options = { seed: 3, label: 'test', sessionCount: 40, faults: defaultShares };
  const scenario = planScenario({ ...options, now });
  const later = planScenario({ ...options, now: new Date(now.getTime() + 90_061_001) });
  const delta = 90_061_001_000;
  for (const [index, message] of scenario.messages.entries()) {
    expect(retimeMessage(message, delta)).toEqual(later.messages[index]);
    expect(retimeMessage(message, 0)).toEqual(message);
  }
});

test('a clock moved by hand calls what has come due in its order and at its time, and nothing that was taken back', () => {
  const clock = createManualClock(1_000);
  const called: [string, number][] = [];
  const call = (name: string) => () => void called.push([name, clock.now()]);
  clock.at(1_300, call('second'));
  clock.at(1_100, () => {
    call('first')();
    clock.at(1_200, call('ordered on the way'));
  });
  clock.at(1_150, call('taken back'))();
  clock.at(1_151, call('late'));
  clock.at(1_151, call('taken back'))();
  clock.advance(250);
  expect(called).toEqual([
    ['first', 1_100],
    ['late', 1_151],
    ['ordered on the way', 1_200],
  ]);
  clock.advance(50);
  expect(called.at(-1)).toEqual(['second', 1_300]);
});

test('a fast clock runs ahead of the wall', async () => {
  const clock = createClock(1_000);
  const began = clock.now();
  await new Promise<void>((resolve) => clock.at(began + 5_000, resolve));
  expect(clock.now() - began).toBeGreaterThanOrEqual(5_000);
  expect(clock.now() - began).toBeLessThan(1_000_000);
});

test('no window of any place ever holds more calls than the limit, and refused calls do not count', () => {
  const limiter = createLimiter({ ...standardLimits, perMinute: 20, perSecond: 4 });
  const allowed: number[] = [];
  for (let time = 0; time < 200_000; time += 137) {
    if (limiter.take(time).isAllowed) allowed.push(time);
  }
  const calls = allowed.map((startedAtMs) => ({ startedAtMs }));
  expect(countBusiest(calls, 60_000)).toBe(20);
  expect(countBusiest(calls, 1_000)).toBe(4);
  expect(allowed.length).toBeGreaterThan(60);
});

test('two calls about one session overlap only when the second began before the first ended', () => {
  const log = createCallLog();
  const facts = {
    method: 'GET',
    path: '/',
    dialect: null,
    userAgent: '',
    caller: null,
    status: 200,
    code: null,
  };
  const begin = (requestId: string, sessionId: string) => {
    const end = log.begin(5);
    return () => end({ ...facts, requestId, sessionId, operation: 'result', endedAtMs: 5 });
  };
  const [a, b] = [begin('a', 'one'), begin('b', 'two')];
  a();
  const c = begin('c', 'one');
  const d = begin('d', 'one');
  for (const end of [b, c, d]) end();
  const names = findOverlaps(log.calls, 'result').map((pair) => pair.map(({ requestId }) => requestId));
  expect(names).toEqual([['c', 'd']]);
  expect(findOverlaps(log.calls, 'photo')).toEqual([]);
});

test('an image is seen as it was made, in any size, and what is none is not', () => {
  const seen = seeImage(createTestImage({ faces: 3, person: 'anna', width: 17, height: 9 }));
  expect(seen).toEqual({ faceCount: 3, person: 'anna', width: 17, height: 9 });
  const other = seeImage(createTestImage({ person: 'berta' }));
  if (seen === undefined || other === undefined) throw new Error('both are images');
  expect(compareImages(seen, seen)).toBeGreaterThan(0.89);
  expect(compareImages(seen, other)).toBeLessThan(0.31);
  expect(compareImages(seen, other)).toBe(compareImages(other, seen));
  for (const bytes of ['', 'text', '\xff\xd8 begun only']) {
    expect(seeImage(Buffer.from(bytes, 'latin1'))).toBeUndefined();
  }
});

test('routes are found by method and path, and only in the dialects that are served', () => {
  const both = ['reference', 'managed'] as const;
  expect(findRoute('GET', '/v1/liveness/sessions/a%2Fb', both)).toMatchObject({ sessionId: 'a/b' });
  expect(findRoute('GET', '/api/v1/session/x/photo', both)).toMatchObject({ operation: 'photo' });
  expect(findRoute('GET', '/api/v1/session/x/photo', ['reference'])).toBe(404);
  expect(findRoute('DELETE', '/v2/face/compare', both)).toBe(405);
  expect(findRoute('GET', '/v1/liveness/sessions/a/b', both)).toBe(404);
});
