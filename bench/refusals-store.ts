// The table of refusals as the benchmark sees it: filled before the run, watched while it goes on, and waited for
// afterwards. It looks through one connection of its own, and as often whether anything is stored or not.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidV7 } from 'uuid';
import { defaultAccount } from '../src/config.ts';
import type { Database } from '../src/db/connect.ts';
import { type NewRefusal, type RefusalLimits, recordRefusals } from '../src/db/refusals.ts';

export interface StoreSample {
  readonly count: number;
  /** As the limit counts them. */
  readonly storedBytes: number;
  /** With indexes and what was moved out of the rows. */
  readonly diskBytes: number;
  /** Of the one that came last; null for none. */
  readonly newest: string | null;
}

export interface Watch {
  /** Resolves with the most that was seen; rejects where the table could not be read. */
  stop(): Promise<StoreSample>;
}

const sampleIntervalMs = 500;
// The service stores once a second: with nothing new for so long, nothing waits any more.
const quietMs = 3_000;
const settleDeadlineMs = 120_000;
const groupBytes = 4 * 1024 * 1024;

/** Stores refusals from the flood's own address until they take `bytes`. */
export async function fillStore(
  db: Database,
  { bytes, bodyBytes, limits }: { bytes: number; bodyBytes: number; limits: RefusalLimits },
  signal: AbortSignal,
): Promise<void> {
  const count = Math.min(Math.floor(bytes / bodyBytes), limits.maxCount);
  const groupMax = Math.max(1, Math.floor(groupBytes / bodyBytes));
  for (let done = 0; done < count; done += groupMax) {
    signal.throwIfAborted();
    const group = Array.from({ length: Math.min(groupMax, count - done) }, () => makeRefusal(bodyBytes));
    await recordRefusals(db, group, limits);
  }
  // What filling left to be written is not the measurement's.
  await db.query({ text: 'vacuum (analyze) refusals' });
  await db.query({ text: 'checkpoint' });
}

function makeRefusal(bodyBytes: number): NewRefusal {
  const receivedAt = new Date();
  const headers = Buffer.from('{}');
  return {
    id: uuidV7(),
    account: defaultAccount,
    reason: 'signature_mismatch',
    address: '127.0.0.1',
    receivedAt,
    lastReceivedAt: receivedAt,
    requestSha256: randomBytes(32),
    times: 1,
    headers,
    body: randomBytes(bodyBytes - headers.length),
    isSealed: false,
    bodyBytes,
  };
}

export async function sampleStore(db: Database): Promise<StoreSample> {
  const [row] = await db.query<Record<'count' | 'storedBytes' | 'diskBytes', string> & { newest: string }>({
    name: 'sample-refusals',
    text: `
      select count(*) as count, coalesce(sum(stored_bytes), 0) as "storedBytes",
             pg_total_relation_size('refusals') as "diskBytes", max(id::text) as newest
      from refusals`,
  });
  if (row === undefined) throw new Error('a count always has a row');
  return {
    count: Number(row.count),
    storedBytes: Number(row.storedBytes),
    diskBytes: Number(row.diskBytes),
    newest: row.newest,
  };
}

/** Looks every half a second until it is stopped. */
export function watchStore(db: Database): Watch {
  const stopping = new AbortController();
  let most: StoreSample = { count: 0, storedBytes: 0, diskBytes: 0, newest: null };
  const look = async () => {
    most = mostOf(most, await sampleStore(db));
  };
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      await look();
      await sleep(sampleIntervalMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
    await look();
  })();
  watching.catch(() => {}); // told by `stop`
  return {
    stop: async () => {
      stopping.abort();
      await watching;
      return most;
    },
  };
}

export function mostOf(a: StoreSample, b: StoreSample): StoreSample {
  return {
    count: Math.max(a.count, b.count),
    storedBytes: Math.max(a.storedBytes, b.storedBytes),
    diskBytes: Math.max(a.diskBytes, b.diskBytes),
    newest: b.newest,
  };
}

/** Resolves once nothing is added any more, so that what waits to be stored does not weigh on whoever is next. */
export async function settleStore(db: Database, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + settleDeadlineMs;
  let newest = (await sampleStore(db)).newest;
  let since = performance.now();
  while (performance.now() < deadline) {
    await sleep(sampleIntervalMs, undefined, { signal });
    const sample = await sampleStore(db);
    if (sample.newest !== newest) since = performance.now();
    newest = sample.newest;
    if (performance.now() - since > quietMs) return true;
  }
  return false;
}
