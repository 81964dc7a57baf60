// The command line of the fuzzer.
import { parseArgs } from 'node:util';
import { readCount, readNumber } from '../../bench/options.ts';

export interface FuzzOptions {
  readonly requests: number;
  readonly seed: number;
  readonly requestsPerSecond: number;
  readonly maxOpen: number;
  readonly minutes: number;
  readonly cleanPerSecond: number;
  /** The clean sender's p99 beside the fuzz as a multiple of its p99 alone, at most. */
  readonly maxSlowdown: number;
  /** Memory at the end as a multiple of what it was after a quarter, at most. */
  readonly maxGrowth: number;
  readonly jsonFile: string | undefined;
}

export const fuzzHelp = `
Sends hostile requests to the front door and the API of a real service, over raw sockets,
with a sender of true deliveries beside it. Exit code 1 when one was accepted unsigned,
a true one was not, anything was answered with 5xx, a connection was left hanging, the
true ones were slowed down or memory grew by more than allowed.

Usage: npm run fuzz -- [options]

  --requests N       hostile requests in all (default 20000)
  --seed S           the same seed makes the same requests (default: the time)
  --rate N           requests a second (default 1400)
  --max-open N       connections open at once, at most (default 24)
  --minutes N        ends after so many, with however many were sent (default 600)
  --clean-rate N     true deliveries a second beside them (default 40)
  --max-slowdown X   p99 of the true deliveries beside the fuzz, as a multiple of their
                     p99 alone, at most (default 10)
  --max-growth X     resident memory at the end as a multiple of that after a quarter, at
                     most (default 1.25)
  --json FILE        write what was found to FILE as well
  --help             this text

Every 20 seconds it pauses for five, and so measures the true deliveries alone.
`.trim();

const seedMax = 2_147_483_647;

export function readFuzzOptions(args: readonly string[]): FuzzOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      requests: { type: 'string', default: '20000' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      rate: { type: 'string', default: '1400' },
      'max-open': { type: 'string', default: '24' },
      minutes: { type: 'string', default: '600' },
      'clean-rate': { type: 'string', default: '40' },
      'max-slowdown': { type: 'string', default: '10' },
      'max-growth': { type: 'string', default: '1.25' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  return {
    requests: readCount('requests', values.requests, 100_000_000),
    seed: readNumber('seed', values.seed, 0, seedMax),
    requestsPerSecond: readCount('rate', values.rate, 100_000),
    maxOpen: readCount('max-open', values['max-open'], 10_000),
    minutes: readCount('minutes', values.minutes, 10_000),
    cleanPerSecond: readCount('clean-rate', values['clean-rate'], 1_000),
    maxSlowdown: readNumber('max-slowdown', values['max-slowdown'], 1, 1_000),
    maxGrowth: readNumber('max-growth', values['max-growth'], 1, 100),
    jsonFile: values.json,
  };
}
