// The pretend vendor's sessions: how each will go is decided when it is created, from the seed alone, and what can be
// said of it follows from the time. Most end after half a minute, nearly all within ten; a share is abandoned and never
// ends. After the TTL nobody can end a session any more.
import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { Verdict } from '../events/event.ts';
import type { Dialect } from './api-routes.ts';
import { createRandom, type Random } from './random.ts';
import { createVerdict, otherVerdict } from './story.ts';

export interface SessionRules {
  /** Documented: 30 minutes. */
  readonly ttlSeconds: number;
  readonly tokenLifetimeSeconds: number;
  /** Half of the sessions that end have ended after this time. */
  readonly medianSeconds: number;
  /** 0 for all at the median; at 1, one in a thousand takes longer than 22 times the median. */
  readonly spread: number;
  readonly abandonedShare: number;
}

export const usualRules: SessionRules = {
  ttlSeconds: 1_800,
  tokenLifetimeSeconds: 1_800,
  medianSeconds: 25,
  spread: 1,
  abandonedShare: 0.05,
};

/** What a session will come to, decided when it begins. */
export interface SessionPlan {
  readonly sessionId: string;
  /** Null for one that is abandoned, or whose end is told by hand. */
  readonly endsAfterMs: number | null;
  readonly verdict: Verdict;
  readonly confidence: number | null;
  readonly webhook: WebhookPlan;
}

export interface WebhookPlan {
  readonly isDropped: boolean;
  readonly isSigned: boolean;
  readonly delayMs: number;
  readonly copies: number;
  /** Where it says something else than the API. */
  readonly verdict: Verdict | null;
}

export const noWebhook: WebhookPlan = {
  isDropped: true,
  isSigned: true,
  delayMs: 0,
  copies: 1,
  verdict: null,
};

export interface VendorSession {
  readonly sessionId: string;
  readonly dialect: Dialect;
  readonly caller: string;
  readonly referenceId: string | null;
  readonly mode: string;
  readonly webhookUrl: string | null;
  /** The managed dialect's opaque token, or the reference dialect's JWT. */
  readonly token: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly tokenExpiresAtMs: number;
  readonly plan: SessionPlan;
  /** Null while nobody knows that it will end. Whole microseconds, as the vendor writes times. */
  endsAtMicros: number | null;
}

export interface WebhookShares {
  readonly drop: number;
  readonly unsigned: number;
  readonly delayed: number;
  readonly delaySeconds: number;
  readonly duplicated: number;
  readonly contradicting: number;
}

export const honestWebhooks: WebhookShares = {
  drop: 0,
  unsigned: 0,
  delayed: 0,
  delaySeconds: 60,
  duplicated: 0,
  contradicting: 0,
};

/** Decides how the `index`th session of a seed goes. */
export function planSession(
  seed: number,
  index: number,
  rules: SessionRules,
  shares: WebhookShares,
): SessionPlan {
  const random = createRandom(seed, `vendor session ${index}`);
  const isAbandoned = random.chance(rules.abandonedShare);
  const afterSeconds = rules.medianSeconds * Math.exp(rules.spread * bell(random));
  const share = random.next();
  const verdict: Verdict = share < 0.76 ? 'pass' : share < 0.9 ? 'retry' : 'fail';
  const sessionId = randomUUID();
  const { confidence } = createVerdict({ sessionId, referenceId: '' }, verdict, 0, random);
  const otherwise = otherVerdict(verdict, random);
  return {
    sessionId,
    endsAfterMs: isAbandoned ? null : afterSeconds * 1000,
    verdict,
    confidence,
    webhook: {
      isDropped: random.chance(shares.drop),
      isSigned: !random.chance(shares.unsigned),
      delayMs: random.chance(shares.delayed) ? shares.delaySeconds * 1000 : 0,
      copies: random.chance(shares.duplicated) ? 2 : 1,
      verdict: random.chance(shares.contradicting) ? otherwise : null,
    },
  };
}

// The normal distribution, by Box and Muller.
function bell(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

export type SessionState = 'pending' | 'completed' | 'expired';

export function stateOf({ endsAtMicros, expiresAtMs }: VendorSession, nowMs: number): SessionState {
  if (endsAtMicros !== null && endsAtMicros <= nowMs * 1000) return 'completed';
  return nowMs < expiresAtMs ? 'pending' : 'expired';
}

/** A token for one session: opaque in the managed dialect, a JWT in the reference dialect. */
export function mintToken(dialect: Dialect, sessionId: string, expiresAtMs: number): string {
  if (dialect === 'managed') return `ist_${randomBytes(24).toString('hex')}`;
  const part = (fields: object) => Buffer.from(JSON.stringify(fields)).toString('base64url');
  const claims = { sub: sessionId, exp: Math.floor(expiresAtMs / 1000), jti: randomUUID() };
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', randomBytes(32)).update(signed).digest('base64url')}`;
}

/** Whether `given` is the session's token and still lives, in a time that does not show how far it was right. */
export function acceptsToken(session: VendorSession, given: string, nowMs: number): boolean {
  const digest = (text: string) => createHmac('sha256', 'compare').update(text).digest();
  return timingSafeEqual(digest(given), digest(session.token)) && nowMs < session.tokenExpiresAtMs;
}
