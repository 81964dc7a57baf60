// Writes the report of all runs: what was struck where, with what and how often, what was looked for, and where nothing ever
// came by. Only figures that were counted; a run that went wrong is in it. Pure but for the machine's name.
import os from 'node:os';
import { instants } from './find-points.ts';
import { queues } from './stores.ts';
import type { Failure, Kept } from './tally.ts';
import { troubleNames, troubleTexts } from './troubles.ts';

export function writeReport(kept: Kept, points: readonly string[]): string {
  const struckAt = (queue: string, point: string) =>
    sum(kept.struck, (key) => key.startsWith(`${queue} `) && key.includes(` ${point} `));
  const total = sum(kept.struck, () => true);
  const [brokenOff = [], wrong = []] = [true, false].map((isMeant) =>
    kept.failures.filter(({ differences }) => isBrokenOff(differences) === isMeant),
  );
  const lines = [
    '# The crash explorer’s report',
    '',
    'Made by `npm run crash`; see [the record](decisions/035-crash-explorer.md) for how it works and what it does not see.',
    '',
    `- **Kills**: ${total} in ${sum(kept.rounds, () => true)} rounds.`,
    `- **Deliveries answered 202 and looked for**: ${sum(kept.acknowledged, () => true)}.`,
    `- **Rounds that were not as they must be**: ${wrong.length}${wrong.length === 0 ? '; lost 0, doubled 0' : ', listed below'}.`,
    ...(brokenOff.length === 0
      ? []
      : [`- **Rounds that broke off, and say nothing**: ${brokenOff.length}, listed below.`]),
    `- **Last run**: ${new Date().toISOString().slice(0, 10)}, ${os.cpus().length} × ${os.cpus()[0]?.model}, ${Math.round(os.totalmem() / 2 ** 30)} GB, Node ${process.versions.node}, ${os.type()}.`,
    `- **Commits**: ${kept.commits.join(', ')}; files and functions are named as they were at the last of them.`,
    '- **To take it further**: `npm run crash -- --resume --kills 1000 --report docs/crash-report.md`.',
    '',
    '## What was done',
    '',
    `| What | ${queues.map((queue) => `queue on ${queue}`).join(' | ')} |`,
    '| --- | --- | --- |',
    ...troubleNames.map((trouble) => {
      const counts = queues.map((queue) => sum(kept.struck, (key) => key.startsWith(`${queue} ${trouble} `)));
      return `| ${troubleTexts[trouble]} | ${counts.join(' | ')} |`;
    }),
    `| all | ${queues.map((queue) => sum(kept.struck, (key) => key.startsWith(`${queue} `))).join(' | ')} |`,
    `| rounds | ${queues.map((queue) => kept.rounds[queue] ?? 0).join(' | ')} |`,
    `| deliveries answered 202 | ${queues.map((queue) => kept.acknowledged[queue] ?? 0).join(' | ')} |`,
    '',
    '## Where',
    '',
    'A point is one `await`, named after its file, its function and its place in it; each is three instants: before, during, after.',
    '',
    '| File | points | struck | kills, queue on postgres | kills, queue on redis |',
    '| --- | --- | --- | --- | --- |',
    ...writeFiles(points, struckAt),
    '',
    ...writeUnreached(kept, points, struckAt),
    ...writeFailures('Rounds that were not as they must be', wrong),
    ...writeFailures('Rounds that broke off', brokenOff),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function writeFiles(points: readonly string[], struckAt: (queue: string, point: string) => number): string[] {
  const ofFile = Map.groupBy(points, (point) => point.split(' ')[0] ?? '');
  return [...ofFile].map(([file, own]) => {
    const counts = queues.map((queue) => own.reduce((all, point) => all + struckAt(queue, point), 0));
    const struck = own.filter((point) => queues.some((queue) => struckAt(queue, point) > 0));
    return `| \`${file}\` | ${own.length} | ${struck.length} | ${counts.join(' | ')} |`;
  });
}

function writeUnreached(
  kept: Kept,
  points: readonly string[],
  struckAt: (queue: string, point: string) => number,
): string[] {
  const isHit = (point: string) =>
    queues.some((queue) =>
      instants.some((instant) => kept.hits[`${queue} ${point} ${instant}`] !== undefined),
    );
  const isStruck = (point: string) => queues.some((queue) => struckAt(queue, point) > 0);
  const unstruck = points.filter((point) => !isStruck(point));
  const missed = unstruck.filter(isHit);
  const unreached = unstruck.filter((point) => !isHit(point));
  const say = (point: string) => `- \`${point}\`: ${reasonOf(point)}`;
  return [
    '## Points that nothing ever came by',
    '',
    ...(unreached.length === 0 ? ['None.'] : unreached.map(say)),
    '',
    ...(missed.length === 0
      ? []
      : [
          '## Points that something came by, and never while they were armed',
          '',
          ...missed.map((p) => `- \`${p}\``),
          '',
        ]),
  ];
}

// Why few rounds come there, or none.
const reasons: readonly (readonly [RegExp, string])[] = [
  [/group-commit\.ts drain/, 'only where everybody who waits for the last group has hung up before a stop'],
  [
    /drop-bodies/,
    'days of bodies that are old; all of a round are of today, see `test/postgres/drop-bodies.test.ts`',
  ],
  [/store\.ts append#2/, 'a segment of 8 MB, which is all that the outage store’s disk has here'],
  [
    /visitAbandoned|createAbandonedVisit/,
    'what a dead receiver left, which is looked for every five seconds',
  ],
  [/setAside|layBy|putAside|listSegments/, 'damaged, refused or sealed records of a dead receiver'],
  [/createSegment#[56]|appendTo#3|store\.ts write#3/, 'a disk that is full in the middle of a write'],
  [
    /recordBatch#[23]|applyOrHalve|keepApart|countAttempt|replayHeld#[4-7]/,
    'a delivery that Postgres refuses as data',
  ],
  [
    /\bend#|endSession/,
    'sessions that iLive does not know, or says that they expired, which takes longer than a round',
  ],
  [/finishRotation/, 'refused until the old secret has not matched for a while'],
  [/dropRefusals|makeRoom|recordRefusals/, 'refusals that are purged, or too many'],
  [/run-replays|replay|mendDeliveries|findEvidence/, 'an operator’s action that only some rounds come to'],
  [/(service-(outage|receiver)\.ts run|\b(drain|stop|close|disconnect))#/, 'only in a stop in good order'],
];

function reasonOf(point: string): string {
  return reasons.find(([pattern]) => pattern.test(point))?.[1] ?? 'no round has come there yet';
}

function isBrokenOff(differences: readonly string[]): boolean {
  return differences[0]?.startsWith('the round broke off') ?? false;
}

function writeFailures(title: string, failures: readonly Failure[]): string[] {
  if (failures.length === 0) return [];
  return [
    `## ${title}`,
    '',
    ...failures.map(
      ({ seed, queue, at, differences }) =>
        `- seed ${seed}, queue on ${queue}, ${at}: ${differences[0]?.split('\n')[0]?.slice(0, 300)}`,
    ),
  ];
}

function sum(counts: Readonly<Record<string, number>>, isMeant: (key: string) => boolean): number {
  return Object.entries(counts).reduce((all, [key, count]) => (isMeant(key) ? all + count : all), 0);
}
