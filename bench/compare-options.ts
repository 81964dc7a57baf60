// The command line of the comparison.
import { parseArgs } from 'node:util';
import { lineUp } from './line-up.ts';
import { readCount } from './options.ts';
import { type ScenarioName, type ScenarioOptions, scenarioNames } from './scenario.ts';

export interface CompareOptions extends ScenarioOptions {
  readonly rounds: number;
  readonly scenarios: readonly ScenarioName[];
  /** Names of the contenders; undefined for all. */
  readonly only: readonly string[] | undefined;
  readonly postgresUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly jsonFile: string | undefined;
  /** Whether the tables become a dated section of the README. */
  readonly isKept: boolean;
  /** Whether a promise that is not kept fails the run. */
  readonly isStrict: boolean;
}

export const compareHelp = `
Measures the service beside other ways to receive webhooks, all of them in one run, in turns
and over several rounds, on one Postgres and one Redis that write to the disk.

Usage: npm run bench -- [options]

  --rounds N         rounds, each measuring every contender once (default 3)
  --seconds N        length of one measurement (default 5)
  --warm-up N        seconds before each, not counted (default 2; queryable: at least 6)
  --scenarios LIST   of ${scenarioNames.join(', ')} (default: all)
  --only LIST        these contenders alone, of ${wrapNames()}
  --connections N    connections that the closed loops keep busy (default 64)
  --per-second N     arrivals a second of the open loops (default 200)
  --backlog N        deliveries of a backlog (default 60000)
  --limit-seconds N  the longest that a backlog is waited for (default 60)
  --postgres-url URL a superuser's address of a Postgres on this machine, in which databases are
                     made and dropped (default: the one that the product brings along)
  --redis-url URL    use this Redis, which must be empty and is emptied (default: one of its
                     own; what needs one is left out where none can be had)
  --json FILE        write every measurement to FILE as well
  --keep             add the tables to bench/README.md, as a section with today's date
  --strict           exit with 1 when a promise is not kept; by default only when an answer
                     was wrong or a delivery was lost
  --help             this text

All of it takes about 25 minutes; a quick look about five:
--rounds 1 --seconds 2 --warm-up 1 --backlog 20000
`.trim();

/** Throws an error whose message is for the reader; `help` when that is what was asked for. */
export function readCompareOptions(args: readonly string[]): CompareOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '5' },
      'warm-up': { type: 'string', default: '2' },
      scenarios: { type: 'string', default: scenarioNames.join(',') },
      only: { type: 'string' },
      connections: { type: 'string', default: '64' },
      'per-second': { type: 'string', default: '200' },
      backlog: { type: 'string', default: '60000' },
      'limit-seconds': { type: 'string', default: '60' },
      'postgres-url': { type: 'string' },
      'redis-url': { type: 'string' },
      json: { type: 'string' },
      keep: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  const names = lineUp.map(({ name }) => name);
  return {
    rounds: readCount('rounds', values.rounds, 1_000),
    seconds: readCount('seconds', values.seconds, 3_600),
    warmUpSeconds: readCount('warm-up', values['warm-up'], 60),
    scenarios: readNames('scenarios', values.scenarios, scenarioNames),
    only: values.only === undefined ? undefined : readNames('only', values.only, names),
    connections: readCount('connections', values.connections, 10_000),
    perSecond: readCount('per-second', values['per-second'], 10_000),
    backlog: readCount('backlog', values.backlog, 10_000_000),
    limitSeconds: readCount('limit-seconds', values['limit-seconds'], 3_600),
    postgresUrl: values['postgres-url'],
    redisUrl: values['redis-url'],
    jsonFile: values.json,
    isKept: values.keep,
    isStrict: values.strict,
  };
}

function readNames<Name extends string>(option: string, text: string, known: readonly Name[]): Name[] {
  const asked = text.split(',');
  const unknown = asked.find((name) => !known.some((other) => other === name));
  if (unknown === undefined) return known.filter((name) => asked.includes(name));
  throw new Error(`--${option} must be of ${known.join(', ')}, not "${unknown}".`);
}

function wrapNames(): string {
  const names = lineUp.map(({ name }) => name);
  const middle = Math.ceil(names.length / 2);
  const indent = ' '.repeat(21);
  return `${names.slice(0, middle).join(', ')},\n${indent}${names.slice(middle).join(', ')}`;
}
