// How sessions that a delivery mentions enter the ledger: when iLive will have forgotten them, and when to ask about them.
// Pure; the transaction of the batch writes what comes out.
import type { SessionKey, SessionToApply } from '../db/sessions.ts';
import type { Verdict } from '../events/event.ts';
import type { ConfirmPolicy, Standing } from '../events/session.ts';
import { confirmAt, firstPullAt, type PullPlan } from './overdue.ts';

export interface LedgerRules {
  readonly plan: PullPlan;
  /** How long iLive keeps a session. */
  readonly sessionTtlMs: number;
  readonly confirm: ConfirmPolicy;
  /** Whether a session can be asked about without a token of its own. */
  readonly canPullWithoutToken: boolean;
}

/** A session that the deliveries of a batch speak of. */
export interface Mentioned {
  readonly key: SessionKey;
  readonly expectedAt: string;
  /** The verdicts that unsigned deliveries say it has. */
  readonly hints: readonly Verdict[];
}

/** What the session's row is to say once its observations amount to `standing`. */
export function planSession(
  { key, expectedAt, hints }: Mentioned,
  standing: Standing | undefined,
  ledger: LedgerRules,
  now: Date,
): SessionToApply {
  const startedAt = new Date(expectedAt);
  const expiresAt = new Date(startedAt.getTime() + ledger.sessionTtlMs);
  const first = ledger.canPullWithoutToken ? firstPullAt(startedAt, expiresAt, ledger.plan) : null;
  const usual = standing === undefined ? first : confirmAt(ledger.confirm, standing, now);
  // A session that is used again has a second verdict; one that says what we know already is nothing to ask about.
  const nextPullAt = hints.some((verdict) => verdict !== standing?.verdict) ? now : usual;
  return { key, standing, expectedAt, expiresAt, nextPullAt };
}
