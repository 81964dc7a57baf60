// Deliveries of a second account, beside the scenario's: what they say is true by the pretend iLive, and what their names
// begin with decides what the tables do with them. Nothing here is sent.
import { createHash, randomUUID } from 'node:crypto';
import { sign, signingKey, type Template } from '../../../src/ilive/signature.ts';
import type { VendorApi } from '../../../src/simulator/api.ts';
import type { Random } from '../../../src/simulator/random.ts';
import type { Acknowledged } from './check-tables.ts';

export const secondAccount = 'second';
export const secondSecret = 'second-account-secret';
/** Parked, until a later start knows it; then a replay has something to mend. */
export const kindOfTomorrow = 'verdict.of.tomorrow';
/** Of webhook ids and references; see `refused-data.ts`. */
export const fates = ['plain', 'unstorable', 'refused', 'failing'] as const;

export interface Subject {
  readonly sessionId: string;
  readonly referenceId: string;
  readonly verdict: (typeof verdicts)[number];
  readonly atMs: number;
}

export interface SecondDelivery {
  readonly webhookId: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const verdicts = ['pass', 'fail', 'retry'] as const;

/** A session that iLive knows and that has ended; `prefix` begins its reference. */
export function admitSubject(vendor: VendorApi, random: Random, prefix: string): Subject {
  const [sessionId, referenceId] = [randomUUID(), `${prefix}-${randomUUID()}`];
  const verdict = random.pick([...verdicts]);
  const atMs = Date.now() - 60_000;
  vendor.admitSession({ sessionId, referenceId, dialect: 'reference', truth: { verdict, confidence: 0.9 } });
  vendor.endSession(sessionId, atMs * 1000);
  return { sessionId, referenceId, verdict, atMs };
}

export function writeDelivery(
  { sessionId, referenceId, verdict, atMs }: Subject,
  {
    kind,
    secret,
    template,
    prefix,
  }: { readonly kind: string; readonly secret: string; readonly template: Template; readonly prefix: string },
): SecondDelivery {
  const webhookId = `${prefix}-${randomUUID()}`;
  const body = Buffer.from(
    JSON.stringify({
      event: kind,
      session_id: sessionId,
      verdict,
      confidence: 0.9,
      reference_id: referenceId,
      timestamp: `${new Date(atMs).toISOString().slice(0, -1)}000+00:00`,
    }),
  );
  const timestamp = Math.floor(Date.now() / 1000);
  const key = signingKey(secret, 'utf8');
  return { webhookId, body, headers: { ...sign(body, { key, template, timestamp, webhookId }) } };
}

export function acknowledge(deliveryId: string, { webhookId, body }: SecondDelivery): Acknowledged {
  return { deliveryId, webhookId, bodySha256: createHash('sha256').update(body).digest('hex') };
}
