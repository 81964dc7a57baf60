// Refused requests that wait to be stored: bounded in bytes and fair between sources. When it is full, the source that
// fills most of it loses its newest, so that a flood from one address cannot push out what came from another, nor one under
// made-up accounts anything of those that have secrets. The newest and not the oldest: a body that is let go at once costs
// nothing, one that was kept for a while has to be collected (measured 2026-11-24: a flood of 64 KB bodies). Sources share a
// fixed number of lanes by hash, so that a flood from many addresses costs no more than one from a single one.
import { createHash } from 'node:crypto';
import { knownShare, networkOf } from '../db/refusal-source.ts';
import type { RefusalReason } from './refusal-reasons.ts';

export interface RefusedRequest {
  readonly account: string;
  readonly reason: RefusalReason;
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

interface Lanes {
  readonly lanes: readonly Lane[];
  bytes: number;
  /** The lane that is next to be taken from. */
  turn: number;
}

const laneCount = 256;
// What one request holds in memory beside its texts and its body, roughly.
const requestBytes = 1_024;

export function createRefusalBuffer(
  maxBytes: number,
  /** Whether the account has or had secrets. */
  isKnown: (account: string) => boolean,
): RefusalBuffer {
  const known = createLanes();
  const others = createLanes();

  // Whoever holds more than there is room for.
  const overfull = () => {
    if (known.bytes > maxBytes * knownShare) return known;
    return known.bytes + others.bytes > maxBytes ? others : undefined;
  };
  return {
    add: (request) => {
      const isOfKnown = isKnown(request.account);
      put(isOfKnown ? known : others, laneOf(request, isOfKnown), request);
      let letGo = 0;
      for (let giving = overfull(); giving !== undefined; giving = overfull()) {
        const fullest = giving.lanes.reduce((most, next) => (next.bytes > most.bytes ? next : most));
        release(giving, fullest, fullest.requests.pop());
        letGo += 1;
      }
      return letGo;
    },
    take: (maxCount, maxTakenBytes) => {
      const taken: RefusedRequest[] = [];
      takeInTurn(known, taken, Math.ceil(maxCount * knownShare), maxTakenBytes * knownShare);
      takeInTurn(others, taken, maxCount, maxTakenBytes);
      takeInTurn(known, taken, maxCount, maxTakenBytes);
      return taken;
    },
    isEmpty: () => known.bytes + others.bytes === 0,
  };
}

function createLanes(): Lanes {
  return {
    lanes: Array.from({ length: laneCount }, () => ({ requests: [], bytes: 0 })),
    bytes: 0,
    turn: 0,
  };
}

function put(into: Lanes, number: number, request: RefusedRequest): void {
  const lane = into.lanes[number];
  if (lane === undefined) throw new Error('a lane is always found');
  lane.requests.push(request);
  lane.bytes += costOf(request);
  into.bytes += costOf(request);
}

function release(from: Lanes, lane: Lane, request: RefusedRequest | undefined): void {
  if (request === undefined) return;
  lane.bytes -= costOf(request);
  from.bytes -= costOf(request);
}

// Adds to `taken` until it holds so many requests or bytes; one at least, however large.
function takeInTurn(from: Lanes, taken: RefusedRequest[], maxCount: number, maxBytes: number): void {
  let takenBytes = taken.reduce((sum, request) => sum + bytesOf(request), 0);
  for (let idle = 0; idle < laneCount && taken.length < maxCount; from.turn = (from.turn + 1) % laneCount) {
    const lane = from.lanes[from.turn] as Lane;
    const next = lane.requests[0];
    const nextBytes = next === undefined ? 0 : bytesOf(next);
    const fits = next !== undefined && (taken.length === 0 || takenBytes + nextBytes <= maxBytes);
    if (!fits) {
      idle += 1;
      continue;
    }
    idle = 0;
    release(from, lane, lane.requests.shift());
    taken.push(next);
    takenBytes += nextBytes;
  }
}

function costOf(request: RefusedRequest): number {
  return bytesOf(request) + requestBytes;
}

// Whoever sends it chooses how long its headers are, and the account in its path.
function bytesOf({ account, headers, body }: RefusedRequest): number {
  return Object.values(headers).reduce((sum, value) => sum + value.length, account.length + body.length);
}

function laneOf({ account, reason, address }: RefusedRequest, isOfKnown: boolean): number {
  const network = networkOf(address);
  const source = isOfKnown ? `${account}\0${reason}\0${network}` : network;
  return createHash('sha256').update(source).digest().readUInt8();
}
