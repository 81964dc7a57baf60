// A turn of pulling by a clock that the test sets, against a vendor of its own: expecting one session, asking about it, and what
// its row says then.
import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach } from 'vitest';
import { registerSession, type SessionToRegister } from '../../src/db/ledger.ts';
import type { SessionId } from '../../src/events/event.ts';
import { createClient } from '../../src/ilive/client.ts';
import { createPull, type PullDependencies } from '../../src/reconcile/pull.ts';
import { type Reply, startFakeVendor } from './fake-ilive-http.ts';
import { silent } from './service.ts';
import { useTestDatabase } from './test-database.ts';
import { useUndo } from './undo.ts';

const endsAt = new Date('2026-04-11T10:00:00Z');
/** So many seconds after the session's end. */
export const at = (seconds: number) => new Date(endsAt.getTime() + seconds * 1_000);
/** The session that is expected. */
export const key = { sessionId: 's-1' as SessionId, account: 'default' };

export const pass = { json: { status: 'completed', verdict: 'pass', confidence: 0.9 } };
export const pending = { json: { status: 'pending' } };
export const refused = {
  status: 404,
  json: { detail: { code: 'session_not_found', message: 'Not found' } },
};

/** To be called once, at the top of a test file. */
export function usePulling() {
  const database = useTestDatabase();
  const undo = useUndo();
  beforeEach(() =>
    database.db.query({ text: 'truncate sessions, observations, deliveries, delivery_bodies' }),
  );

  /** Expects the session from the second on at which it is due. */
  async function register(second: number, changes: Partial<SessionToRegister> = {}): Promise<void> {
    const due = { expectedAt: at(second), nextPullAt: at(second), expiresAt: endsAt };
    const session = {
      key,
      referenceId: null,
      dialect: 'reference',
      token: null,
      ...due,
      ...changes,
    } as const;
    await database.db.transaction((tx) => registerSession(tx, session, () => at(second)));
  }

  async function start(replies: readonly Reply[], changes: Partial<PullDependencies> = {}) {
    const vendor = await startFakeVendor(...replies);
    undo.push(() => vendor[Symbol.asyncDispose]());
    const dialect = changes.dialect ?? 'reference';
    const clock = { now: at(-600) };
    const outcomes: string[] = [];
    const pull = createPull({
      db: database.db,
      client: createClient({
        apiKey: 'key',
        baseUrl: vendor.url,
        dialect,
        maxRetries: 0,
        responseTimeoutMs: 60_000,
      }),
      dialect,
      cipher: undefined,
      announce: async () => true,
      concurrency: 1,
      leaseMs: 120_000,
      shortLeaseMs: 30_000,
      intervalMs: 60_000,
      wait: (ms, signal) => delay(ms, undefined, { signal }),
      isPaused: () => false,
      isTimeCertain: () => true,
      log: silent,
      now: () => clock.now,
      onPulled: (outcome) => outcomes.push(outcome),
      ...changes,
    });
    const turnAt = (second: number) => {
      clock.now = at(second);
      return pull(new AbortController().signal);
    };
    return { vendor, outcomes, clock, turnAt };
  }

  /** The session's row, with when it is asked about next in seconds after its end. */
  async function saidOfIt() {
    const [row] = await database.db.query<{ state: string; next: string | null }>({
      text: 'select state, next_pull_at as next from sessions',
    });
    const next = row?.next ?? null;
    return {
      state: row?.state,
      next: next === null ? null : (new Date(next).getTime() - endsAt.getTime()) / 1_000,
    };
  }

  return { database, undo, register, start, saidOfIt };
}
