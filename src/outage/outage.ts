// Whether the database can commit, as far as we know, and what follows from it. While it cannot, groups go into the store;
// as soon as it can, the store is drained in the order of receipt, and what comes meanwhile goes behind it, so that nothing
// overtakes. When little is left, the next group waits for the last of it and then goes to the database again. It knows
// neither SQL nor deliveries: how payloads are recorded is handed in, and recording one twice must change nothing.
import { setTimeout as wait } from 'node:timers/promises';
import { backoffMs } from '../backoff.ts';
import { isUnavailable } from '../errors.ts';
import type { Log } from '../log.ts';
import { createSeldom } from '../seldom.ts';
import type { Batch, OutageStore, StoreFigures } from './store.ts';

export interface OutageOptions {
  readonly store: OutageStore;
  readonly maxBytes: number;
  /** Makes payloads durable in the database; throws `unavailable` while it cannot, and anything else for what it refuses. */
  readonly record: (payloads: readonly Buffer[]) => Promise<void>;
  readonly onKept: (count: number) => void;
  readonly onDrained: (count: number) => void;
  readonly log: Log;
}

export const outageStates = ['off', 'ready', 'taking', 'full', 'failing'] as const;
/** off: there is no store. ready: nothing needs it. taking: deliveries go there. full, failing: they are turned away. */
export type OutageState = (typeof outageStates)[number];

export interface OutageSight extends StoreFigures {
  readonly state: OutageState;
  readonly maxBytes: number;
  /** Since when the database has not been able to commit; null while it can. */
  readonly since: Date | null;
}

export interface Outage {
  /** Keeps a group while there is an outage; undefined when there is none. Waits while the store is about to be empty. */
  keepInOutage(payloads: () => readonly Buffer[]): Promise<number | undefined>;
  /** Keeps a group that the database could not take, and so begins an outage. Answers how many fit, from the first on. */
  keepFailed(payloads: readonly Buffer[], cause: unknown): Promise<number>;
  look(): OutageSight;
  /** Waits for what is at work; what lies in the store stays there. */
  stop(): Promise<void>;
}

// What is taken for one commit. Little enough that a group waits for the last of it no longer than for another group.
const drainBatchCount = 500;
const probe = { baseMs: 50, maxMs: 500 };
const logIntervalMs = 10_000;
const storeProbeIntervalMs = 2_000;

interface State extends OutageOptions {
  readonly stopping: AbortController;
  since: Date | null;
  /** Set while the last of the store is recorded: whoever comes waits for it. */
  gate: Promise<void> | undefined;
  draining: Promise<void> | undefined;
  trouble: 'full' | 'failing' | undefined;
  /** What was held when something did not fit: with less in it there is room again. */
  fullAtBytes: number;
  probing: Promise<void> | undefined;
  /** Halved by each commit that fails, or a database that is only slow would be asked for too much for ever. */
  batchCount: number;
  readonly countFailures: () => number | undefined;
}

/** Begins to drain at once where something lies in the store already. */
export function createOutage(options: OutageOptions): Outage {
  const state: State = {
    ...options,
    stopping: new AbortController(),
    since: null,
    gate: undefined,
    draining: undefined,
    trouble: undefined,
    fullAtBytes: 0,
    probing: undefined,
    batchCount: drainBatchCount,
    countFailures: createSeldom(logIntervalMs),
  };
  const { heldCount } = options.store.figures();
  // Without records there may still be a segment that has to be laid by, or a torn one that can go.
  if (heldCount > 0)
    options.log.warn(
      { heldCount },
      'the outage store holds deliveries of an earlier run; they are recorded now',
    );
  begin(state);
  return {
    keepInOutage: async (payloads) => {
      while (state.gate !== undefined) await state.gate;
      // No turn is given up between this look and the append, or the store could be left with what nobody drains.
      return state.since === null ? undefined : keep(state, payloads());
    },
    keepFailed: (payloads, cause) => {
      // Where nothing can be kept each group asks the database anew, and each would be a line.
      if (state.since === null && state.countFailures() !== undefined) {
        state.log.error({ err: cause }, 'Postgres cannot commit; deliveries are kept in the outage store');
      }
      // Only once it is kept is there something to drain, and something to find out with whether the database is back.
      return keep(state, payloads).finally(() => begin(state));
    },
    look: () => {
      const figures = state.store.figures();
      // A receiver that is full is sent nothing, so that no append would find out that there is room again.
      const hasRoom = state.trouble === 'full' && figures.heldBytes < state.fullAtBytes;
      const trouble = hasRoom ? undefined : state.trouble;
      const shown = trouble ?? (state.since === null ? 'ready' : 'taking');
      return { ...figures, state: shown, maxBytes: state.maxBytes, since: state.since };
    },
    stop: async () => {
      state.stopping.abort();
      await Promise.all([state.draining, state.probing]);
    },
  };
}

async function keep(state: State, payloads: readonly Buffer[]): Promise<number> {
  state.since ??= new Date();
  try {
    const kept = await state.store.append(payloads);
    if (kept < payloads.length) state.fullAtBytes = state.store.figures().heldBytes;
    setTrouble(state, kept < payloads.length ? 'full' : undefined);
    state.onKept(kept);
    return kept;
  } catch (error) {
    setTrouble(state, 'failing', error);
    return 0;
  }
}

function setTrouble(state: State, trouble: State['trouble'], cause?: unknown): void {
  const before = state.trouble;
  if (trouble === before) return;
  state.trouble = trouble;
  if (before === 'failing' && trouble === undefined)
    state.log.info({}, 'the outage store can be written again');
  if (trouble === 'full') state.log.error({}, 'the outage store is full; deliveries are turned away');
  if (trouble === 'failing')
    state.log.error({ err: cause }, 'the outage store cannot be written; deliveries are turned away');
  if (trouble === 'failing') state.probing ??= probeStore(state);
}

// A store that could not be written once may be whole again long before it is needed, and nothing else would find that out.
async function probeStore(state: State): Promise<void> {
  const { store, stopping } = state;
  for (;;) {
    await wait(storeProbeIntervalMs, undefined, { signal: stopping.signal }).catch(() => {});
    if (state.trouble !== 'failing' || stopping.signal.aborted) break;
    const isWritten = await store.probe().then(
      () => true,
      () => false,
    );
    if (isWritten && state.trouble === 'failing') setTrouble(state, undefined);
  }
  state.probing = undefined;
}

function begin(state: State): void {
  state.since ??= new Date();
  state.draining ??= drainAll(state);
}

async function drainAll(state: State): Promise<void> {
  const { store, stopping, log } = state;
  let count = 0;
  let isBack = false;
  for (let failures = 0; !stopping.signal.aborted; ) {
    const { heldCount } = store.figures();
    try {
      // Nobody is made to wait for a database that has not been seen to commit.
      const isLast = heldCount === 0 || (isBack && heldCount <= state.batchCount);
      count += isLast ? await drainLast(state) : await drainSome(state);
      isBack = true;
      failures = 0;
      state.batchCount = Math.min(drainBatchCount, state.batchCount * 2);
      if (state.since !== null) continue;
      if (count > 0) log.info({ count }, 'Postgres commits again, and the outage store is empty');
      return;
    } catch (error) {
      isBack = false;
      state.batchCount = Math.max(1, Math.floor(state.batchCount / 2));
      if (!isUnavailable(error))
        log.error({ err: error }, 'the outage store could not be drained; trying again');
      await wait(backoffMs(failures, probe), undefined, { signal: stopping.signal }).catch(() => {});
      failures += 1;
    }
  }
}

async function drainSome(state: State): Promise<number> {
  const batch = await state.store.take(state.batchCount);
  return batch === undefined ? drainLast(state) : recordBatch(state, batch);
}

// New groups wait while this runs, so that an end is found also under a load that never pauses.
async function drainLast(state: State): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  state.gate = promise;
  try {
    await state.store.endSegment();
    const count = await drainStore(state.store, state, state.batchCount);
    // A commit that was under way when the outage began may have failed meanwhile, and its group been kept behind this.
    if (state.store.figures().heldCount > 0) return count;
    state.since = null;
    state.draining = undefined; // together with it: an outage that begins now needs a drain of its own
    return count;
  } finally {
    state.gate = undefined;
    resolve();
  }
}

type Recording = Pick<OutageOptions, 'record' | 'onDrained' | 'log'>;

/** Records all that lies in a store to which nothing is appended meanwhile; answers how many. Throws `unavailable`. */
export async function drainStore(
  store: OutageStore,
  recording: Recording,
  batchCount = drainBatchCount,
): Promise<number> {
  let count = 0;
  for (;;) {
    const batch = await store.take(batchCount);
    if (batch === undefined) return count;
    count += await recordBatch(recording, batch);
  }
}

async function recordBatch({ record, onDrained, log }: Recording, batch: Batch): Promise<number> {
  try {
    await record(batch.payloads);
  } catch (error) {
    if (isUnavailable(error)) throw error;
    // One that the database will not take must not hold up its neighbours, and it was promised: it is set aside.
    for (const [index, payload] of batch.payloads.entries()) {
      const recordAlone = async () => record([payload]);
      const refusal = await recordAlone()
        .catch(recordAlone) // a table that is changed under a statement refuses it once
        .then(() => undefined)
        .catch((refused: unknown) => refused);
      if (isUnavailable(refusal)) throw refusal;
      if (refusal === undefined) continue;
      const where = (await batch.setAside(index)) ? 'was set aside' : 'waits in its segment';
      log.error({ err: refusal }, `a delivery of the outage store cannot be recorded; it ${where}`);
    }
  }
  batch.done();
  onDrained(batch.payloads.length);
  return batch.payloads.length;
}
