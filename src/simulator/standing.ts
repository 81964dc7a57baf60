// How a session must stand after everything that was told of it: the newest moment counts, two verdicts for that moment
// are a dispute in which the least favourable stands, and a reference once named is not forgotten. Written from the
// promise to the reader, and not from the code that keeps it.
import type { SessionState } from '../events/session.ts';
import type { Statement, VerdictStatement } from './statement.ts';
import { writeMicros } from './statement.ts';

export interface ExpectedSession {
  readonly state: SessionState;
  readonly verdict: string | null;
  readonly confidence: number | null;
  readonly verdictAt: string | null;
  /** Undefined where nothing was promised: a session that is only mentioned. */
  readonly referenceId: string | null | undefined;
  /** Any of these deliveries may be the one that settled it; none for a session without a verdict. */
  readonly settledBy: readonly string[];
  /** The deliveries that told a verdict of it. */
  readonly observedBy: readonly string[];
}

/** A statement that arrived, and the delivery that brought it. Its time is known. */
export interface Told {
  readonly deliveryId: string;
  readonly statement: Statement;
}

interface ToldVerdict {
  readonly deliveryId: string;
  readonly statement: VerdictStatement;
}

const leastFavourableFirst = ['fail', 'retry', 'pass'];

/** The row of one session, and the deliveries that contradict each other about it. */
export function expectStanding(told: readonly Told[]): {
  session: ExpectedSession;
  contradicting: string[];
} {
  const verdicts = told
    .filter((each): each is ToldVerdict => each.statement.kind === 'verdict')
    .sort((a, b) => (b.statement.atMicros ?? 0) - (a.statement.atMicros ?? 0));
  const newest = verdicts[0]?.statement;
  if (newest === undefined) return { session: onlyMentioned, contradicting: [] };
  const atOnce = verdicts.filter(({ statement }) => statement.atMicros === newest.atMicros);
  const isDisputed = atOnce.some(({ statement }) => statement.verdict !== newest.verdict);
  const verdict =
    leastFavourableFirst.find((each) => atOnce.some(({ statement }) => statement.verdict === each)) ?? '';
  const standing = atOnce.filter(({ statement }) => statement.verdict === verdict);
  const named = [...standing, ...verdicts].find(({ statement }) => statement.referenceId !== null);
  return {
    session: {
      state: isDisputed ? 'disputed' : 'settled',
      verdict,
      confidence: standing[0]?.statement.confidence ?? null,
      verdictAt: `${writeMicros(newest.atMicros ?? 0)}Z`,
      referenceId: named?.statement.referenceId ?? null,
      settledBy: standing.map(({ deliveryId }) => deliveryId),
      observedBy: verdicts.map(({ deliveryId }) => deliveryId),
    },
    contradicting: isDisputed ? atOnce.map(({ deliveryId }) => deliveryId) : [],
  };
}

const onlyMentioned: ExpectedSession = {
  state: 'expected',
  verdict: null,
  confidence: null,
  verdictAt: null,
  referenceId: undefined,
  settledBy: [],
  observedBy: [],
};
