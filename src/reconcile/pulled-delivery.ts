// iLive's answer about a session as the delivery that it is recorded as.
import { createHash } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import { boundedWebhookId, type NewDelivery, pulledSessionHeader } from '../db/deliveries.ts';
import type { SessionKey } from '../db/sessions.ts';
import type { DeliveryId, Verdict } from '../events/event.ts';
import type { Instant } from '../events/instant.ts';

/**
 * The `turn` of an answer about a session that stands at another verdict; undefined where it stands at this one, or at none.
 */
export function turnOf(
  session: { readonly verdict: Verdict | null; readonly settledAt: Instant | null },
  answered: Verdict | null,
): Instant | undefined {
  return session.verdict === answered ? undefined : (session.settledAt ?? undefined);
}

/**
 * The same answer to the same question is the same delivery, however often we ask. `turn` names another one: what iLive has gone
 * back to, after another verdict was told, is told anew.
 */
export function describePulled(key: SessionKey, body: Buffer, receivedAt: Date, turn?: Instant): NewDelivery {
  return {
    id: uuidV7({ msecs: receivedAt.getTime() }) as DeliveryId,
    account: key.account,
    source: 'pull',
    webhookId: boundedWebhookId(`pull:${key.sessionId}${turn === undefined ? '' : `:${turn}`}`),
    bodySha256: createHash('sha256').update(body).digest(),
    body,
    headers: { [pulledSessionHeader]: key.sessionId },
    receivedAt,
    traceId: null,
    isProven: true,
  };
}
