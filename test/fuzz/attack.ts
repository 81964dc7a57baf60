// Sends talks at a steady pace, many at once, and gathers what came of them. It knows the front door and nothing of who runs the
// service; whether what was accepted is in the database is looked at by whoever called it.
import { setTimeout as wait } from 'node:timers/promises';
import { holdTalk, type Outcome, type Place } from './hold-talk.ts';
import { showTalk, type TalkMaker } from './make-talks.ts';
import type { SignedDelivery, Talk } from './talk.ts';

export interface AttackOptions {
  readonly place: Place;
  readonly talks: TalkMaker;
  readonly requestCount: number;
  readonly requestsPerSecond: number;
  readonly maxOpen: number;
  /** Ends then, with however many were sent. */
  readonly maxMs: number;
  readonly signal: AbortSignal;
  /** Asked before each talk: resolves once the attack may go on. */
  readonly mayGoOn?: () => Promise<void>;
  readonly onProgress?: (sentCount: number) => void;
}

export interface Failure {
  readonly index: number;
  readonly shape: string;
  readonly problem: string;
  readonly sent: string;
}

export interface AttackResult {
  readonly requestCount: number;
  readonly talkCount: number;
  readonly countsByShape: Readonly<Record<string, number>>;
  /** By status; `none` for talks that were closed without any answer. */
  readonly countsByStatus: Readonly<Record<string, number>>;
  readonly overloadedCount: number;
  readonly failureCount: number;
  /** The first of them. */
  readonly failures: readonly Failure[];
  readonly longestOpenMs: number;
  readonly signed: readonly SignedDelivery[];
  /** Signed deliveries that were answered 202 as they had to be, by their id here. */
  readonly acceptedIds: readonly string[];
}

const keptFailures = 20;
const shownChars = 600;
const tickMs = 5;

export async function attack(options: AttackOptions): Promise<AttackResult> {
  const { place, talks, requestCount, signal, maxOpen } = options;
  const tally = createTally();
  const open = new Set<Promise<void>>();
  let index = 0;
  const pace = createPace(options.requestsPerSecond);
  const endsAt = performance.now() + options.maxMs;
  while (tally.sentCount() < requestCount && !signal.aborted && performance.now() < endsAt) {
    await options.mayGoOn?.();
    pace.skipPause();
    while (pace.isDue(tally.sentCount()) && open.size < maxOpen && tally.sentCount() < requestCount) {
      const talk = talks.make(index);
      index += 1;
      tally.begun(talk);
      const holding: Promise<void> = holdTalk(talk, place).then((outcome) => {
        tally.ended(talk, outcome);
        open.delete(holding);
      });
      open.add(holding);
    }
    options.onProgress?.(tally.sentCount());
    await wait(tickMs);
  }
  await Promise.all(open);
  return tally.result();
}

// So many a second while it runs; what was missed in a pause is not made up for.
function createPace(perSecond: number) {
  let due = 0;
  let lastAt = performance.now();
  return {
    skipPause: () => {
      const at = performance.now();
      due += (Math.min(at - lastAt, 50) / 1000) * perSecond;
      lastAt = at;
    },
    isDue: (sentCount: number) => sentCount < due,
  };
}

function createTally() {
  let requestCount = 0;
  let talkCount = 0;
  let overloadedCount = 0;
  let failureCount = 0;
  let longestOpenMs = 0;
  const countsByShape: Record<string, number> = {};
  const countsByStatus: Record<string, number> = {};
  const failures: Failure[] = [];
  const signed: SignedDelivery[] = [];
  const acceptedIds: string[] = [];
  const count = (counts: Record<string, number>, name: string, more = 1) => {
    counts[name] = (counts[name] ?? 0) + more;
  };
  return {
    sentCount: () => requestCount,
    begun: (talk: Talk & { countsByShape: Readonly<Record<string, number>> }) => {
      requestCount += talk.requestCount;
      talkCount += 1;
      signed.push(...talk.signed);
      for (const [shape, more] of Object.entries(talk.countsByShape)) count(countsByShape, shape, more);
    },
    ended: (talk: Talk, { answers, problems, openMs, isOverloaded }: Outcome) => {
      longestOpenMs = Math.max(longestOpenMs, openMs);
      if (isOverloaded) overloadedCount += 1;
      if (answers.length === 0) count(countsByStatus, 'none');
      for (const { status, body } of answers) {
        count(countsByStatus, String(status));
        const id = status === 202 ? /^\{"delivery_id":"([^"]+)"/.exec(body)?.[1] : undefined;
        if (id !== undefined) acceptedIds.push(id);
      }
      failureCount += problems.length;
      for (const problem of problems) {
        if (failures.length >= keptFailures) return;
        failures.push({
          index: talk.index,
          shape: talk.shape,
          problem,
          sent: showTalk(talk, shownChars),
        });
      }
    },
    result: (): AttackResult => ({
      requestCount,
      talkCount,
      countsByShape,
      countsByStatus,
      overloadedCount,
      failureCount,
      failures,
      longestOpenMs,
      signed,
      acceptedIds,
    }),
  };
}
