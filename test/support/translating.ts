// Bytes as deliveries of some morning, translated by the catalogue that the tests of translating share.
import { createHash } from 'node:crypto';
import type { DeliveryId, SessionId } from '../../src/events/event.ts';
import { catalogueKinds, translate } from '../../src/ilive/translate.ts';

const catalogue = catalogueKinds({ 'session.finished': 'liveness.verdict' }, ['session.started']);
/** The least that is a verdict. */
export const verdict = { event: 'liveness.verdict', session_id: 's-1', verdict: 'pass' };

/** What iLive answered when it was asked about a session. */
export function pulled(body: string) {
  const about = { source: 'pull' as const, pulledSessionId: 's-1' as SessionId };
  return translate({ ...storedOf(Buffer.from(body)), ...about }, catalogue);
}

/** What came by webhook. */
export function read(body: Buffer | object | string, signedAtSeconds?: number) {
  const bytes = Buffer.isBuffer(body)
    ? body
    : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return translate({ ...storedOf(bytes), signedAtSeconds }, catalogue);
}

function storedOf(bytes: Buffer) {
  return {
    id: '0199-id' as DeliveryId,
    source: 'webhook' as const,
    body: bytes,
    bodySha256: createHash('sha256').update(bytes).digest(),
    receivedAt: new Date('2026-04-11T10:00:00.000Z'),
    signedAtSeconds: undefined,
    pulledSessionId: null,
  };
}
