// What people here do about a compliance alert: they acknowledge that they have seen it, and resolve it. The first one to do
// either stands; only a newer statement about the alert takes it away again (`recordFacts`).

import type { SessionId } from '../events/event.ts';
import { instantOf } from '../events/instant.ts';
import type { Transaction } from './connect.ts';
import { and, eq, isNull, sql } from './drizzle.ts';
import { factKeyText } from './facts.ts';
import { lockNames } from './locks.ts';
import { complianceAlerts } from './schema.ts';
import { sessionKeyText } from './sessions.ts';

export interface AlertKey {
  readonly alertId: string;
  readonly account: string;
  /** The session that its row names. */
  readonly sessionId: SessionId | null;
}

export interface Handling {
  /** The key's name. */
  readonly by: string;
  readonly note: string;
}

/** Acknowledges the alert, before its transaction writes anything; false where somebody has done so already, or there is none. */
export async function acknowledgeAlert(
  tx: Transaction,
  key: AlertKey,
  { by, note }: Handling,
  now: () => Date,
): Promise<boolean> {
  await lockAlert(tx, key);
  const at = instantOf(now());
  const changed = await tx.orm((orm) =>
    orm
      .update(complianceAlerts)
      .set({ acknowledgedAt: at, acknowledgedBy: by, acknowledgedNote: note })
      .where(and(isAt(key), isNull(complianceAlerts.acknowledgedAt)))
      .returning({ id: complianceAlerts.alertId }),
  );
  return changed.length > 0;
}

/** Resolves the alert, and acknowledges it where nobody has, before its transaction writes anything; false where it is resolved already, or there is none. */
export async function resolveAlert(
  tx: Transaction,
  key: AlertKey,
  { by, note }: Handling,
  now: () => Date,
): Promise<boolean> {
  await lockAlert(tx, key);
  const at = instantOf(now());
  const { acknowledgedAt, acknowledgedBy, acknowledgedNote } = complianceAlerts;
  const isFirst = sql`${acknowledgedAt} is null`;
  const changed = await tx.orm((orm) =>
    orm
      .update(complianceAlerts)
      .set({
        resolvedAt: at,
        resolvedBy: by,
        resolvedNote: note,
        acknowledgedAt: sql`case when ${isFirst} then ${at}::timestamptz else ${acknowledgedAt} end`,
        acknowledgedBy: sql`case when ${isFirst} then ${by} else ${acknowledgedBy} end`,
        acknowledgedNote: sql`case when ${isFirst} then ${note} else ${acknowledgedNote} end`,
      })
      .where(and(isAt(key), isNull(complianceAlerts.resolvedAt)))
      .returning({ id: complianceAlerts.alertId }),
  );
  return changed.length > 0;
}

// With its session: the alert of a dispute is written by whoever holds that.
function lockAlert(tx: Transaction, { alertId, account, sessionId }: AlertKey): Promise<void> {
  const name = factKeyText('compliance_alert', { id: alertId, account });
  return lockNames(tx, sessionId === null ? [name] : [name, sessionKeyText({ sessionId, account })]);
}

function isAt({ alertId, account }: AlertKey) {
  return and(eq(complianceAlerts.alertId, alertId), eq(complianceAlerts.account, account));
}
