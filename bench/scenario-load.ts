// Closed loops: how fast deliveries are acknowledged while nobody works on them (`burst`), and how fast they are both
// acknowledged and processed (`sustained`), over the whole span until the last one that was accepted is done. The warm-up's
// deliveries are done before the measurement begins.
import type { ChildProcess } from 'node:child_process';
import type { Part } from './contenders/program.ts';
import { type MemoryReading, readCpu, readMemory, shareCpu } from './cpu-time.ts';
import type { Contender } from './line-up.ts';
import type { Loaded, LoadJob, LoadMessage } from './load.ts';
import { forkLoad, troublesOf, untilTold } from './load-process.ts';
import { compareGroups, type Metrics, readMetrics } from './read-metrics.ts';
import {
  beside,
  countKept,
  findLosses,
  type Kept,
  type LoadOptions,
  type Outcome,
  type Scenario,
  untilSo,
} from './scenario.ts';
import type { Playing } from './start-program.ts';
import type { Place } from './stores.ts';

export const burst: Scenario<LoadOptions> = (contender, place, options) =>
  beside(contender.start('receive', place), (playing) =>
    measureLoad({ contender, place, options, playing, part: 'receive' }),
  );

export const sustained: Scenario<LoadOptions> = (contender, place, options) =>
  beside(contender.start('whole', place), (playing) =>
    measureLoad({ contender, place, options, playing, part: 'whole' }),
  );

interface Turn {
  readonly contender: Contender;
  readonly part: Part;
  readonly place: Place;
  readonly playing: Playing;
  readonly options: LoadOptions;
}

const megabyte = 2 ** 20;
const doneDeadlineSeconds = 120;

async function measureLoad(turn: Turn): Promise<Outcome> {
  const { contender, place, playing, options } = turn;
  const { connections, warmUpSeconds, seconds } = options;
  const { signal, secret } = place;
  const url = new URL('/webhooks/ilive', playing.address).href;
  const job: LoadJob = { url, secret, dialect: contender.dialect, connections, warmUpSeconds, seconds };
  const before = await countKept(contender, place, turn.part);
  const child = forkLoad('load.ts', job, signal);
  try {
    return await measureWarmed(turn, child, before);
  } finally {
    if (child.connected) child.disconnect();
  }
}

async function measureWarmed(turn: Turn, child: ChildProcess, before: Kept): Promise<Outcome> {
  const { contender, place, playing, part } = turn;
  const { signal } = place;
  const warmed = await untilTold<LoadMessage, 'warmed'>(child, 'warmed', signal);
  const isDone = () => (part === 'whole' ? playing.isDone() : Promise.resolve(true));
  await untilSo(isDone, doneDeadlineSeconds, signal);
  const costsBefore = await readCosts(turn);
  child.send('go');
  const { result } = await untilTold<LoadMessage, 'ended'>(child, 'ended', signal);
  const loaded = await readCosts(turn);
  const hasDone = await untilSo(isDone, doneDeadlineSeconds, signal);
  const after = part === 'whole' ? await readCosts(turn) : loaded;
  const names = await askNames(child, signal);
  const { countAccepted } = playing;
  const losses = await findLosses(contender, { place, part, names, before, countAccepted });
  const spanSeconds = (after.atMs - costsBefore.atMs) / 1_000;
  const costs = compareCosts(costsBefore, after, { turn, spanSeconds, loadPid: child.pid ?? 0, result });
  return {
    figures: keepKnown({
      ackPerSecond: result.acknowledgedCount / result.seconds,
      perSecond:
        part === 'whole' ? result.acceptedCount / spanSeconds : result.acknowledgedCount / result.seconds,
      p50Ms: result.p50Ms,
      p99Ms: result.p99Ms,
      caughtUpSeconds: part === 'whole' ? (after.atMs - loaded.atMs) / 1_000 : undefined,
      ...compareGroups(costsBefore.metrics, loaded.metrics),
      ...costs,
      startMs: playing.startMs,
      bodyBytes: result.bodyBytes,
    }),
    troubles: [
      ...troublesOf(warmed.result),
      ...troublesOf(result),
      ...(hasDone ? losses : ['it was never done with what it accepted']),
    ],
  };
}

async function askNames(child: ChildProcess, signal: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  for (;;) {
    child.send('name');
    const told = await untilTold<LoadMessage, 'named'>(child, 'named', signal);
    if (told.names.length === 0) return names;
    for (const name of told.names) names.push(name);
  }
}

interface Costs {
  readonly atMs: number;
  readonly cpu: ReturnType<typeof readCpu>;
  /** Of the process that receives. */
  readonly memory: MemoryReading | undefined;
  readonly metrics: Metrics;
  readonly walBytes: number;
  readonly redisCommands: number;
}

async function readCosts({ place: { db, redis }, playing }: Turn): Promise<Costs> {
  const atMs = performance.now();
  const cpu = readCpu();
  const memory = readMemory(playing.pids[0] ?? 0);
  const metrics = await readMetrics(playing.address);
  const [wal] = await db.query<{ bytes: string }>({
    text: `select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text as bytes`,
  });
  const [, commands] = /total_commands_processed:(\d+)/.exec((await redis?.info('stats')) ?? '') ?? [];
  return {
    atMs,
    cpu,
    memory,
    metrics,
    walBytes: Number(wal?.bytes ?? 0),
    redisCommands: Number(commands ?? 0),
  };
}

function compareCosts(
  before: Costs,
  after: Costs,
  more: {
    readonly turn: Turn;
    readonly spanSeconds: number;
    readonly loadPid: number;
    readonly result: Loaded;
  },
): Record<string, number | undefined> {
  const { turn, spanSeconds: seconds, loadPid, result } = more;
  const { pids } = turn.playing;
  const { postgresPid, redisPid } = turn.place;
  const cpu = shareCpu(before.cpu, after.cpu, { seconds, servicePids: pids, loadPid, postgresPid, redisPid });
  const perDelivery = (value: number) => value / Math.max(1, result.acceptedCount);
  const cpuMs = (cores: number | undefined) =>
    cores === undefined ? undefined : perDelivery(cores * seconds * 1_000);
  const megabytes = (bytes: number | undefined) => (bytes === undefined ? undefined : bytes / megabyte);
  return {
    cpuService: cpu?.service,
    cpuPostgres: cpu?.postgres,
    cpuRedis: cpu?.redis,
    cpuLoad: cpu?.load,
    cpuElsewhere: cpu?.elsewhere,
    serviceMs: cpuMs(cpu?.service),
    postgresMs: cpuMs(cpu?.postgres),
    redisMs: cpuMs(cpu?.redis),
    walBytes: perDelivery(after.walBytes - before.walBytes),
    redisCommands: perDelivery(after.redisCommands - before.redisCommands),
    megabytesBefore: megabytes(before.memory?.residentBytes),
    megabytesAfter: megabytes(after.memory?.residentBytes),
    peakMegabytes: megabytes(after.memory?.peakBytes),
  };
}

export function keepKnown(figures: Record<string, number | undefined>): Record<string, number> {
  const known = Object.entries(figures).filter((entry): entry is [string, number] => entry[1] !== undefined);
  return Object.fromEntries(known);
}
