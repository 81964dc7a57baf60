// The benchmark's own arithmetic: who is measured after whom, and which measurements count.
import { describe, expect, test } from 'vitest';
import { writeComparison, writeLeftOut } from '../../bench/compare-report.ts';
import { lineUp } from '../../bench/line-up.ts';
import type { Measured } from '../../bench/scenario.ts';
import { figuresOf } from '../../bench/scenario-arrivals.ts';
import { judge } from '../../bench/targets.ts';
import { turnedBy } from '../../bench/turns.ts';

describe('the order of a round', () => {
  const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

  test.each(sizes)('of %i has each of them once, and over as many rounds each comes first once', (size) => {
    const items = Array.from({ length: size }, (_, index) => index);
    const orders = items.map((round) => turnedBy(round, items));
    for (const order of orders) expect(order.toSorted((a, b) => a - b)).toEqual(items);
    expect(new Set(orders.map(([first]) => first)).size).toBe(size);
  });

  test.each(sizes)('of %i lets nobody follow the same neighbour again and again', (size) => {
    const items = Array.from({ length: size }, (_, index) => index);
    const pairs = items.flatMap((round) =>
      turnedBy(round, items).flatMap((item, place, order) =>
        place === 0 ? [] : `${order[place - 1]} ${item}`,
      ),
    );
    const times = Map.groupBy(pairs, (pair) => pair);
    const most = Math.max(0, ...[...times.values()].map((each) => each.length));
    expect(most).toBeLessThanOrEqual(size % 2 === 0 ? 1 : 2);
  });

  test('of the nine of a scenario has no pair twice in the three rounds of a run', () => {
    const items = lineUp.slice(0, 9).map(({ name }) => name);
    const pairs = [0, 1, 2].flatMap((round) => {
      const order = turnedBy(round, items);
      return order.slice(1).map((name, place) => `${order[place]} ${name}`);
    });
    expect(new Set(pairs).size).toBe(pairs.length);
  });
});

function measured(
  contender: string,
  round: number,
  perSecond: number,
  troubles: readonly string[],
): Measured {
  return { scenario: 'sustained', contender, round, figures: { perSecond }, troubles, warnings: {} };
}

test('a measurement with troubles is neither judged nor divided by, and the report says so', () => {
  const all = [
    measured('ours', 1, 6_000, []),
    measured('tutorial', 1, 3_000, []),
    measured('ours', 2, 6_000, []),
    measured('tutorial', 2, 10, ['half of it was lost']),
    measured('ours', 3, 90_000, ['nothing was stored']),
    measured('tutorial', 3, 3_000, []),
  ];
  const verdict = judge(all).find(({ what }) => what === 'of the tutorial');
  expect(verdict?.measured).toEqual({ median: 2, min: 2, max: 2 });
  const table = writeComparison(lineUp, all, ['sustained']);
  expect(table).not.toMatch(/90,000|600\.00/);
  expect(writeLeftOut(all).join('\n')).toMatch(/sustained, tutorial, round 2; sustained, ours, round 3\./);
  expect(writeLeftOut(all.slice(0, 2))).toEqual([]);
});

test('an error that came at once is no acknowledgement', () => {
  const arrival = (status: number, acknowledgedMs: number) => ({
    name: '',
    dueAtMs: 0,
    status,
    acknowledgedMs,
    queryableMs: undefined,
  });
  const arrivals = [arrival(202, 10), arrival(503, 1), arrival(0, 30_000)];
  const figures = figuresOf(arrivals, 'ack', ({ acknowledgedMs }) => acknowledgedMs);
  expect(figures).toEqual({ ackP50Ms: 10, ackP99Ms: 10 });
});
