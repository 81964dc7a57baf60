// What the service has promised of itself, as figures that a run can keep or not. Ratios are taken within a round, where
// both sides met the same machine, and the median over the rounds is what counts.
import type { Promised } from './promised.ts';
import { isSound, type Measured, type ScenarioName } from './scenario.ts';
import { spreadOf } from './statistics.ts';

interface Target {
  readonly scenario: ScenarioName;
  readonly of: readonly string[];
  readonly figure: string;
  readonly what: string;
  /** A contender whose figure it is divided by; the figure itself counts where there is none. */
  readonly against?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Verdict extends Promised {
  readonly scenario: ScenarioName;
  readonly contender: string;
}

const each = ['ours', 'ours-redis'];
const eachAndApart = [...each, 'ours-apart', 'ours-redis-apart'];
const burst = { scenario: 'burst', of: each } as const;
const sustained = { scenario: 'sustained', of: eachAndApart, figure: 'perSecond' } as const;

const targets: readonly Target[] = [
  { ...burst, figure: 'perSecond', what: 'of the ceiling', against: 'ceiling', atLeast: 0.75 },
  { ...burst, figure: 'perSecond', what: 'of one INSERT a request', against: 'one-insert', atLeast: 2.5 },
  { ...burst, figure: 'perSecond', what: 'of the tutorial', against: 'tutorial', atLeast: 1.5 },
  { ...burst, figure: 'p99Ms', what: 'p99, of one INSERT a request', against: 'one-insert', atMost: 1 },
  { ...burst, figure: 'p99Ms', what: 'p99, of the tutorial', against: 'tutorial', atMost: 1 },
  { ...burst, figure: 'peakMegabytes', what: 'most memory, MB', atMost: 200 },
  { ...sustained, what: 'of the tutorial', against: 'tutorial', atLeast: 3 },
  { ...sustained, what: 'of pg-boss', against: 'pg-boss', atLeast: 3 },
  { ...sustained, what: 'of graphile-worker', against: 'graphile-worker', atLeast: 3 },
  { ...sustained, what: 'of the sync engine', against: 'stripe-sync', atLeast: 5 },
  {
    scenario: 'queryable',
    of: eachAndApart,
    figure: 'queryableP50Ms',
    what: 'queryable p50, ms',
    atMost: 15,
  },
  {
    scenario: 'queryable',
    of: eachAndApart,
    figure: 'queryableP99Ms',
    what: 'queryable p99, ms',
    atMost: 100,
  },
  { scenario: 'drain', of: each, figure: 'perSecond', what: 'deliveries a second', atLeast: 15_000 },
  {
    scenario: 'drain',
    of: each,
    figure: 'perSecond',
    what: 'of the tutorial’s worker',
    against: 'tutorial',
    atLeast: 5,
  },
  {
    scenario: 'drain',
    of: each,
    figure: 'startMs',
    what: 'ready on an existing database, ms',
    atMost: 2_000,
  },
  { scenario: 'live', of: each, figure: 'slowdown', what: 'p99 beside a backlog, of quiet', atMost: 2 },
];

/** What this run says about each target; those that it did not measure are left out, and measurements with troubles. */
export function judge(all: readonly Measured[]): Verdict[] {
  const measured = all.filter(isSound);
  return targets.flatMap((target) =>
    target.of.flatMap((contender): Verdict[] => {
      const values = valuesOf(target, contender, measured);
      if (values.length === 0) return [];
      const spread = spreadOf(values);
      const { scenario, what, atLeast, atMost } = target;
      const isKept =
        spread.median >= (atLeast ?? Number.NEGATIVE_INFINITY) &&
        spread.median <= (atMost ?? Number.POSITIVE_INFINITY);
      const wanted = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
      return [{ scenario, contender, what, measured: spread, wanted, isKept }];
    }),
  );
}

function valuesOf({ scenario, figure, against }: Target, contender: string, measured: readonly Measured[]) {
  const of = (name: string) =>
    measured.filter((each) => each.scenario === scenario && each.contender === name);
  const divisors = new Map(of(against ?? contender).map((each) => [each.round, each.figures[figure]]));
  return of(contender).flatMap(({ round, figures }) => {
    const value = figures[figure];
    const divisor = against === undefined ? 1 : divisors.get(round);
    return value === undefined || divisor === undefined || divisor === 0 ? [] : [value / divisor];
  });
}
