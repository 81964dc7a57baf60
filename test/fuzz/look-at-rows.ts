// Whether the database holds what was signed and nothing else: each stored delivery was signed by us, each that was accepted is
// stored, and none is owed any more.
import { setTimeout as wait } from 'node:timers/promises';
import type { Database } from '../../src/db/connect.ts';
import { probeKind } from '../../src/ilive/payload.ts';
import type { SignedDelivery } from './talk.ts';

export interface RowsFound {
  readonly storedCount: number;
  /** Stored, and not signed by us. */
  readonly foreignCount: number;
  /** Accepted, and not stored. */
  readonly missingCount: number;
  readonly owedCount: number;
  readonly countsByState: Readonly<Record<string, number>>;
}

const lookMs = 200;

// What the service's own doctor sends through its own front door, signed with its own secret, is not ours.
/** Waits until nothing is owed, or the deadline has passed. */
export async function lookAtRows(
  db: Database,
  signed: readonly SignedDelivery[],
  acceptedIds: readonly string[],
  deadlineMs: number,
): Promise<RowsFound> {
  const countOwed = async () => {
    const [row] = await db.query<{ count: string }>({
      text: `select count(*) from deliveries where state = 'received'`,
    });
    return Number(row?.count);
  };
  const startedAt = performance.now();
  let owedCount = await countOwed();
  while (owedCount > 0 && performance.now() - startedAt < deadlineMs) {
    await wait(lookMs);
    owedCount = await countOwed();
  }
  const rows = await db.query<{
    id: string;
    webhook_id: string | null;
    sha256: string;
    state: string;
    reason: string | null;
    kind: string | null;
  }>({
    text: `select id::text, webhook_id, encode(body_sha256, 'hex') as sha256, state, reason, vendor_kind as kind
           from deliveries where source = 'webhook'`,
  });
  const known = new Set(signed.map(({ webhookId, sha256 }) => `${webhookId} ${sha256}`));
  const ids = new Set(rows.map(({ id }) => id));
  const countsByState: Record<string, number> = {};
  for (const { state, reason } of rows) {
    const name = reason === null ? state : `${state}: ${reason}`;
    countsByState[name] = (countsByState[name] ?? 0) + 1;
  }
  return {
    storedCount: rows.length,
    foreignCount: rows.filter(
      ({ webhook_id: webhookId, sha256, kind }) => kind !== probeKind && !known.has(`${webhookId} ${sha256}`),
    ).length,
    missingCount: acceptedIds.filter((id) => !ids.has(id)).length,
    owedCount,
    countsByState,
  };
}
