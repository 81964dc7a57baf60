// Strikes one round's processes and stores, one after the other: arms everybody at the instants that were struck least, and
// where none of them comes by, at more of them, until one does; now and then it waits for what was never struck. Between the
// strikes the wire to Postgres is cut now and then, also with a full disk, so that the outage store is written, refused and
// drained, and struck there too.
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../../../src/simulator/random.ts';
import type { TcpProxy } from '../../support/tcp-proxy.ts';
import type { Strike } from './child-points.ts';
import type { Crew, Member } from './crew.ts';
import { instants } from './find-points.ts';
import type { Lane } from './lane.ts';
import { planTurns } from './strike-turns.ts';
import { interrupt, makeTrouble, pickTrouble, selfOf, type TroubleName } from './troubles.ts';

export interface StrikeLoopOptions {
  readonly lane: Lane;
  readonly crew: Crew;
  readonly random: Random;
  readonly dataDir: string;
  readonly hasOutages: boolean;
  /** Where nothing is left to strike at. */
  readonly isOver: () => boolean;
}

// Struck while it starts, or else once it is at work: there is more to hit then.
const earlyShare = 0.2;
// Of the kills, those of a process that is just stopping.
const stoppingShare = 0.12;
const startMaxMs = 2_000;
const workMaxMs = 400;
// Of the strikes, those that wait for what was never struck; fewer, the more of them came to nothing.
const patientShare = 0.5;

/** Gives what was struck, in order; resolves once every trouble is undone. */
export async function strikeAll(options: StrikeLoopOptions): Promise<string[]> {
  const { lane, crew, random, isOver } = options;
  const wire = createTurns();
  const struck: string[] = [];
  let vainCount = 0;
  let isDone = false;
  const outages = options.hasOutages ? cutNowAndThen(options, wire, () => isDone) : Promise.resolve();
  try {
    while (struck.length < lane.options.strikesPerRound && !isOver()) {
      const trouble = pickTrouble(random, lane.queue, lane.options.troubles);
      const giveBack = needsWire(trouble) ? await wire.take() : () => {};
      try {
        const isPatient = random.chance(patientShare / (1 + vainCount));
        const { strikes, isVain } = await strikeOnce(trouble, options, { wire, isPatient });
        struck.push(...strikes);
        vainCount += isVain ? 1 : 0;
        if (strikes.length === 0) break;
      } finally {
        giveBack();
      }
    }
  } finally {
    isDone = true;
    crew.arm(null, (member, strike) => followLate(member, strike, options));
    await outages;
  }
  return struck;
}

async function strikeOnce(
  trouble: TroubleName,
  options: StrikeLoopOptions,
  { wire, isPatient }: { readonly wire: Turns; readonly isPatient: boolean },
): Promise<{ strikes: string[]; isVain: boolean }> {
  const { lane, crew, random, isOver } = options;
  const { tally, queue, packed } = lane;
  const struck: string[] = [];
  const consequences: Promise<void>[] = [];
  const { promise: first, resolve } = Promise.withResolvers<true>();
  const onStrike = (member: Member, strike: Strike) => {
    // Two may come by in the same moment; a store is struck once.
    const isLate = strike.trouble !== trouble || (struck.length > 0 && selfOf(trouble).isWaitedFor);
    if (isLate) return followLate(member, strike, options);
    const { instant, hit } = strike;
    tally.addStrike(queue, trouble, instant);
    const name = `${packed.points[Math.floor(instant / 3)]} ${instants[instant % 3]}`;
    struck.push(`${trouble} of ${member.place} at ${name}, hit ${hit}`);
    consequences.push(follow(trouble, member, options));
    resolve(true);
  };
  if (!random.chance(earlyShare)) {
    await Promise.race([crew.listening().catch(() => {}), pause(startMaxMs)]);
    await pause(random.whole(20, workMaxMs));
  }
  const isStopping = trouble === 'kill' && random.chance(stoppingShare);
  let turnCount = 0;
  for (const turn of planTurns({ lane, trouble, random, isStopping, isPatient })) {
    if (struck.length > 0 || isOver()) break;
    turnCount += 1;
    crew.arm({ trouble, instants: turn.instants(), hit: turn.hit, ...selfOf(trouble) }, onStrike);
    const stopping = turn.isStop ? stopOne(options, needsWire(trouble) ? undefined : wire) : undefined;
    if (stopping !== undefined) consequences.push(stopping);
    const over = untilOver(isOver, first, turn.waitMs);
    await Promise.race([over, ...(stopping === undefined ? [] : [stopping])]);
  }
  // The other process may be struck in this very moment: its handler stays.
  crew.arm(null, onStrike);
  await Promise.all(consequences);
  return { strikes: struck, isVain: isPatient && turnCount > 1 };
}

function needsWire(trouble: TroubleName): boolean {
  return trouble !== 'kill' && trouble !== 'freeze' && !trouble.startsWith('redis');
}

const lookMs = 300;

async function untilOver(isOver: () => boolean, first: Promise<true>, forMs: number): Promise<void> {
  const endsMs = performance.now() + forMs;
  for (let leftMs = forMs; leftMs > 0 && !isOver(); leftMs = endsMs - performance.now()) {
    if ((await Promise.race([first, pause(Math.min(lookMs, leftMs))])) === true) return;
  }
}

// Struck in the moment in which it was disarmed: it is seen to, and not counted.
function followLate(member: Member, strike: Strike, options: StrikeLoopOptions): void {
  const trouble = strike.trouble as TroubleName;
  if (selfOf(trouble).isWaitedFor) member.child.release();
  else void follow(trouble, member, options);
}

async function follow(trouble: TroubleName, member: Member, options: StrikeLoopOptions): Promise<void> {
  const { crew, random, lane, dataDir } = options;
  const { child } = member;
  if (trouble === 'kill') return takePlace(member, child, crew);
  if (trouble === 'freeze') {
    await pause(random.whole(200, 1_800));
    if (random.chance(0.7)) return child.signal('SIGCONT');
    child.signal('SIGKILL');
    return takePlace(member, child, crew);
  }
  await makeTrouble(trouble, { stores: lane.stores, random, dataDir, release: child.release });
}

const holds = ['nothing', 'cut', 'freeze'] as const;

// One is told to stop in good order, and struck on the way where it comes by; with Postgres gone at that moment, so that a
// group is under way or an outage goes on.
async function stopOne({ crew, random, lane }: StrikeLoopOptions, turns: Turns | undefined): Promise<void> {
  const member = crew.members[random.whole(0, crew.members.length - 1)];
  if (member === undefined) return;
  const { child } = member;
  let ended: Promise<void> | undefined;
  const tellToStop = () => {
    child.signal('SIGTERM');
    ended = takePlace(member, child, crew);
  };
  const hold = random.pick(holds);
  if (hold === 'nothing' || turns === undefined) tellToStop();
  else await withoutPostgres(hold, { turns, wire: lane.stores.postgresWire, random }, tellToStop);
  await ended;
}

async function withoutPostgres(
  how: 'cut' | 'freeze',
  { turns, wire, random }: { readonly turns: Turns; readonly wire: TcpProxy; readonly random: Random },
  work: () => void,
): Promise<void> {
  const giveBack = await turns.take();
  try {
    if (how === 'cut') await wire.cut();
    else wire.freeze();
    await pause(random.whole(50, 500));
    work();
    await pause(random.whole(200, 1_500));
    if (how === 'cut') await wire.mend();
    else wire.thaw();
  } finally {
    giveBack();
  }
}

// Another may have its place already, of whom nobody expects an end.
async function takePlace(member: Member, child: Member['child'], crew: Crew): Promise<void> {
  if (member.child === child) member.isEnding = true;
  await child.ended;
  crew.replace(member, child);
}

const diskShare = 0.3;

async function cutNowAndThen(
  { lane, random, dataDir }: StrikeLoopOptions,
  wire: Turns,
  isDone: () => boolean,
): Promise<void> {
  while (!isDone()) {
    for (let waits = random.whole(25, 60); waits > 0 && !isDone(); waits -= 1) await pause(100);
    if (isDone()) return;
    const giveBack = await wire.take();
    try {
      const { stores } = lane;
      const release = () => {};
      if (random.chance(diskShare)) await makeTrouble('disk_full', { stores, random, dataDir, release });
      else await interrupt(stores.postgresWire, 'cut', random.whole(100, 600), release);
    } finally {
      giveBack();
    }
  }
}

interface Turns {
  /** Resolves when it is one's turn; to be given back. */
  take(): Promise<() => void>;
}

function createTurns(): Turns {
  let last: Promise<void> = Promise.resolve();
  return {
    take: async () => {
      const before = last;
      const { promise, resolve } = Promise.withResolvers<void>();
      last = promise;
      await before;
      return resolve;
    },
  };
}
