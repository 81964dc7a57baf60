// What became of every session, by iLive's own books: what it knew, when its webhook was lost, and what our ledger says
// of it. The ledger is read from the database, session by session, so that no summary of the service's can hide one.
import type { Call } from '../src/simulator/api-log.ts';
import type { VendorSession } from '../src/simulator/api-sessions.ts';
import { connectOnce } from './own-connection.ts';
import { otherAgent } from './silence-load.ts';
import type { Stage } from './silence-stage.ts';
import { countBusiest, type Quantiles, quantilesOf } from './statistics.ts';

export interface Figures {
  readonly sessions: { count: number; ended: number; missed: number; abandoned: number };
  readonly settled: { byWebhook: number; byPull: number };
  /** Verdicts that iLive knew in time and we did not, or not as they were, or only after the expiry. */
  readonly missing: number;
  readonly wrong: number;
  readonly late: number;
  /** Seconds from the end of a session to its settling, where the webhook was lost; undefined for none. */
  readonly repair: Quantiles | undefined;
  /** The same where the webhook came: the machine's part in all delays. */
  readonly arrival: Quantiles | undefined;
  readonly calls: {
    count: number;
    refused: number;
    busiestMinute: number;
    busiestSecond: number;
    perMissed: number;
    perAbandoned: number;
  };
}

interface LedgerRow {
  readonly sessionId: string;
  readonly verdict: string | null;
  readonly settledSource: 'webhook' | 'pull' | null;
  readonly settledAt: string | null;
}

export async function readFigures({ vendor, databaseUrl }: Stage): Promise<Figures> {
  const rows = new Map((await readLedger(databaseUrl)).map((row) => [row.sessionId, row]));
  const arrived = new Set(
    vendor.webhooks.filter(({ fate }) => fate === 'delivered').map(({ sessionId }) => sessionId),
  );
  const all = [...vendor.sessions.values()];
  const ended = all.filter(isEnded).map((session) => compare(session, rows.get(session.sessionId)));
  const missed = ended.filter(({ session }) => !arrived.has(session.sessionId));
  const came = ended.filter(({ session }) => arrived.has(session.sessionId));
  const abandoned = all.filter((session) => !isEnded(session));
  const ours = vendor.log.filter(({ userAgent }) => userAgent !== otherAgent);
  const asked = Map.groupBy(
    ours.filter(({ operation }) => operation === 'result'),
    ({ sessionId }) => sessionId,
  );
  const perSession = (sessions: readonly VendorSession[]) =>
    sessions.reduce((sum, { sessionId }) => sum + (asked.get(sessionId)?.length ?? 0), 0) /
    Math.max(1, sessions.length);
  const bySource = (source: string) =>
    [...rows.values()].filter(({ settledSource }) => settledSource === source).length;
  return {
    sessions: {
      count: all.length,
      ended: ended.length,
      missed: missed.length,
      abandoned: abandoned.length,
    },
    settled: { byWebhook: bySource('webhook'), byPull: bySource('pull') },
    missing: ended.filter(({ delaySeconds }) => delaySeconds === undefined).length,
    wrong: ended.filter(({ isWrong }) => isWrong).length,
    late: ended.filter(({ isLate }) => isLate).length,
    repair: quantilesOf(missed.map(({ delaySeconds }) => delaySeconds)),
    arrival: quantilesOf(came.map(({ delaySeconds }) => delaySeconds)),
    calls: {
      ...countCalls(ours),
      perMissed: perSession(missed.map(({ session }) => session)),
      perAbandoned: perSession(abandoned),
    },
  };
}

function isEnded({ endsAtMicros, expiresAtMs }: VendorSession): boolean {
  return endsAtMicros !== null && endsAtMicros / 1_000 < expiresAtMs;
}

function compare(session: VendorSession, row: LedgerRow | undefined) {
  const settledAt = row?.settledAt ?? null;
  if (settledAt === null) return { session, delaySeconds: undefined, isWrong: false, isLate: false };
  const settledMs = Date.parse(settledAt);
  return {
    session,
    delaySeconds: (settledMs - (session.endsAtMicros ?? 0) / 1_000) / 1_000,
    isWrong: row?.verdict !== session.plan.verdict,
    isLate: settledMs >= session.expiresAtMs,
  };
}

function countCalls(ours: readonly Call[]) {
  return {
    count: ours.length,
    refused: ours.filter(({ status }) => status === 429).length,
    busiestMinute: countBusiest(ours, 60_000),
    busiestSecond: countBusiest(ours, 1_000),
  };
}

async function readLedger(url: string): Promise<LedgerRow[]> {
  const db = connectOnce(url);
  try {
    return await db.query<LedgerRow>({
      text: `
        select session_id as "sessionId", verdict, settled_source as "settledSource", settled_at as "settledAt"
        from sessions`,
    });
  } finally {
    await db.close();
  }
}
