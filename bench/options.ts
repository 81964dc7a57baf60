// The benchmark's command line.
import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly connections: number;
  readonly redisUrl: string | undefined;
  readonly jsonFile: string | undefined;
  /** Names of the contenders beside the ceiling; undefined for all. */
  readonly only: readonly string[] | undefined;
}

export const benchHelp = `
Measures how many signed deliveries a second are acknowledged, and how fast, beside a
server that verifies them and stores nothing.

Usage: npm run bench -- [options]

  --rounds N         rounds, each measuring every contender once (default 5)
  --seconds N        length of one measurement (default 6)
  --warm-up N        seconds of load before each measurement, not counted (default 2)
  --connections N    connections that the load keeps busy (default 64)
  --redis-url URL    use this Redis for the contender with Redis; it must be empty or
                     spare (default: one of its own, and left out where none can be had)
  --only LIST        measure only these beside the ceiling: all,redis,receiver
  --json FILE        write every measurement to FILE as well
  --help             this text
`.trim();

/** Throws an error whose message is for the reader; `help` when that is what was asked for. */
export function readBenchOptions(args: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '6' },
      'warm-up': { type: 'string', default: '2' },
      connections: { type: 'string', default: '64' },
      'redis-url': { type: 'string' },
      only: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  return {
    rounds: readCount('rounds', values.rounds, 1_000),
    seconds: readCount('seconds', values.seconds, 600),
    warmUpSeconds: readCount('warm-up', values['warm-up'], 60),
    connections: readCount('connections', values.connections, 10_000),
    redisUrl: values['redis-url'],
    jsonFile: values.json,
    only: values.only?.split(','),
  };
}

export function readCount(name: string, text: string, max: number): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= 1 && value <= max) return value;
  throw new Error(`--${name} must be a whole number from 1 to ${max}, not "${text}".`);
}

export function readNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d{1,10}(\.\d{1,6})?$/.test(text) && value >= min && value <= max) return value;
  throw new Error(`--${name} must be a number from ${min} to ${max}, not "${text}".`);
}
