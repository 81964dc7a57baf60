// Keeps what was refused, off the request path: a request that is refused is put into a bounded buffer and answered, and
// once a second some of the buffer is stored, sealed where an encryption key is configured. A flood can fill the buffer
// and nothing else: what is stored in a second, in all and for how long has limits of its own. What a crash or a full
// buffer loses is counted; a refusal was never promised.
import { createHash } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import type { Cipher } from '../cipher.ts';
import type { Database } from '../db/connect.ts';
import { type NewRefusal, type RefusalLimits, recordRefusals } from '../db/refusals.ts';
import { signatureHeader, timestampHeader, webhookIdHeader } from '../ilive/signature.ts';
import type { Log } from '../log.ts';
import { createRefusalBuffer, type RefusedRequest } from './refusal-buffer.ts';

export interface RefusalKeeper {
  /** Takes a refused request in; never throws and never waits. */
  keep(request: RefusedRequest): void;
  /**
   * Stores as much of what waits as a second allows; answers whether more waits. Throws when the database does not take
   * it, and keeps it.
   */
  store(): Promise<boolean>;
}

export interface KeepOptions extends RefusalLimits {
  readonly db: Database;
  readonly cipher: Cipher | undefined;
  readonly maxPerSecond: number;
  readonly maxBytesPerSecond: number;
  readonly bufferBytes: number;
  /** Whether the account has or had secrets: any other may be made up. Never waits. */
  readonly isKnown: (account: string) => boolean;
  readonly log: Log;
  /** Told how many were let go because the buffer was full. */
  readonly onDropped: (count: number) => void;
}

const textLimitChars = 200;

/** A keeper with an empty buffer; `store` is to be called once a second. */
export function createRefusalKeeper(options: KeepOptions): RefusalKeeper {
  const { db, cipher, maxCount, maxPerSecond, maxBytesPerSecond, log } = options;
  const buffer = createRefusalBuffer(options.bufferBytes, options.isKnown);
  let taken: NewRefusal[] = [];
  let refusedSince = new Map<string, number>();

  const tell = () => {
    const reasons = Object.fromEntries(refusedSince);
    refusedSince = new Map();
    if (Object.keys(reasons).length > 0) log.warn({ reasons }, 'refused requests on the webhook route');
  };
  return {
    keep: (request) => {
      refusedSince.set(request.reason, (refusedSince.get(request.reason) ?? 0) + 1);
      if (maxCount === 0) return;
      const dropped = buffer.add({ ...request, account: ownText(request.account) });
      if (dropped > 0) options.onDropped(dropped);
    },
    store: async () => {
      tell();
      if (taken.length === 0 && !buffer.isEmpty()) {
        taken = asRows(buffer.take(maxPerSecond, maxBytesPerSecond), cipher);
      }
      if (taken.length === 0) return false;
      await recordRefusals(db, taken, options);
      taken = [];
      return !buffer.isEmpty();
    },
  };
}

/** What binds a sealed refusal to its row. */
export function sealContext(refusalId: string, part: 'headers' | 'body'): string {
  return JSON.stringify(['refusal', refusalId, part]);
}

// The very same request, which a sender repeats, is one row that counts how often it came.
function asRows(requests: readonly RefusedRequest[], cipher: Cipher | undefined): NewRefusal[] {
  const rows = new Map<string, NewRefusal>();
  for (const request of requests) {
    const account = storable(request.account);
    const requestSha256 = hashOf(request);
    const key = JSON.stringify([account, requestSha256.toString('hex')]);
    const first = rows.get(key);
    const { receivedAt } = request;
    if (first !== undefined) {
      rows.set(key, { ...first, times: first.times + 1, lastReceivedAt: receivedAt });
      continue;
    }
    const id = uuidV7({ msecs: receivedAt.getTime() });
    const headers = Buffer.from(JSON.stringify(request.headers));
    rows.set(key, {
      id,
      account,
      reason: request.reason,
      address: storable(request.address),
      receivedAt,
      lastReceivedAt: receivedAt,
      requestSha256,
      times: 1,
      headers: cipher?.seal(headers, sealContext(id, 'headers')) ?? headers,
      body: cipher?.seal(request.body, sealContext(id, 'body')) ?? request.body,
      isSealed: cipher !== undefined,
      bodyBytes: request.body.length,
    });
  }
  // One order in every process, so that two that store the same requests cannot deadlock each other.
  return [...rows.values()].sort((a, b) => Buffer.compare(a.requestSha256, b.requestSha256));
}

// A part of a text holds the whole of it in memory: here the address with its query, of which nothing else is kept.
function ownText(part: string): string {
  return Buffer.from(part).toString();
}

function hashOf({ headers, body }: RefusedRequest): Buffer {
  const signing = [signatureHeader, timestampHeader, webhookIdHeader].map((name) => headers[name] ?? null);
  return createHash('sha256').update(JSON.stringify(signing)).update(body).digest();
}

// The path names the account, and anybody may write anything into a path. Well-formed last: a character that is cut in two would
// be one text here and another in Postgres, where two such rows of a group are the same one.
function storable(text: string): string {
  return text.replaceAll('\0', '').slice(0, textLimitChars).toWellFormed();
}
