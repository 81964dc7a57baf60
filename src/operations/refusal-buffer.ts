// Refused requests that wait to be stored: bounded in bytes and fair between sources. When it is full, the source that
// fills most of it loses its newest, so that a flood from one address cannot push out what came from another. The newest
// and not the oldest: a body that is let go at once costs nothing, one that was kept for a while has to be collected
// (measured 2026-11-24: a flood of 64 KB bodies). Sources share a fixed number of lanes by hash, so that a flood from many
// addresses costs no more than one from a single one.
import { createHash } from 'node:crypto';

export interface RefusedRequest {
  readonly account: string;
  readonly reason: string;
  readonly address: string;
  readonly receivedAt: Date;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface RefusalBuffer {
  /** Takes the request in; answers how many were let go for it, itself included. */
  add(request: RefusedRequest): number;
  /** Takes out at most so many requests and bytes (one at least), the lanes in turn, each from its oldest. */
  take(maxCount: number, maxBytes: number): RefusedRequest[];
  isEmpty(): boolean;
}

interface Lane {
  readonly requests: RefusedRequest[];
  bytes: number;
}

const laneCount = 256;
// What one request holds in memory beside its body, roughly.
const requestBytes = 1_024;

export function createRefusalBuffer(maxBytes: number): RefusalBuffer {
  const lanes: Lane[] = Array.from({ length: laneCount }, () => ({ requests: [], bytes: 0 }));
  let bytes = 0;
  let turn = 0;

  const release = (lane: Lane, request: RefusedRequest | undefined) => {
    if (request === undefined) return;
    lane.bytes -= costOf(request);
    bytes -= costOf(request);
  };
  return {
    add: (request) => {
      const lane = lanes[laneOf(request)];
      if (lane === undefined) throw new Error('a lane is always found');
      lane.requests.push(request);
      lane.bytes += costOf(request);
      bytes += costOf(request);
      let letGo = 0;
      while (bytes > maxBytes) {
        const fullest = lanes.reduce((most, next) => (next.bytes > most.bytes ? next : most));
        release(fullest, fullest.requests.pop());
        letGo += 1;
      }
      return letGo;
    },
    take: (maxCount, maxTakenBytes) => {
      const taken: RefusedRequest[] = [];
      let takenBytes = 0;
      for (let idle = 0; idle < laneCount && taken.length < maxCount; turn = (turn + 1) % laneCount) {
        const lane = lanes[turn] as Lane;
        const next = lane.requests[0];
        const fits =
          next !== undefined && (taken.length === 0 || takenBytes + next.body.length <= maxTakenBytes);
        if (!fits) {
          idle += 1;
          continue;
        }
        idle = 0;
        release(lane, lane.requests.shift());
        taken.push(next);
        takenBytes += next.body.length;
      }
      return taken;
    },
    isEmpty: () => bytes === 0,
  };
}

function costOf({ body }: RefusedRequest): number {
  return body.length + requestBytes;
}

function laneOf({ account, reason, address }: RefusedRequest): number {
  return createHash('sha256').update(`${account}\0${reason}\0${address}`).digest().readUInt8();
}
