// The pretend vendor's REST API on a port of its own: sessions, results, photos and faces in both dialects, with keys,
// tokens, limits, outages and slowness, and with webhooks when sessions end. All that is time in it follows one clock,
// which may be fast or moved by hand. It shares no code with the client that it is there to try.
import { randomBytes } from 'node:crypto';
import { defaultTemplate } from '../ilive/signature.ts';
import { createClock, type VendorClock } from './api-clock.ts';
import { createDesk, type VendorKey } from './api-desk.ts';
import { refuse, type VendorAnswer, type VendorErrorCode } from './api-errors.ts';
import { type LimitRules, standardLimits } from './api-limits.ts';
import type { CreateRules } from './api-liveness.ts';
import { type Call, createCallLog } from './api-log.ts';
import { type Dialect, dialects, type Operation } from './api-routes.ts';
import { type Latency, type Outage, openServer } from './api-server.ts';
import {
  honestWebhooks,
  mintToken,
  noWebhook,
  planSession,
  type SessionPlan,
  type SessionRules,
  usualRules,
  type VendorSession,
  type WebhookShares,
} from './api-sessions.ts';
import { type SentWebhook, sendWebhooks, type WebhookRules, watchEnd } from './api-webhooks.ts';

export interface VendorApiOptions {
  readonly port?: number;
  readonly host?: string;
  /** Default: both dialects. */
  readonly served?: readonly Dialect[];
  /** Default: one key with a name of `demo`, made up. */
  readonly keys?: readonly VendorKey[];
  readonly seed?: number;
  /** How many times faster than the wall's its time runs. */
  readonly speed?: number;
  /** Instead of `speed`: a clock of the caller's. */
  readonly clock?: VendorClock;
  readonly sessions?: Partial<SessionRules>;
  /** Shares of what goes wrong with the webhooks. */
  readonly webhooks?: Partial<WebhookShares>;
  /** How webhooks are signed and where they go; default: to the session's own URL, with a secret made up. */
  readonly sending?: Partial<WebhookRules>;
  readonly limits?: Partial<LimitRules>;
  readonly latency?: Latency;
  /** Each in milliseconds of the vendor's time from the start. */
  readonly outages?: readonly { readonly afterMs: number; readonly forMs: number; readonly kind: Outage }[];
  readonly tokenRefusal?: 401 | 404;
  readonly expiredAs?: 'status' | 'not_found';
  readonly isHttpsOnly?: boolean;
  /** How a session will go, instead of what the seed decides. */
  readonly planSession?: CreateRules['plan'];
}

export interface AdmittedSession {
  readonly sessionId: string;
  readonly referenceId: string;
  readonly dialect: Dialect;
  readonly truth?: Pick<SessionPlan, 'verdict' | 'confidence'>;
}

/** A refusal by its code, or an answer as it stands. */
type Telling = VendorErrorCode | VendorAnswer;

export interface VendorApi {
  /** Such as `http://127.0.0.1:41234`. */
  readonly url: string;
  /** The first of its keys. */
  readonly apiKey: string;
  readonly clock: VendorClock;
  /** Every call that has ended, in the order of the ends. */
  readonly log: readonly Call[];
  /** What became of every webhook whose time has come. */
  readonly webhooks: readonly SentWebhook[];
  readonly sessions: ReadonlyMap<string, VendorSession>;
  /** Knows of a session that was created elsewhere and that nobody ends, unless by hand; then with `truth`. */
  admitSession(session: AdmittedSession): void;
  /** Ends a session at this moment, or at the one given in microseconds, and sends what is planned. */
  endSession(sessionId: string, atMicros?: number): void;
  /** Puts the API out of order until it is told null. */
  setOutage(outage: Outage | null): Promise<void>;
  /** Gives the next calls, of one operation or of any, this refusal or this answer, or what is decided when they come. */
  answerNext(answer: Telling | (() => Telling), narrow?: { operation?: Operation; times?: number }): void;
  stop(): Promise<void>;
}

const webhookTimeoutMs = 10_000;
const webhookRetryDelayMs = 5_000;

/** Starts it and resolves once it listens. */
export async function startVendorApi(options: VendorApiOptions = {}): Promise<VendorApi> {
  const clock = options.clock ?? createClock(options.speed);
  const keys = options.keys ?? [{ name: 'demo', key: `iksk_live_${randomBytes(24).toString('hex')}` }];
  const seed = options.seed ?? 1;
  const stopped = new AbortController();
  const sessions = new Map<string, VendorSession>();
  const webhooks: SentWebhook[] = [];
  const sending = sendingRules(options, clock);
  const cancels = new Set<() => void>();
  const ends = new Map<string, () => void>();

  const onEnd = (session: VendorSession) => {
    const isLegacy = keys.find(({ name }) => name === session.caller)?.isLegacy === true;
    const told = sendWebhooks(session, isLegacy, { rules: sending, clock, signal: stopped.signal });
    void told.then((entries) => webhooks.push(...entries));
  };
  const watch = (session: VendorSession) =>
    ends.set(
      session.sessionId,
      watchEnd(session, clock, () => onEnd(session)),
    );
  const log = createCallLog();
  const desk = createDesk({
    served: options.served ?? dialects,
    keys,
    limits: { ...standardLimits, ...options.limits },
    create: createRules(options, seed, sessions),
    tokenRefusal: options.tokenRefusal ?? 401,
    expiredAs: options.expiredAs ?? 'status',
    sessions,
    onCreated: watch,
  });
  const server = await openServer({
    port: options.port ?? 0,
    host: options.host ?? '127.0.0.1',
    clock,
    desk,
    log,
    latency: options.latency ?? { share: 0, ms: 0 },
    seed,
  });
  for (const cancel of planOutages(options.outages ?? [], clock, server)) cancels.add(cancel);
  return {
    url: server.url,
    apiKey: keys[0]?.key ?? '',
    clock,
    log: log.calls,
    webhooks,
    sessions,
    admitSession: (known) => sessions.set(known.sessionId, admit(known, keys[0]?.name ?? '', clock)),
    endSession: (sessionId, atMicros) => {
      const session = sessions.get(sessionId);
      if (session === undefined) throw new Error(`there is no session ${sessionId}`);
      ends.get(sessionId)?.();
      session.endsAtMicros = atMicros ?? Math.floor(clock.now() * 1000);
      watch(session);
    },
    setOutage: server.setOutage,
    answerNext: (answer, { operation, times } = {}) => {
      const toTell = () => tell(typeof answer === 'function' ? answer() : answer);
      server.told.push({ answer: toTell, operation: operation ?? null, times: times ?? 1 });
    },
    stop: async () => {
      for (const cancel of [...cancels, ...ends.values()]) cancel();
      stopped.abort();
      await server.stop();
    },
  };
}

function tell(answer: Telling): VendorAnswer {
  if (typeof answer !== 'string') return answer;
  return refuse(answer, { dialect: 'reference', requestId: `req_${randomBytes(13).toString('hex')}` });
}

const unknownTruth = { verdict: 'retry', confidence: null } as const;

function admit(
  { sessionId, referenceId, dialect, truth }: AdmittedSession,
  caller: string,
  clock: VendorClock,
): VendorSession {
  const expiresAtMs = clock.now() + usualRules.ttlSeconds * 1000;
  return {
    sessionId,
    referenceId,
    dialect,
    caller,
    mode: 'active',
    webhookUrl: null,
    token: mintToken(dialect, sessionId, expiresAtMs),
    createdAtMs: clock.now(),
    expiresAtMs,
    tokenExpiresAtMs: expiresAtMs,
    plan: { sessionId, endsAfterMs: null, ...(truth ?? unknownTruth), webhook: noWebhook },
    endsAtMicros: null,
  };
}

function planOutages(
  outages: NonNullable<VendorApiOptions['outages']>,
  clock: VendorClock,
  server: { setOutage(outage: Outage | null): Promise<void> },
): (() => void)[] {
  const startedMs = clock.now();
  return outages.flatMap(({ afterMs, forMs, kind }) => [
    clock.at(startedMs + afterMs, () => void server.setOutage(kind)),
    clock.at(startedMs + afterMs + forMs, () => void server.setOutage(null)),
  ]);
}

function createRules(
  options: VendorApiOptions,
  seed: number,
  sessions: ReadonlyMap<string, VendorSession>,
): CreateRules {
  const rules = { ...usualRules, ...options.sessions };
  const shares = { ...honestWebhooks, ...options.webhooks };
  return {
    ttlSeconds: rules.ttlSeconds,
    tokenLifetimeSeconds: rules.tokenLifetimeSeconds,
    isHttpsOnly: options.isHttpsOnly ?? false,
    hostedUrl: 'https://verify.example.com',
    plan: options.planSession ?? (() => planSession(seed, sessions.size, rules, shares)),
  };
}

function sendingRules({ sending, clock: given }: VendorApiOptions, clock: VendorClock): WebhookRules {
  return {
    signing: { keys: [randomBytes(24)], template: defaultTemplate },
    retryDelayMs: webhookRetryDelayMs,
    timeoutMs: webhookTimeoutMs,
    resolve: (webhookUrl) => (webhookUrl === null ? undefined : new URL(webhookUrl)),
    // A service judges a signature by its own clock, which a fast vendor must not run ahead of.
    signingNow: given === undefined ? Date.now : clock.now,
    ...sending,
  };
}
