// A stored delivery with what it says: its bytes as the event that they tell of, or the reason why they cannot be read.
import { type OwedDelivery, pulledSessionHeader } from '../db/deliveries.ts';
import { factId, factKeyText } from '../db/facts.ts';
import { type SessionKey, sessionKeyText } from '../db/sessions.ts';
import type { Event, Fact, SessionId } from '../events/event.ts';
import { timestampHeader } from '../ilive/signature.ts';
import { type KindCatalogue, type Translation, translate } from '../ilive/translate.ts';

export interface TranslatedDelivery {
  readonly delivery: OwedDelivery;
  readonly translation: Translation | { readonly ok: false; readonly reason: 'body_missing' };
}

export function translateDelivery(delivery: OwedDelivery, catalogue: KindCatalogue): TranslatedDelivery {
  const { body, headers, receivedAt } = delivery;
  if (body === null) return { delivery, translation: { ok: false, reason: 'body_missing' } };
  const stored = {
    ...delivery,
    body,
    receivedAt: new Date(receivedAt),
    signedAtSeconds: readSeconds(headers?.[timestampHeader]),
    pulledSessionId: (headers?.[pulledSessionHeader] ?? null) as SessionId | null,
  };
  return { delivery, translation: translate(stored, catalogue) };
}

/** The session that the delivery speaks of, where it speaks of one. */
export function sessionOf({ delivery, translation }: TranslatedDelivery): SessionKey | undefined {
  if (!translation.ok || translation.event.kind === 'unknown') return undefined;
  const { sessionId } = translation.event;
  return sessionId === null ? undefined : { sessionId, account: delivery.account };
}

/** The sessions that the deliveries speak of, none twice. */
export function sessionsOf(items: readonly TranslatedDelivery[]): SessionKey[] {
  const keys = items.flatMap((item) => sessionOf(item) ?? []);
  return [...new Map(keys.map((key) => [sessionKeyText(key), key])).values()];
}

/** Inferred, so that a kind of event that is neither a verdict nor a `Fact` does not compile. */
export function isFact(event: Event) {
  return event.kind !== 'session_completed' && event.kind !== 'unknown';
}

/** One text for the face match or alert of a statement, for maps and locks. */
export function factText(account: string, event: Fact): string {
  return factKeyText(event.kind, { id: factId(event), account });
}

/** The names of all that the deliveries speak of, for `lockNames`. */
export function lockNamesOf(items: readonly TranslatedDelivery[]): string[] {
  const facts = items.flatMap(({ delivery, translation }) =>
    translation.ok && isFact(translation.event) ? [factText(delivery.account, translation.event)] : [],
  );
  return [...sessionsOf(items).map(sessionKeyText), ...facts];
}

/** What the header of the signature's time says; undefined where it is no such time. */
export function readSeconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,11}$/.test(text) ? Number(text) : undefined;
}
