// The outage store's part of the composition root: where its folder is, how a kept delivery gets into Postgres, and who looks
// after what a dead process has left. A folder that cannot be used costs the store and not the service.
import path from 'node:path';
import type { NewDelivery } from './db/deliveries.ts';
import { ServiceError } from './errors.ts';
import type { OutageLine } from './http/group-commit.ts';
import { addOutage } from './metrics.ts';
import { packDelivery, unpackDelivery } from './operations/kept-delivery.ts';
import { createOutage, drainStore, type Outage, type OutageSight } from './outage/outage.ts';
import { claimSlot, type Slot, visitAbandoned } from './outage/slot.ts';
import { type OutageStore, openStore } from './outage/store.ts';
import type { Running } from './running.ts';
import { schedule } from './schedule.ts';

const abandonedIntervalMs = 5_000;

export interface OutageParts {
  /** Undefined where there is no store, or none that can be used. */
  readonly line: OutageLine | undefined;
  readonly look: () => OutageSight;
}

/** Records deliveries that may have been recorded before, and has them announced. */
export type RecordKept = (deliveries: readonly NewDelivery[]) => Promise<void>;

export async function startOutage(running: Running, recordKept: RecordKept): Promise<OutageParts> {
  const { config, log, metrics } = running;
  const maxBytes = config.receive.outageStoreMaxBytes;
  if (maxBytes === 0) return { line: undefined, look: () => absent('off', 0) };
  const root = path.join(config.dataDir, 'outage');
  const record = async (payloads: readonly Buffer[]) => recordKept(payloads.map(unpackDelivery));
  try {
    const outage = await openOwn(running, root, record);
    addOutage(metrics.registry, outage.look);
    return { line: lineOf(outage), look: outage.look };
  } catch (error) {
    log.error(
      { err: error, root },
      'the outage store cannot be used; while Postgres is away deliveries are answered 503',
    );
    return { line: undefined, look: () => absent('failing', maxBytes) };
  }
}

type RecordPayloads = (payloads: readonly Buffer[]) => Promise<void>;

async function openOwn(running: Running, root: string, record: RecordPayloads): Promise<Outage> {
  const { config, log, metrics, undo } = running;
  const slot = await claimSlot(root);
  const store = await openIn(running, slot).catch((error: unknown) => {
    slot.release();
    throw error;
  });
  const recording = { record, log, onDrained: (count: number) => metrics.outageDrained.inc(count) };
  const outage = createOutage({
    ...recording,
    store,
    maxBytes: config.receive.outageStoreMaxBytes,
    onKept: (count) => metrics.outageKept.inc(count),
  });
  const abandoned = createAbandonedVisit(running, root, outage, recording);
  const task = schedule('abandoned outage stores', abandonedIntervalMs, abandoned, log);
  undo.push({
    name: 'outage store',
    run: async () => {
      await task.stop();
      await outage.stop();
      await store.close();
      slot.release();
    },
  });
  return outage;
}

// Drains what dead processes on this machine have left. What cannot be opened is tried once, at our start.
function createAbandonedVisit(
  running: Running,
  root: string,
  outage: Outage,
  recording: Parameters<typeof drainStore>[1],
): () => Promise<void> {
  let isFirst = true;
  // What a disk does not let go of would be recorded at every look.
  const left = new Set<string>();
  // A stop waits for the batch that is under way, and not for all of a store.
  const record = async (payloads: readonly Buffer[]) => {
    if (running.isStopping) throw new ServiceError('unavailable', 'the service is stopping');
    await recording.record(payloads);
  };
  return async () => {
    if (outage.look().since !== null) return; // they wait for the same database
    const isWorthwhile = (file: string) =>
      (file.endsWith('.segment') && !left.has(file)) || (isFirst && file.endsWith('.unopened'));
    await visitAbandoned(root, isWorthwhile, async (slot) => {
      const store = await openIn(running, slot, (file) => left.add(file));
      try {
        const count = await drainStore(store, { ...recording, record });
        running.log.info({ count, slot: slot.number }, 'what a process that died had kept is recorded');
      } finally {
        await store.close();
      }
    });
    isFirst = false;
  };
}

function openIn(
  { config, cipher, log }: Running,
  slot: Slot,
  onLeft: (file: string) => void = () => {},
): Promise<OutageStore> {
  return openStore({
    folder: slot.folder,
    maxBytes: config.receive.outageStoreMaxBytes,
    cipher,
    onFound: (what, facts) => {
      if (what === 'left') onLeft(facts.file);
      if (what === 'torn') log.warn(facts, 'the outage store has cut off a write that was never finished');
      else log.error(facts, foundTexts[what]);
    },
  });
}

const foundTexts = {
  damaged: 'the outage store has set aside bytes that are no records any more',
  unopened:
    'the outage store has laid by records that no key of ENCRYPTION_KEYS opens, or that could not be set aside',
  unread: 'the outage store has laid by a segment that cannot be read; the next start tries it again',
  gone: 'a segment of the outage store is gone, with the deliveries that were in it',
  left: 'a segment of the outage store is recorded and cannot be taken away; the next start records it again',
};

function lineOf(outage: Outage): OutageLine {
  return {
    keepInOutage: (group) => outage.keepInOutage(() => group.map(packDelivery)),
    keepFailed: (group, cause) => outage.keepFailed(group.map(packDelivery), cause),
  };
}

function absent(state: 'off' | 'failing', maxBytes: number): OutageSight {
  const none = { heldCount: 0, heldBytes: 0, damagedCount: 0, unopenedCount: 0 };
  return { ...none, state, maxBytes, since: null };
}
