// What the explorer's command line says, and its help.
import { parseArgs } from 'node:util';
import { type QueueName, queues } from './stores.ts';
import { type TroubleName, troubleNames, troubleTexts } from './troubles.ts';

export interface Options {
  readonly killCount: number;
  readonly maxSeconds: number;
  readonly firstSeed: number | undefined;
  readonly queues: readonly QueueName[];
  readonly lanesPerQueue: number;
  readonly strikesPerRound: number;
  readonly troubles: readonly TroubleName[];
  /** A point, with an instant or for all three. */
  readonly point: string | undefined;
  readonly isResumed: boolean;
  readonly keepsGoing: boolean;
  readonly stateFolder: string;
  readonly reportFile: string | undefined;
  readonly isListing: boolean;
  readonly isReportOnly: boolean;
}

export const help = `
  npm run crash -- [options]

  Kills the real service at every await of its paths, and Postgres, Redis, wires and disks under it, while seeded traffic
  goes on, and looks whether anything that was acknowledged is missing or has two effects. Needs nothing but this
  repository: it starts a Postgres and a Redis of its own.

  --kills <n>        how many to make in this run (default 200)
  --minutes <n>      begin no round after so many minutes
  --seed <n>         the first round's seed, and of further lanes the next ones; it decides what is sent and what is done to whom
  --queue <name>     postgres, redis or both (default both)
  --lanes <n>        rounds at once for each queue, each on stores of its own (default 1)
  --per-round <n>    kills in one round, before everything is compared (default 25)
  --trouble <list>   only these, separated by commas:
${troubleNames.map((name) => `                       ${name.padEnd(14)} ${troubleTexts[name]}`).join('\n')}
  --point <name>     only there, such as "db/record-deliveries.ts recordOrdered#1 after"; without an instant at all three
  --list             shows the points and ends
  --resume           goes on from what was done before, and adds to it
  --keep-going       does not stop at the first round that goes wrong
  --state <folder>   where what was done is kept (default .data/crash)
  --report <file>    writes the report of all that was done there, and in the folders in it
  --report-only      kills nothing, and only writes the report
  --help             this text

  Ends with 0 when every round was right, with 1 when one was not, with 2 when it was asked wrongly.
`;

/** A text says what was asked wrongly. */
export function readOptions(args: readonly string[]): Options | 'help' | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        kills: { type: 'string', default: '200' },
        minutes: { type: 'string' },
        seed: { type: 'string' },
        queue: { type: 'string', default: 'both' },
        lanes: { type: 'string', default: '1' },
        'per-round': { type: 'string', default: '25' },
        trouble: { type: 'string', default: troubleNames.join(',') },
        point: { type: 'string' },
        list: { type: 'boolean', default: false },
        resume: { type: 'boolean', default: false },
        'keep-going': { type: 'boolean', default: false },
        state: { type: 'string', default: '.data/crash' },
        report: { type: 'string' },
        'report-only': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) return 'help';
    return {
      killCount: readCount('kills', values.kills),
      maxSeconds: values.minutes === undefined ? Infinity : readCount('minutes', values.minutes) * 60,
      firstSeed: values.seed === undefined ? undefined : readCount('seed', values.seed),
      queues: values.queue === 'both' ? queues : [readOne('queue', queues, values.queue)],
      lanesPerQueue: readCount('lanes', values.lanes),
      strikesPerRound: readCount('per-round', values['per-round']),
      troubles: values.trouble.split(',').map((name) => readOne('trouble', troubleNames, name.trim())),
      point: values.point,
      isListing: values.list,
      isReportOnly: values['report-only'],
      isResumed: values.resume,
      keepsGoing: values['keep-going'],
      stateFolder: values.state,
      reportFile: values.report,
    };
  } catch (error) {
    return (error as Error).message;
  }
}

function readCount(name: string, text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`--${name} must be a whole number from 1`);
  return count;
}

function readOne<T extends string>(name: string, known: readonly T[], text: string): T {
  const found = known.find((each) => each === text);
  if (found === undefined) throw new Error(`--${name} must be one of ${known.join(', ')}`);
  return found;
}
