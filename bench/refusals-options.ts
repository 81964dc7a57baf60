// The command line of the benchmark of refusals.
import { parseArgs } from 'node:util';
import { readCount, readNumber } from './options.ts';

export interface RefusalsOptions {
  /** Refused requests that a contender is sent in all, the warm-ups apart. */
  readonly requests: number;
  readonly rounds: number;
  /** Refused requests before each measurement. */
  readonly warmUpRequests: number;
  readonly floodConnections: number;
  readonly connections: number;
  readonly bodyBytes: number;
  /** The share of the limit in bytes that is stored already when the first round begins. */
  readonly filledShare: number;
  readonly isSealing: boolean;
  readonly minRatio: number;
  readonly jsonFile: string | undefined;
}

export const refusalsHelp = `
Measures what keeping refused requests costs the signed ones: the same service with
storing on and with storing off, each under the same flood of requests with a wrong
signature. Exit code 1 when an answer was wrong, a limit was passed, or storing slowed
the signed deliveries more than allowed.

Usage: npm run bench:refusals -- [options]

  --requests N           refused requests that each contender is sent over the whole run
                         (default 100000)
  --rounds N             rounds, each measuring both (default 5); a round ends when its
                         share of the requests is answered
  --warm-up N            refused requests before each measurement, not counted
                         (default 1000)
  --flood-connections N  connections that the flood keeps busy (default 8)
  --connections N        connections that the signed deliveries keep busy (default 16)
  --body-bytes N         size of a refused body (default 65536)
  --filled SHARE         how full the store is at the begin, as a share of its limit in
                         bytes (default 0.95, so that the run reaches it); 0 for empty
  --seal                 with ENCRYPTION_KEYS, so that what is kept is encrypted
  --min-ratio SHARE      signed deliveries with storing on as a share of those with storing
                         off, at least; median of the rounds (default 0.9)
  --json FILE            write every measurement to FILE as well
  --help                 this text
`.trim();

/** Throws an error whose message is for the reader; `help` when that is what was asked for. */
export function readRefusalsOptions(args: readonly string[]): RefusalsOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      requests: { type: 'string', default: '100000' },
      rounds: { type: 'string', default: '5' },
      'warm-up': { type: 'string', default: '1000' },
      'flood-connections': { type: 'string', default: '8' },
      connections: { type: 'string', default: '16' },
      'body-bytes': { type: 'string', default: '65536' },
      filled: { type: 'string', default: '0.95' },
      seal: { type: 'boolean', default: false },
      'min-ratio': { type: 'string', default: '0.9' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  const options = {
    requests: readCount('requests', values.requests, 100_000_000),
    rounds: readCount('rounds', values.rounds, 1_000),
    warmUpRequests: readCount('warm-up', values['warm-up'], 1_000_000),
    floodConnections: readCount('flood-connections', values['flood-connections'], 10_000),
    connections: readCount('connections', values.connections, 10_000),
    bodyBytes: readCount('body-bytes', values['body-bytes'], 1_048_576),
    filledShare: readNumber('filled', values.filled, 0, 1),
    isSealing: values.seal,
    minRatio: readNumber('min-ratio', values['min-ratio'], 0, 10),
    jsonFile: values.json,
  };
  const fewest = Math.min(options.warmUpRequests, Math.floor(options.requests / options.rounds));
  if (fewest < options.floodConnections) {
    throw new Error('Each connection of the flood needs a request in every round and warm-up.');
  }
  if (options.bodyBytes < smallestBodyBytes) {
    throw new Error(`--body-bytes must be at least ${smallestBodyBytes}.`);
  }
  return options;
}

const smallestBodyBytes = 1_024;
