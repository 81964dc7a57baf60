// The time that the service goes by. It is the machine's clock as long as that goes on as clocks do; when it jumps, time goes
// on from before the jump, since schedules, leases and ends that were written by a wrong time would outlive it. A jump that
// stays is believed after a while, and nothing is deleted by age until a day later. What tells whose clock is wrong is the
// time that has passed in this process, which nobody can set, and the database's clock beside it.
import type { Log } from './log.ts';

export interface SteadyClock {
  now(): Date;
  /** The machine's own clock, right or wrong. */
  readonly wall: () => Date;
  /** Compares the sources; to be called every few seconds. Never rejects. */
  look(): Promise<void>;
  /** Whether the time is certain: no clock has jumped, and the database's says the same. */
  isCertain(): boolean;
  /** Whether what is old may be deleted: the time is certain, and no jump was believed lately. */
  mayForget(): boolean;
}

export interface SteadyClockOptions {
  readonly wall: () => Date;
  /** Time that passes whatever is done to clocks. */
  readonly passedMs?: () => number;
  readonly readDatabaseNow: () => Promise<Date>;
  readonly log: Pick<Log, 'warn' | 'error'>;
}

/** What NTP does in one step and what a busy process sleeps through is followed at once. */
export const followedMs = 30_000;
/** A jump that stays for so long is believed. Suspended machines wake up to one that is right. */
export const believedAfterMs = 5 * 60_000;
const forgetAgainAfterMs = 24 * 60 * 60_000;

export function createSteadyClock({
  wall,
  passedMs = () => performance.now(),
  readDatabaseNow,
  log,
}: SteadyClockOptions): SteadyClock {
  let offsetMs = wall().getTime() - passedMs();
  let jumpedAt: number | undefined;
  let believedAt: number | undefined;
  let isBesideDatabase = false;

  const now = () => {
    const wallMs = wall().getTime();
    if (Math.abs(wallMs - passedMs() - offsetMs) <= followedMs) offsetMs = wallMs - passedMs();
    return new Date(passedMs() + offsetMs);
  };
  const jumpMs = () => wall().getTime() - now().getTime();

  const look = async () => {
    const ms = jumpMs();
    if (Math.abs(ms) <= followedMs) {
      if (jumpedAt !== undefined)
        log.warn({}, 'the clock of this machine is back where it was before its jump');
      jumpedAt = undefined;
    } else if (jumpedAt === undefined) {
      jumpedAt = passedMs();
      log.error({ jumpMs: ms }, 'the clock of this machine has jumped; time goes on from before the jump');
    }
    const databaseMs = await readDatabaseNow().then(
      (at) => at.getTime(),
      () => undefined,
    );
    const isBeside = (at: Date) =>
      databaseMs !== undefined && Math.abs(databaseMs - at.getTime()) <= followedMs;
    isBesideDatabase = isBeside(now());
    // While the database agrees with the time before, two of three say that the jump is wrong, however long it stays.
    if (jumpedAt === undefined || isBesideDatabase || passedMs() - jumpedAt < believedAfterMs) return;
    log.error({ jumpMs: jumpMs() }, 'the jump of this machine’s clock stays, and is believed');
    offsetMs = wall().getTime() - passedMs();
    jumpedAt = undefined;
    believedAt = passedMs();
    isBesideDatabase = isBeside(now());
  };

  const isCertain = () => isBesideDatabase && jumpedAt === undefined && Math.abs(jumpMs()) <= followedMs;
  return {
    now,
    wall,
    look,
    isCertain,
    mayForget: () =>
      isCertain() && (believedAt === undefined || passedMs() - believedAt > forgetAgainAfterMs),
  };
}

/** A clock that is set by whoever plays the time, and is believed in all. */
export function createPlayedClock(now: () => Date): SteadyClock {
  return { now, wall: now, look: async () => {}, isCertain: () => true, mayForget: () => true };
}
