// Deliveries that are stored, processed and replayed without a service around them, for tests that say exactly in which
// order and in which batches. Replaying goes through the very functions that a service's worker runs.
import { createHash, randomUUID } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import type { Database } from '../../src/db/connect.ts';
import type { NewDelivery } from '../../src/db/deliveries.ts';
import { recordDeliveries } from '../../src/db/record-deliveries.ts';
import { findReplay, type ReplayRow } from '../../src/db/replays.ts';
import type { DeliveryId, SessionId } from '../../src/events/event.ts';
import type { ConfirmPolicy } from '../../src/events/session.ts';
import { catalogueKinds } from '../../src/ilive/translate.ts';
import { type RunDependencies, runReplays } from '../../src/operations/run-replays.ts';
import { startReplay } from '../../src/operations/start-replay.ts';
import { describePulled } from '../../src/reconcile/pulled-delivery.ts';
import { processDeliveries } from '../../src/workers/process-deliveries.ts';
import { silent } from './service.ts';

export interface Rules {
  readonly aliases?: Readonly<Record<string, string>>;
  readonly ignored?: readonly string[];
  readonly confirm?: ConfirmPolicy;
}

export interface Stored {
  readonly isProven?: boolean;
  readonly receivedAt?: Date;
  readonly account?: string;
}

/** What a process runs by; `canPullWithoutToken`, so that every session that is mentioned is to be asked about. */
export function rulesOf({ aliases = {}, ignored = [], confirm = 'never' }: Rules) {
  return {
    catalogue: catalogueKinds(aliases, ignored),
    ledger: {
      plan: { firstAfterMs: 20_000 },
      sessionTtlMs: 1_800_000,
      confirm,
      canPullWithoutToken: true,
    },
    now: () => new Date(),
  };
}

/** Stores the payloads in their order: a text as it stands, and what `asked` about a session as iLive's answer. */
export async function store(
  db: Database,
  payloads: readonly (object | string)[],
  { isProven = true, receivedAt, account = 'default' }: Stored = {},
): Promise<DeliveryId[]> {
  const ids: DeliveryId[] = [];
  for (const payload of payloads) {
    const body = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
    const asked = typeof payload === 'object' && 'asked' in payload ? String(payload.asked) : undefined;
    const delivery: NewDelivery = {
      id: uuidV7() as DeliveryId,
      account,
      source: 'webhook',
      webhookId: randomUUID(),
      bodySha256: createHash('sha256').update(body).digest(),
      body,
      headers: {},
      receivedAt: receivedAt ?? new Date(),
      traceId: null,
      isProven,
    };
    const pulled = asked && {
      ...describePulled({ account, sessionId: asked as SessionId }, body, delivery.receivedAt),
      webhookId: delivery.webhookId,
    };
    const [recorded] = await recordDeliveries(db, [pulled || delivery]);
    if (recorded !== undefined) ids.push(recorded.id);
  }
  return ids;
}

export function process(db: Database, ids: readonly string[], rules: Rules = {}): Promise<void> {
  const deps = { ...rulesOf(rules), db, maxAttempts: 3, log: silent, onFinished: () => {} };
  return processDeliveries(deps, ids);
}

export interface Chosen extends Rules {
  readonly ids?: readonly DeliveryId[];
  readonly batch?: number;
}

/** Begins a replay of all deliveries, or of `ids`; gives its id. */
export async function begin(db: Database, { ids, batch = 50, ...rules }: Chosen = {}): Promise<string> {
  const deps = { ...rulesOf(rules), batchDeliveries: batch, confirmAbove: 100_000, dryRunMax: 100_000 };
  const chosen = {
    filter: ids === undefined ? {} : { ids },
    confirmed: undefined,
    createdBy: 'test',
    why: 'test',
  };
  const { id } = await db.transaction((tx) => startReplay(tx, deps, chosen));
  return id;
}

/** What the worker's turn needs; `changes` stand in for parts of it. */
export function runDependencies(
  db: Database,
  { batch = 50, ...rules }: Chosen = {},
  changes: Partial<RunDependencies> = {},
): RunDependencies {
  return {
    ...rulesOf(rules),
    db,
    batchDeliveries: batch,
    maxPerSecond: 100_000,
    isPaused: () => false,
    wait: async () => {},
    log: silent,
    onReplayed: () => {},
    ...changes,
  };
}

/** Replays all deliveries, or those of `ids`, to the end. */
export async function replayAll(db: Database, chosen: Chosen = {}): Promise<ReplayRow> {
  const id = await begin(db, chosen);
  await runReplays(runDependencies(db, chosen), new AbortController().signal);
  const row = await findReplay(db, id);
  if (row === undefined) throw new Error('a replay is never removed');
  return row;
}
