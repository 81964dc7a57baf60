// A request on the webhook route as the delivery that it becomes: at the front door, and when a refused one is admitted.
// Of its headers only those are kept that prove or explain the bytes.
import { hash } from 'node:crypto';
import { boundedWebhookId, type NewDelivery } from '../db/deliveries.ts';
import type { DeliveryId } from '../events/event.ts';
import {
  type ReceivedHeaders,
  signatureHeader,
  timestampHeader,
  webhookIdHeader,
} from '../ilive/signature.ts';
import { readTraceId } from '../trace-context.ts';

// No other header is stored: cookies and tokens of proxies are nobody's business here.
export const storedHeaders = [
  signatureHeader,
  timestampHeader,
  webhookIdHeader,
  'content-type',
  'content-encoding',
  'user-agent',
  'traceparent',
];

// What proves nothing is never the first of what is proven: told once more and signed, it is no repeat. Nor of a pull, whose ids
// anybody could write into a header.
const unprovenPrefix = 'unproven:';

export interface WebhookRequest {
  /** A uuid v7 of the time of receipt, so that ids sort by it. */
  readonly id: DeliveryId;
  readonly account: string;
  /** Those that are not to be stored are left out here. */
  readonly headers: ReceivedHeaders;
  readonly body: Buffer;
  readonly receivedAt: Date;
  readonly isProven: boolean;
}

export function describeDelivery({
  id,
  account,
  headers,
  body,
  receivedAt,
  isProven,
}: WebhookRequest): NewDelivery {
  const kept = pickHeaders(headers, storedHeaders);
  return {
    id,
    account,
    source: 'webhook',
    webhookId: webhookIdOf(kept[webhookIdHeader] ?? '', isProven),
    bodySha256: hash('sha256', body, 'buffer'),
    body,
    headers: kept,
    receivedAt,
    traceId: readTraceId(kept.traceparent) ?? null,
    isProven,
  };
}

/** Those of the headers that have one of these names. */
export function pickHeaders(headers: ReceivedHeaders, names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = headers[name];
    if (typeof value === 'string') picked[name] = value;
  }
  return picked;
}

function webhookIdOf(told: string, isProven: boolean): string | null {
  if (!isProven) return boundedWebhookId(`${unprovenPrefix}${told}`);
  return told === '' ? null : boundedWebhookId(told);
}
