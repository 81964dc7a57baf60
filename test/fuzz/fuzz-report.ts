// What a run of the fuzzer found, as a table for people, and what of it must not be.
import type { Machine } from '../../bench/machine.ts';
import { quantile } from '../../bench/statistics.ts';
import type { AttackResult } from './attack.ts';
import type { CleanResult } from './clean-sender.ts';
import type { FuzzOptions } from './fuzz-options.ts';
import type { RowsFound } from './look-at-rows.ts';
import type { Quarter } from './watch-memory.ts';

export interface Found {
  readonly machine: Machine;
  readonly options: FuzzOptions;
  readonly seconds: number;
  readonly attacked: AttackResult;
  readonly askedByOperation: Readonly<Record<string, number>>;
  readonly clean: CleanResult & { readonly sentCount: number };
  readonly quarters: readonly Quarter[];
  readonly rows: RowsFound;
  /** Of the service's log, by their message. */
  readonly warnings: Readonly<Record<string, number>>;
  readonly health: { readonly readyStatus: number; readonly socketCount: number };
}

// Fewer say nothing about a p99.
const fewestForP99 = 200;
// A process that has just started grows until it has seen everything once.
const fewestSecondsForGrowth = 300;
// The service's own connections to its database and queue, and the one that asks.
const ownSocketsMax = 40;
const unforeseen = 'a request failed in a way that nobody foresaw';

/** What must not be, each in a line; none when all is well. */
export function judgeFound(found: Found): string[] {
  const { attacked, clean, rows, health, quarters, options, warnings } = found;
  const problems = attacked.failures.map(
    ({ index, shape, problem, sent }) => `talk ${index} (${shape}): ${problem}\n    ${sent}`,
  );
  const say = (isWrong: boolean, text: string) => {
    if (isWrong) problems.push(text);
  };
  say(attacked.failureCount > attacked.failures.length, `${attacked.failureCount} failures in all`);
  say(rows.foreignCount > 0, `${rows.foreignCount} deliveries are stored that nobody signed`);
  say(rows.missingCount > 0, `${rows.missingCount} accepted deliveries are not stored`);
  say(rows.owedCount > 0, `${rows.owedCount} deliveries are not processed`);
  const others = Object.keys(clean.otherStatuses);
  say(others.length > 0, `true deliveries were answered ${JSON.stringify(clean.otherStatuses)}`);
  const slowdown = slowdownOf(clean);
  say((slowdown ?? 0) > options.maxSlowdown, `true deliveries were slowed down by ${slowdown?.toFixed(1)}`);
  const growth = found.seconds < fewestSecondsForGrowth ? 1 : growthOf(quarters);
  say(growth > options.maxGrowth, `memory grew by ${growth.toFixed(2)}`);
  say(health.readyStatus !== 200, `/readyz answers ${health.readyStatus}`);
  say(!(health.socketCount <= ownSocketsMax), `${health.socketCount} connections are open still`);
  say((warnings[unforeseen] ?? 0) > 0, `${unforeseen}: ${warnings[unforeseen]}`);
  return problems;
}

/** Undefined where too few were sent to say so. */
function slowdownOf({ alone, beside }: CleanResult): number | undefined {
  if (Math.min(alone.length, beside.length) < fewestForP99) return undefined;
  return p(beside, 0.99) / p(alone, 0.99);
}

function growthOf(quarters: readonly Quarter[]): number {
  const [first] = quarters;
  const last = quarters.at(-1);
  return first === undefined || last === undefined || first.rssMiB === 0 ? 1 : last.rssMiB / first.rssMiB;
}

function p(values: readonly number[], share: number): number {
  return values.length === 0
    ? Number.NaN
    : quantile(
        [...values].sort((a, b) => a - b),
        share,
      );
}

export function showFound(found: Found): string {
  const { machine, attacked, clean, rows, quarters, seconds, health, warnings, options } = found;
  const perSecond = Math.round(attacked.requestCount / seconds);
  const latencies = (values: readonly number[]) =>
    `p50 ${p(values, 0.5).toFixed(1)} ms, p99 ${p(values, 0.99).toFixed(1)} ms, ${values.length} of them`;
  const lines: [string, string][] = [
    [
      'machine',
      `${machine.at}, ${machine.cores} cores ${machine.cpu}, Node ${machine.node}, ${machine.commit}`,
    ],
    ['seed', String(options.seed)],
    ['requests', `${attacked.requestCount} on ${attacked.talkCount} connections, ${perSecond} a second`],
    ['answers', listed(attacked.countsByStatus)],
    ['503 overloaded', String(attacked.overloadedCount)],
    ['failures', String(attacked.failureCount)],
    ['longest open', `${Math.round(attacked.longestOpenMs)} ms`],
    ['true deliveries', `${clean.sentCount}, not accepted: ${listed(clean.otherStatuses) || 'none'}`],
    ['alone', latencies(clean.alone)],
    ['beside the fuzz', latencies(clean.beside)],
    ['slowdown of p99', slowdownOf(clean)?.toFixed(2) ?? 'too few to say'],
    [
      'memory',
      quarters
        .map(
          ({ share, rssMiB, heapMiB }) =>
            `${100 * share} %: ${rssMiB.toFixed(0)} MiB (heap ${heapMiB.toFixed(0)})`,
        )
        .join(', '),
    ],
    ['stored', `${rows.storedCount}, of them not signed by us: ${rows.foreignCount}`],
    ['accepted, not stored', String(rows.missingCount)],
    ['became', listed(rows.countsByState)],
    ['not processed', String(rows.owedCount)],
    ['afterwards', `/readyz ${health.readyStatus}, ${health.socketCount} sockets`],
    ['warnings', listed(warnings) || 'none'],
  ];
  const byShape = Object.entries(attacked.countsByShape).sort(([, a], [, b]) => b - a);
  return [
    '',
    ...lines.map(([name, text]) => `${name.padEnd(22)} ${text}`),
    '',
    ...byShape.map(([name, count]) => `${name.padEnd(36)} ${String(count).padStart(8)}`),
  ].join('\n');
}

function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
