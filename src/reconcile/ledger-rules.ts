// How sessions that a delivery mentions enter the ledger: when iLive will have forgotten them, and when to ask about them.
// Pure; the transaction of the batch writes what comes out.
import type { SessionKey, SessionToApply } from '../db/sessions.ts';
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
  /** True when an unsigned delivery said that there is something to ask about. */
  readonly isHinted: boolean;
}

/** What the session's row is to say once its observations amount to `standing`. */
export function planSession(
  { key, expectedAt, isHinted }: Mentioned,
  standing: Standing | undefined,
  ledger: LedgerRules,
  now: Date,
): SessionToApply {
  const startedAt = new Date(expectedAt);
  const expiresAt = new Date(startedAt.getTime() + ledger.sessionTtlMs);
  const first = ledger.canPullWithoutToken ? firstPullAt(startedAt, expiresAt, ledger.plan) : null;
  const openPullAt = isHinted ? now : first;
  const nextPullAt = standing === undefined ? openPullAt : confirmAt(ledger.confirm, standing, now);
  return { key, standing, expectedAt, expiresAt, nextPullAt };
}
