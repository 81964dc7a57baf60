// The command line of the benchmark of growth.
import { parseArgs } from 'node:util';
import { readCount } from './options.ts';
import type { LoadOptions } from './scenario.ts';

export interface GrowthOptions extends LoadOptions {
  /** Live deliveries a second, while days are dropped. */
  readonly perSecond: number;
  readonly deliveries: number;
  readonly rounds: number;
  readonly settleSeconds: number;
  readonly times: number;
  readonly jsonFile: string | undefined;
  readonly isStrict: boolean;
}

export const growthHelp = `
Measures what the service does with tables that are full: how fast it acknowledges and
processes beside the same with empty tables, how long the database takes for a page of each
list, and what dropping a day of bodies does to live deliveries.

Usage: npm run bench:growth -- [options]

  --deliveries N     deliveries in the tables, of ninety days (default 10000000)
  --rounds N         rounds, each measuring empty and full once, the other first in each
                     (default 4; an even number gives both the same places)
  --settle N         seconds of load on the full tables before the first round, in which
                     Postgres reads their indexes into its buffers; printed and not counted
                     (default 60)
  --seconds N        length of one measurement (default 5)
  --warm-up N        seconds before each, not counted (default 2)
  --connections N    connections that the closed loops keep busy (default 64)
  --per-second N     live deliveries a second while days are dropped (default 200)
  --times N          how often each case of a list is asked (default 10)
  --json FILE        write every measurement to FILE as well
  --strict           exit with 1 when a promise is not kept
  --help             this text

Ten million take about 15 GB on the disk while it runs.
`.trim();

/** Throws an error whose message is for the reader; `help` when that is what was asked for. */
export function readGrowthOptions(args: readonly string[]): GrowthOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      deliveries: { type: 'string', default: '10000000' },
      rounds: { type: 'string', default: '4' },
      settle: { type: 'string', default: '60' },
      seconds: { type: 'string', default: '5' },
      'warm-up': { type: 'string', default: '2' },
      connections: { type: 'string', default: '64' },
      'per-second': { type: 'string', default: '200' },
      times: { type: 'string', default: '10' },
      json: { type: 'string' },
      strict: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  return {
    deliveries: readCount('deliveries', values.deliveries, 100_000_000),
    rounds: readCount('rounds', values.rounds, 1_000),
    settleSeconds: readCount('settle', values.settle, 3_600),
    seconds: readCount('seconds', values.seconds, 3_600),
    warmUpSeconds: readCount('warm-up', values['warm-up'], 60),
    connections: readCount('connections', values.connections, 10_000),
    perSecond: readCount('per-second', values['per-second'], 10_000),
    times: readCount('times', values.times, 10_000),
    jsonFile: values.json,
    isStrict: values.strict,
  };
}
