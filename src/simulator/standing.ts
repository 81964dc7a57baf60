// How a session must stand after everything that was told of it, by webhook or by a pull: the newest moment counts, two
// verdicts of one source for that moment are a dispute, and so are two sources whose last words differ, unless the older
// one was a retry; in a dispute the least favourable stands. Two sources that agree settle it, whichever came first.
// Written from the promise to the reader, and not from the code that keeps it.
import type { Source } from '../events/event.ts';
import type { SessionState } from '../events/session.ts';
import type { Statement, VerdictStatement } from './statement.ts';
import { writeMicros } from './statement.ts';

export interface ExpectedSession {
  readonly state: SessionState;
  readonly verdict: string | null;
  readonly confirmation: string;
  /** Undefined where nothing was promised: a session that is only mentioned. */
  readonly referenceId: string | null | undefined;
  /** The row must show one of these; none for a session without a verdict. */
  readonly settledBy: readonly Settling[];
  /** The deliveries that told a verdict of it. */
  readonly observedBy: readonly string[];
}

/** A delivery that may be the one that settled the session, and what the row says if it was. */
export interface Settling {
  readonly deliveryId: string;
  readonly source: Source;
  readonly confidence: number | null;
  readonly verdictAt: string;
}

/** A statement that arrived, and the delivery that brought it. Its time is known. */
export interface Told {
  readonly deliveryId: string;
  readonly source: Source;
  readonly statement: Statement;
}

/** Deliveries of which so many must be parked as disputed, and the others done: which, is the order's doing. */
export interface Parking {
  readonly deliveryIds: readonly string[];
  readonly atLeast: number;
  readonly atMost: number;
}

export interface ExpectedStanding {
  readonly session: ExpectedSession;
  readonly parking: Parking | undefined;
  /** Whether two statements were ever at odds; the service raises an alert of its own then, and keeps it. */
  readonly isContradicted: boolean;
}

interface ToldVerdict extends Told {
  readonly statement: VerdictStatement & { readonly atMicros: number };
}

const leastFavourableFirst = ['fail', 'retry', 'pass'];

/** The row of one session, and what becomes of the deliveries that contradict each other about it. */
export function expectStanding(told: readonly Told[]): ExpectedStanding {
  const verdicts = told
    .filter((each): each is ToldVerdict => each.statement.kind === 'verdict')
    .sort((a, b) => b.statement.atMicros - a.statement.atMicros);
  const words = (['webhook', 'pull'] as const)
    .map((source) => lastWordOf(verdicts.filter((each) => each.source === source)))
    .filter((word) => word.length > 0)
    .sort((a, b) => timeOf(b) - timeOf(a));
  const [newest, other] = words;
  if (newest === undefined) return { session: onlyMentioned, parking: undefined, isContradicted: false };
  const isDisputed = other === undefined ? isSplit(newest) : !isInLine(newest, other);
  const isAgreed = other !== undefined && worstOf(other) === worstOf(newest);
  const weighed = other !== undefined && (isDisputed || isAgreed) ? [...newest, ...other] : newest;
  const verdict = worstOf(weighed);
  const standing = weighed.filter(({ statement }) => statement.verdict === verdict);
  const named = [...standing, ...verdicts].find(({ statement }) => statement.referenceId !== null);
  const isContradicted = verdicts.some((one) => verdicts.some((earlier) => contradicts(one, earlier)));
  return {
    session: {
      state: isDisputed ? 'disputed' : 'settled',
      verdict,
      confirmation: isDisputed ? 'contradicted' : isAgreed ? 'confirmed' : 'unconfirmed',
      referenceId: named?.statement.referenceId ?? null,
      settledBy: standing.map(settlingOf),
      observedBy: verdicts.map(({ deliveryId }) => deliveryId),
    },
    parking: isContradicted ? parkingOf(verdicts, newest, isDisputed) : undefined,
    isContradicted,
  };
}

// What a source said of its newest moment.
function lastWordOf(verdicts: readonly ToldVerdict[]): ToldVerdict[] {
  const [newest] = verdicts;
  return verdicts.filter(({ statement }) => statement.atMicros === newest?.statement.atMicros);
}

function timeOf(word: readonly ToldVerdict[]): number {
  return word[0]?.statement.atMicros ?? 0;
}

function worstOf(word: readonly ToldVerdict[]): string {
  return leastFavourableFirst.find((each) => word.some(({ statement }) => statement.verdict === each)) ?? '';
}

function isSplit(word: readonly ToldVerdict[]): boolean {
  return word.some(({ statement }) => statement.verdict !== worstOf(word));
}

// A person who was told to retry may come back, so an older retry is no contradiction.
function isInLine(newest: readonly ToldVerdict[], other: readonly ToldVerdict[]): boolean {
  const isRetried = worstOf(other) === 'retry' && timeOf(other) < timeOf(newest);
  return worstOf(newest) === worstOf(other) || (isRetried && !isSplit(newest));
}

function contradicts(one: ToldVerdict, earlier: ToldVerdict): boolean {
  const [said, before] = [one.statement, earlier.statement];
  if (before.atMicros > said.atMicros || before.verdict === said.verdict) return false;
  const isAtOnce = before.atMicros === said.atMicros;
  return one.source === earlier.source ? isAtOnce : isAtOnce || before.verdict !== 'retry';
}

// Told by one source alone, the second of two is parked; with a pull among them it hangs on when the answer came.
function parkingOf(
  verdicts: readonly ToldVerdict[],
  newest: readonly ToldVerdict[],
  isDisputed: boolean,
): Parking {
  const isOneSource = verdicts.every(({ source }) => source === verdicts[0]?.source);
  const among = isOneSource ? newest : verdicts;
  return {
    deliveryIds: among.map(({ deliveryId }) => deliveryId),
    atLeast: isDisputed ? 1 : 0,
    atMost: isOneSource ? 1 : among.length,
  };
}

function settlingOf({ deliveryId, source, statement }: ToldVerdict): Settling {
  return {
    deliveryId,
    source,
    confidence: statement.confidence,
    verdictAt: `${writeMicros(statement.atMicros)}Z`,
  };
}

const onlyMentioned: ExpectedSession = {
  state: 'expected',
  verdict: null,
  confirmation: 'unconfirmed',
  referenceId: undefined,
  settledBy: [],
  observedBy: [],
};
