// A delivery as the bytes that the outage store keeps, and back. All that `recordDeliveries` needs is in it but the hash of
// the body, which is made anew. The outage store may outlive an update of the service, so the form has a version.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { NewDelivery } from '../db/deliveries.ts';
import type { DeliveryId } from '../events/event.ts';

const version = 1;
const lengthBytes = 4;

const keptHead = z.object({
  version: z.literal(version),
  id: z.uuid().transform((id) => id as DeliveryId),
  account: z.string(),
  source: z.enum(['webhook', 'pull']),
  webhookId: z.string().nullable(),
  headers: z.record(z.string(), z.string()),
  receivedAt: z.iso.datetime().transform((text) => new Date(text)),
  traceId: z.string().nullable(),
  isProven: z.boolean(),
});

export function packDelivery({ body, bodySha256: _, ...rest }: NewDelivery): Buffer {
  const head = Buffer.from(JSON.stringify({ version, ...rest }));
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(head.length);
  return Buffer.concat([length, head, body]);
}

/** Throws for bytes that are none of `packDelivery`. */
export function unpackDelivery(packed: Buffer): NewDelivery {
  const headEnd = lengthBytes + packed.readUInt32BE();
  const head = keptHead.parse(JSON.parse(packed.subarray(lengthBytes, headEnd).toString()));
  const { version: _, ...rest } = head;
  const body = packed.subarray(headEnd);
  return { ...rest, body, bodySha256: createHash('sha256').update(body).digest() };
}
