// The ids of deliveries at the front door: uuids of version 7 that sort by the moment of receipt, and within one process by
// the order of receipt too. Random bytes are drawn for many at once, since drawing them one by one costs more than all the
// rest of an id. They must never be taken for secrets.
import { randomFillSync } from 'node:crypto';
import type { DeliveryId } from '../events/event.ts';

const idBytes = 16;
const drawnIds = 256;
// The counter that keeps the order within a millisecond; it begins in its lower half, so that it has room to count.
const counterMax = 0xfff;
const counterBeginMask = 0x7ff;
// A clock that is put right by more than this is followed: else ids would lie ahead of the times of receipt for as long as it was
// wrong, and a list by time goes by both.
const setBackMs = 10_000;

/** Makes ids by the time that deliveries are received at; each is behind the one before, also where the clock goes a little back. */
export function createDeliveryIds(nowMs: () => number = Date.now): () => DeliveryId {
  const pool = Buffer.alloc(idBytes * drawnIds);
  let at = pool.length;
  let lastMs = 0;
  let counter = 0;
  return () => {
    if (at === pool.length) {
      randomFillSync(pool);
      at = 0;
    }
    const ms = nowMs();
    counter += 1;
    const isNext = ms > lastMs || lastMs - ms > setBackMs;
    if (isNext || counter > counterMax) {
      lastMs = isNext ? ms : lastMs + 1;
      counter = pool.readUInt16BE(at + 6) & counterBeginMask;
    }
    pool.writeUIntBE(lastMs, at, 6);
    pool.writeUInt16BE(0x7000 | counter, at + 6);
    pool.writeUInt8(0x80 | (pool.readUInt8(at + 8) & 0x3f), at + 8);
    const hex = pool.toString('hex', at, at + idBytes);
    at += idBytes;
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as DeliveryId;
  };
}
