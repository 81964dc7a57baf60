// The command line of the benchmark of look-ups.
import { parseArgs } from 'node:util';
import { readCount, readNumber } from './options.ts';

export interface LookUpsOptions {
  readonly sessions: number;
  readonly times: number;
  readonly maxMs: number;
  readonly jsonFile: string | undefined;
}

export const lookUpsHelp = `
Measures how long the database takes for a page of each list, by every filter, every order
and filters as they are asked together, over the rows of ninety days.

Usage: npm run bench:look-ups -- [options]

  --sessions N       sessions in the tables, with three deliveries each (default 1000000)
  --times N          how often each case is asked, with other values each time (default 40)
  --max-ms N         the p95 that every case must keep (default 50)
  --json FILE        write every measurement to FILE as well
  --help             this text
`.trim();

/** Throws an error whose message is for the reader; `help` when that is what was asked for. */
export function readLookUpsOptions(args: readonly string[]): LookUpsOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      sessions: { type: 'string', default: '1000000' },
      times: { type: 'string', default: '40' },
      'max-ms': { type: 'string', default: '50' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  return {
    sessions: readCount('sessions', values.sessions, 10_000_000),
    times: readCount('times', values.times, 10_000),
    maxMs: readNumber('max-ms', values['max-ms'], 0.1, 60_000),
    jsonFile: values.json,
  };
}
