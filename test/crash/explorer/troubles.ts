// What is done at a point: the kinds of trouble, how often each is chosen, and how it is done and undone. What is done to a
// process of the service it does to itself; everything else is done here while that process stands still, so that it is done
// at that very instant. Each comes to an end by itself, within a few seconds.
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../../../src/simulator/random.ts';
import type { TcpProxy } from '../../support/tcp-proxy.ts';
import type { Arming } from './child-points.ts';
import type { QueueName, Stores } from './stores.ts';

/** Of a hundred strikes so many are of this kind; what needs Redis becomes a kill where there is none. */
const shares = {
  kill: 42,
  freeze: 5,
  postgres_stop: 8,
  postgres_kill: 4,
  redis_kill: 10,
  redis_flush: 8,
  cut: 8,
  reset: 7,
  half_open: 2,
  delay: 3,
  disk_full: 3,
} as const;
export type TroubleName = keyof typeof shares;
export const troubleNames = Object.keys(shares) as TroubleName[];

export const troubleTexts: Readonly<Record<TroubleName, string>> = {
  kill: 'SIGKILL of a process of the service',
  freeze: 'SIGSTOP of one, and SIGCONT a while later or SIGKILL',
  postgres_stop: 'Postgres stopped at once (SIGQUIT)',
  postgres_kill: 'SIGKILL of Postgres’ postmaster',
  redis_kill: 'SIGKILL of Redis',
  redis_flush: 'FLUSHALL of Redis',
  cut: 'the wire to a store cut: connections end, new ones are refused',
  reset: 'the same with a TCP reset',
  half_open: 'the wire to a store frozen: nothing comes through, nothing ends',
  delay: 'everything on the wire to a store takes longer',
  disk_full: 'the outage store’s disk full while Postgres is away',
};

const needsRedis: readonly TroubleName[] = ['redis_kill', 'redis_flush'];

export function pickTrouble(random: Random, queue: QueueName, allowed: readonly TroubleName[]): TroubleName {
  const sum = allowed.reduce((all, name) => all + shares[name], 0);
  let left = random.next() * sum;
  for (const name of allowed) {
    left -= shares[name];
    if (left < 0) return queue === 'postgres' && needsRedis.includes(name) ? 'kill' : name;
  }
  return 'kill';
}

/** What the struck process does to itself. */
export function selfOf(trouble: TroubleName): Pick<Arming, 'self' | 'isWaitedFor'> {
  if (trouble === 'kill') return { self: 'SIGKILL', isWaitedFor: false };
  if (trouble === 'freeze') return { self: 'SIGSTOP', isWaitedFor: false };
  return { self: null, isWaitedFor: true };
}

export interface Scene {
  readonly stores: Stores;
  readonly random: Random;
  readonly dataDir: string;
  /** Lets the struck process go on. */
  readonly release: () => void;
}

/** Does what is done from outside, lets the struck process go on, and undoes it. */
export async function makeTrouble(trouble: TroubleName, scene: Scene): Promise<void> {
  const { stores, random, release } = scene;
  const { postgres, redis } = stores;
  const restMs = random.whole(0, 700);
  switch (trouble) {
    case 'kill':
    case 'freeze':
      return;
    case 'postgres_stop':
    case 'postgres_kill':
      postgres.end(trouble === 'postgres_stop' ? 'SIGQUIT' : 'SIGKILL');
      release();
      await pause(restMs);
      return postgres.restart();
    case 'redis_kill': {
      const killed = redis?.server.kill();
      release();
      await killed;
      await pause(restMs);
      return redis?.server.start();
    }
    case 'redis_flush':
      await redis?.flush();
      return release();
    case 'disk_full':
      return fillDisk(scene);
    default:
      return harmWire(trouble, scene);
  }
}

async function harmWire(trouble: 'cut' | 'reset' | 'half_open' | 'delay', scene: Scene): Promise<void> {
  const { stores, random, release } = scene;
  const wire = stores.redis !== undefined && random.chance(0.4) ? stores.redis.wire : stores.postgresWire;
  if (trouble === 'delay') {
    wire.delay(random.whole(20, 150));
    release();
    await pause(random.whole(500, 1_500));
    return wire.delay(0);
  }
  if (trouble === 'half_open') {
    wire.freeze();
    release();
    await pause(random.whole(300, 2_500));
    // Either it was slow, or whoever vanished never comes back.
    wire.thaw();
    if (random.chance(0.5)) await interrupt(wire, 'reset', 50, () => {});
    return;
  }
  await interrupt(wire, trouble, random.whole(0, 900), release);
}

/** Cuts a wire for a while. */
export async function interrupt(
  wire: TcpProxy,
  how: 'cut' | 'reset',
  forMs: number,
  release: () => void,
): Promise<void> {
  const done = wire[how]();
  release();
  await done;
  await pause(forMs);
  await wire.mend();
}

async function fillDisk({ stores, random, dataDir, release }: Scene): Promise<void> {
  const filler = path.join(dataDir, 'filler');
  // To the last byte: what still fits is written first.
  if (stores.isDiskOwn) for (const bytes of [65_536, 4_096]) await fill(filler, bytes);
  try {
    await interrupt(stores.postgresWire, 'cut', random.whole(300, 1_200), release);
  } finally {
    await rm(filler, { force: true });
  }
}

async function fill(file: string, pieceBytes: number): Promise<void> {
  const piece = Buffer.alloc(pieceBytes, 'x');
  for (;;) {
    try {
      await writeFile(file, piece, { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw error;
    }
  }
}
