// iLive's answer about a session as the delivery that it is recorded as.
import { createHash } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import { boundedWebhookId, type NewDelivery, pulledSessionHeader } from '../db/deliveries.ts';
import type { SessionKey } from '../db/sessions.ts';
import type { DeliveryId } from '../events/event.ts';

/** The same answer to the same question is the same delivery, however often we ask. */
export function describePulled(key: SessionKey, body: Buffer, receivedAt: Date): NewDelivery {
  return {
    id: uuidV7() as DeliveryId,
    account: key.account,
    source: 'pull',
    webhookId: boundedWebhookId(`pull:${key.sessionId}`),
    bodySha256: createHash('sha256').update(body).digest(),
    body,
    headers: { [pulledSessionHeader]: key.sessionId },
    receivedAt,
    traceId: null,
    isProven: true,
  };
}
