// Asks iLive about one session. The answer is recorded as just another delivery (source `pull`) and goes through the one write
// path; this file never writes a verdict. A session that iLive no longer answers for is ended with the reason. While iLive itself
// is away nothing is ended and nothing counts: the session is asked about again when it is back.
import { backoffMs } from '../backoff.ts';
import type { Cipher } from '../cipher.ts';
import type { Database } from '../db/connect.ts';
import type { NewDelivery } from '../db/deliveries.ts';
import { endSession, giveUpAfterMs } from '../db/end-sessions.ts';
import { type DueSession, releaseSession } from '../db/ledger.ts';
import { recordDeliveries } from '../db/record-deliveries.ts';
import type { EndedReason } from '../db/schema.ts';
import { isUnavailable } from '../errors.ts';
import type { IliveClient, SessionResult } from '../ilive/client.ts';
import type { DialectName } from '../ilive/dialects.ts';
import {
  ApiError,
  AuthenticationError,
  InvalidRequestError,
  isOfKey,
  isStated,
  NotFoundError,
  ResponseError,
} from '../ilive/errors.ts';
import type { Log } from '../log.ts';
import { attemptInVain, lastChanceMs, nextPullAt } from './overdue.ts';
import { describePulled, turnOf } from './pulled-delivery.ts';
import { openSessionAccess } from './session-token.ts';

export interface AskDependencies {
  readonly db: Database;
  readonly client: IliveClient;
  /** The client's. */
  readonly dialect: DialectName;
  readonly cipher: Cipher | undefined;
  readonly announce: (ids: readonly string[]) => Promise<boolean>;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Whether the time is certain enough to say that a session is over. */
  readonly isTimeCertain: () => boolean;
  readonly log: Log;
  readonly now: () => Date;
}

export const pullOutcomes = [
  'verdict',
  'pending',
  'expired',
  'unrecoverable',
  'vendor_away',
  'token_unopened',
] as const;
export type PullOutcome = (typeof pullOutcomes)[number];

// A pull that found a verdict is asked again only if its delivery has not been processed by then, and hardly where the same was
// answered before: that wants to be processed and not asked again, and processing may be paused.
const recheckMs = 60_000;
const recheckKnownMs = 5 * 60_000;
// What is left of a lease when a call is given up: for recording what came. A quarter of one that is short.
const recordingMs = 4_000;
const recordingBackoff = { baseMs: 250, maxMs: 5_000 };
const recordingEndsMs = 2_000;
// From 15 s on, and rarer the longer a session is over: what fails for hours leaves room for what does not.
const unaskedRetryMs = 15_000;
const unaskedRetryMaxMs = 5 * 60_000;

/**
 * Asks iLive about a session that was taken, records what it answered, and gives the session back or ends it. Throws `unavailable`
 * where the database is away for as long as the session is ours.
 */
export async function askAboutSession(
  deps: AskDependencies,
  session: DueSession,
  signal: AbortSignal,
): Promise<PullOutcome> {
  const { client, cipher, dialect } = deps;
  // One that was registered for the other dialect may have none because that needs none.
  if (session.token === null && dialect === 'managed' && session.dialect !== 'reference')
    return end(deps, session, 'unrecoverable', 'no_token');
  const access = openSessionAccess(session, dialect, cipher);
  if (access === undefined) return waitUnasked(deps, session, 'token_unopened');
  const leftMs = Math.max(0, leftOfLeaseMs(deps, session));
  const askingMs = Math.floor(leftMs - Math.min(recordingMs, leftMs / 4));
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(askingMs)]);
  let result: SessionResult;
  try {
    // The budget stands in the database, too.
    result = await whileUnavailable(deps, session, signal, () =>
      client.fetchResult(access, { signal: inTime }),
    );
  } catch (error) {
    return afterTrouble(deps, session, error, signal);
  }
  if (result.status === 'completed') return recordAnswer(deps, session, result, signal);
  if (result.status === 'expired') return end(deps, session, 'expired', 'never_finished');
  return askAgain(deps, session, 'never_finished');
}

function afterTrouble(
  deps: AskDependencies,
  session: DueSession,
  error: unknown,
  signal: AbortSignal,
): Promise<PullOutcome> {
  if (isUnavailable(error)) throw error;
  const refusal = refusalOf(error, deps.dialect);
  if (refusal !== undefined && error instanceof ApiError && isStated(error))
    return endRefused(deps, session, refusal);
  // A request that is found wrong, by iLive or by the client, is no sign that iLive is away: it concerns this session alone.
  const isAboutSession = error instanceof InvalidRequestError || error instanceof ResponseError;
  if (refusal !== undefined || isAboutSession) {
    deps.log.warn({ err: error }, "iLive's answer about a session could not be read");
    return askAgain(deps, session, refusal ?? 'unreadable_answer', false);
  }
  if (!signal.aborted) deps.log.debug({ err: error }, 'iLive could not be asked');
  return waitUnasked(deps, session, 'vendor_away');
}

// What iLive has answered may not be had again, so a database that is away is waited for, as long as the session is ours.
async function whileUnavailable<T>(
  deps: AskDependencies,
  session: DueSession,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const waitMs = backoffMs(tries, recordingBackoff);
      const isOurs = leftOfLeaseMs(deps, session) > waitMs + recordingEndsMs;
      if (!isUnavailable(error) || !isOurs) throw error;
      await deps.wait(waitMs, signal).catch(() => {
        throw error;
      });
    }
  }
}

function leftOfLeaseMs({ now }: AskDependencies, { leaseUntil }: DueSession): number {
  return new Date(leaseUntil).getTime() - now().getTime();
}

// Whatever keeps us from asking may be mended, so the session stays open, until `endUnasked` gives it up.
async function waitUnasked(
  deps: AskDependencies,
  session: DueSession,
  outcome: 'vendor_away' | 'token_unopened' | 'pending',
): Promise<PullOutcome> {
  const now = deps.now();
  const endedAtMs = session.expiresAt === null ? now.getTime() : new Date(session.expiresAt).getTime();
  const overMs = now.getTime() - endedAtMs;
  const retryMs = Math.min(Math.max(overMs / 10, unaskedRetryMs), unaskedRetryMaxMs);
  // One that is expected is ended then; its second source is given up in silence, or its token would be needed for ever.
  const isGivenUp = session.state !== 'expected' && overMs > giveUpAfterMs;
  const nextPullAt = isGivenUp ? null : new Date(now.getTime() + retryMs);
  await releaseSession(deps.db, session, { nextPullAt, isCounted: false, now });
  return outcome;
}

// ASSUMPTION 20: a refused token is answered with 401 or 404 and none of the codes that speak of the API key; in the
// reference dialect, which has no tokens, 404 means that the session is unknown and 401 always speaks of the key.
function refusalOf(error: unknown, dialect: DialectName): EndedReason | undefined {
  if (error instanceof NotFoundError) return dialect === 'managed' ? 'token_refused' : 'not_found';
  if (!(error instanceof AuthenticationError) || dialect === 'reference') return undefined;
  return isOfKey(error) ? undefined : 'token_refused';
}

async function recordAnswer(
  deps: AskDependencies,
  session: DueSession,
  { body, verdict }: SessionResult,
  signal: AbortSignal,
): Promise<PullOutcome> {
  const { db, announce, now } = deps;
  const record = async (answer: NewDelivery) => (await recordDeliveries(db, [answer]))[0];
  // A worker that has stood still reads what iLive said while it was asked: no later than its lease, and others have been told since.
  const receivedAt = leftOfLeaseMs(deps, session) < 0 ? new Date(session.takenAt) : now();
  const recorded = await whileUnavailable(deps, session, signal, async () => {
    const first = await record(describePulled(session, body, receivedAt));
    // Where another verdict was told since, iLive has gone back to it, and says so with the same bytes where it names no time.
    const turn = turnOf(session, verdict);
    return first?.isRepeat && turn !== undefined
      ? record(describePulled(session, body, receivedAt, turn))
      : first;
  });
  // Released before the ring: processing ends the schedule, and must not be overtaken by us. One that has a verdict waits for no
  // other, and what is stored is processed without our asking.
  const releasedAt = now();
  const gapMs = recorded?.isRepeat ? recheckKnownMs : recheckMs;
  const recheckAt = session.state === 'expected' ? new Date(releasedAt.getTime() + gapMs) : null;
  await releaseSession(db, session, { nextPullAt: recheckAt, isCounted: true, now: releasedAt });
  if (recorded !== undefined) await announce([recorded.id]);
  return 'verdict';
}

async function askAgain(
  deps: AskDependencies,
  session: DueSession,
  reason: EndedReason,
  wasAnswered = true,
): Promise<PullOutcome> {
  // An answer that was asked for before the end says nothing of the end, however late it comes.
  const askedAt = new Date(session.takenAt);
  const attempts = wasAnswered ? session.pullAttempts : attemptInVain;
  const nextIf = (isWaitedFor: boolean) =>
    session.expiresAt === null
      ? null
      : nextPullAt(askedAt, attempts, new Date(session.expiresAt), isWaitedFor);
  const [next, waited] = [nextIf(false), nextIf(true)];
  if (next === null || waited === null) {
    // By a clock that is ahead it may have its whole time before it.
    if (session.expiresAt !== null && !deps.isTimeCertain()) return waitUnasked(deps, session, 'pending');
    return end(deps, session, reason === 'never_finished' ? 'expired' : 'unrecoverable', reason);
  }
  const unfinishedAt = reason === 'never_finished' ? askedAt : undefined;
  const release = { nextPullAt: next, waitedPullAt: waited, unfinishedAt, isCounted: wasAnswered };
  await releaseSession(deps.db, session, { ...release, now: deps.now() });
  return 'pending';
}

// A session of which iLive said at its last chance that it is not finished has expired, even if it is forgotten by now. Of one that
// nobody asked about since, nobody knows.
function endRefused(deps: AskDependencies, session: DueSession, reason: EndedReason): Promise<PullOutcome> {
  const { expiresAt, unfinishedAt } = session;
  const endMs = expiresAt === null ? Number.POSITIVE_INFINITY : new Date(expiresAt).getTime();
  const isOver = endMs <= deps.now().getTime();
  const wasUnfinished = unfinishedAt !== null && new Date(unfinishedAt).getTime() >= endMs - lastChanceMs;
  return isOver && wasUnfinished
    ? end(deps, session, 'expired', 'never_finished')
    : end(deps, session, 'unrecoverable', reason);
}

async function end(
  deps: AskDependencies,
  session: DueSession,
  state: 'expired' | 'unrecoverable',
  reason: EndedReason,
): Promise<PullOutcome> {
  const isEnded = await endSession(deps.db, session, { state, reason }, deps.now);
  return isEnded ? state : 'pending';
}
