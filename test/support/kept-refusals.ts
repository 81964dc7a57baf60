// Refusals as they are kept, one after another in time.
import { randomBytes } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import type { NewRefusal } from '../../src/db/refusals.ts';

let clock = Date.parse('2026-11-01T00:00:00Z');

export function refusal(address: string, bodyBytes: number, changes: Partial<NewRefusal> = {}): NewRefusal {
  clock += 1;
  const receivedAt = new Date(clock);
  return {
    id: uuidV7({ msecs: clock }),
    account: 'default',
    reason: 'signature_mismatch',
    address,
    receivedAt,
    lastReceivedAt: receivedAt,
    requestSha256: randomBytes(32),
    times: 1,
    headers: Buffer.from('{}'),
    body: randomBytes(bodyBytes),
    isSealed: false,
    bodyBytes,
    ...changes,
  };
}

export const many = (address: string, count: number, bodyBytes: number, changes: Partial<NewRefusal> = {}) =>
  Array.from({ length: count }, () => refusal(address, bodyBytes, changes));
