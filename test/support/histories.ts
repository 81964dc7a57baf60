// Random histories for questions about the past: everything that can happen to sessions, face matches and alerts, each step
// at a time of its own. A delivery's id hangs on its step alone, so that a part of a history can be played again.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { acknowledgeAlert, resolveAlert } from '../../src/db/alerts.ts';
import type { Database } from '../../src/db/connect.ts';
import { pulledSessionHeader } from '../../src/db/deliveries.ts';
import { endSession, endUnaskable } from '../../src/db/end-sessions.ts';
import { registerSession } from '../../src/db/ledger.ts';
import { recordDeliveries } from '../../src/db/record-deliveries.ts';
import type { DeliveryId, SessionId } from '../../src/events/event.ts';
import { type Instant, instantOf } from '../../src/events/instant.ts';
import { processDeliveries } from '../../src/workers/process-deliveries.ts';
import { rulesOf } from './replaying.ts';
import { silent } from './service.ts';

export const sessionIds = ['s-1', 's-2'] as SessionId[];
export const references = ['anna', 'bert'];
const factIds = ['f-1', 'f-2'];
const account = 'default';

export interface Step {
  readonly do:
    | 'register'
    | 'expire'
    | 'refuse'
    | 'sweep'
    | 'acknowledge'
    | 'resolve'
    | 'webhook'
    | 'pull'
    | 'face'
    | 'alert'
    | 'repeat';
  readonly session: number;
  readonly reference: string | null;
  readonly verdict: string;
  readonly fact: number;
  readonly namesSession: boolean;
  /** How long before it was received it happened. */
  readonly ageSeconds: number;
  /** Else a verdict happened when it was received, and a repeat of it has the same bytes. */
  readonly namesTime: boolean;
  /** Left to a later step to be processed, as a crash would. */
  readonly isLeft: boolean;
}

const kinds: readonly Step['do'][] = [
  ...(['register', 'expire', 'refuse', 'sweep', 'acknowledge', 'resolve'] as const),
  ...(['webhook', 'webhook', 'pull', 'pull', 'face', 'alert', 'alert', 'repeat'] as const),
];

// Each history is of some kinds of steps only, so that what needs the same kind again and again comes about.
export const histories = fc.subarray([...kinds], { minLength: 1, maxLength: 6 }).chain((own) =>
  fc.array(
    fc.record<Step>({
      do: fc.constantFrom(...own),
      session: fc.constantFrom(0, 0, 1),
      reference: fc.constantFrom(null, ...references),
      verdict: fc.constantFrom('pass', 'retry', 'fail'),
      fact: fc.constantFrom(0, 0, 1),
      namesSession: fc.boolean(),
      ageSeconds: fc.constantFrom(0, 0, 61, 61, 121, 245),
      namesTime: fc.nat(2).map((number) => number > 0),
      isLeft: fc.nat(4).map((number) => number === 0),
    }),
    { minLength: 1, maxLength: 10 },
  ),
);

const step = (what: Step['do'], changes: Partial<Step> = {}): Step => ({
  do: what,
  session: 0,
  reference: 'anna',
  verdict: 'pass',
  fact: 0,
  namesSession: false,
  ageSeconds: 0,
  namesTime: true,
  isLeft: false,
  ...changes,
});

/** A contradiction that was recorded only after a later one had been: the alert of our own says nothing of it. */
export const lateContradiction: Step[] = [
  step('webhook'),
  step('sweep'),
  step('pull', { verdict: 'fail' }),
  step('pull', { verdict: 'fail', ageSeconds: 245 }),
];

/** A dispute that names one person, and names another before anybody has written it down. */
export const movedDispute: Step[] = [
  step('pull', { reference: null, isLeft: true }),
  step('webhook', { reference: 'bert', verdict: 'retry', isLeft: true }),
  step('webhook', { reference: null, isLeft: false }),
  step('webhook', { reference: 'anna', verdict: 'fail', isLeft: true }),
  step('webhook', { reference: null, verdict: 'retry', isLeft: true }),
];

/** When a step is done. */
export const timeOf = (index: number) => new Date(Date.parse('2026-04-11T09:10:00Z') + index * 60_000);

/** When what it tells happened; for what we do ourselves that is when we did it. */
export function happenedAt(steps: readonly Step[], index: number): Date {
  const { step, at } = told(steps, index);
  if (isTimeless(step)) return timeOf(index);
  const isTold = ['webhook', 'pull', 'face', 'alert'].includes(step.do);
  // A session that only a fact names is expected from when that is received.
  const isNaming = (step.do === 'face' || step.do === 'alert') && step.namesSession;
  const ageMs = isTold && !isNaming ? step.ageSeconds * 1000 : 0;
  return new Date(timeOf(at).getTime() - ageMs);
}

const isTimeless = ({ do: what, namesTime }: Step) => !namesTime && (what === 'webhook' || what === 'pull');

// A repeat is what an earlier step told, if there is one.
function told(steps: readonly Step[], index: number): { step: Step; at: number } {
  const step = steps[index] as Step;
  if (step.do !== 'repeat') return { step, at: index };
  const at = steps.findIndex((each) => ['webhook', 'face', 'alert'].includes(each.do));
  return at === -1 || at > index ? { step, at: index } : { step: steps[at] as Step, at };
}

/** Plays those steps that `isPlayed` lets through; processing has its turn at each step's time in any case. */
export async function play(
  db: Database,
  steps: readonly Step[],
  isPlayed: (index: number) => boolean,
  afterStep: (index: number) => Promise<void> = async () => {},
): Promise<void> {
  const owed: DeliveryId[] = [];
  for (const index of steps.keys()) {
    if (isPlayed(index)) owed.push(...(await playStep(db, steps, index)));
    const isLast = index === steps.length - 1;
    if (isLast || !steps[index]?.isLeft) await process(db, owed.splice(0), timeOf(index));
    await afterStep(index);
  }
}

async function playStep(db: Database, steps: readonly Step[], index: number): Promise<DeliveryId[]> {
  const step = steps[index] as Step;
  const at = timeOf(index);
  const key = { sessionId: sessionIds[step.session] as SessionId, account };
  const alert = { alertId: factIds[step.fact] as string, account, sessionId: null };
  const dispute = { ...key, alertId: `dispute:${key.sessionId}` };
  switch (step.do) {
    case 'register':
      await db.transaction((tx) =>
        registerSession(
          tx,
          {
            key,
            referenceId: step.reference,
            dialect: 'reference',
            token: null,
            expectedAt: at,
            expiresAt: new Date(at.getTime() + 150_000),
            nextPullAt: at,
          },
          () => at,
        ),
      );
      return [];
    case 'expire':
      await endSession(
        db,
        { ...key, leaseUntil: null },
        { state: 'expired', reason: 'never_finished' },
        () => at,
      );
      return [];
    case 'refuse':
      await endSession(
        db,
        { ...key, leaseUntil: null },
        { state: 'unrecoverable', reason: 'token_refused' },
        () => at,
      );
      return [];
    case 'sweep':
      await endUnaskable(db, { expiredBefore: at, canPull: false, now: () => at });
      return [];
    case 'acknowledge':
    case 'resolve': {
      const change = step.do === 'resolve' ? resolveAlert : acknowledgeAlert;
      const handling = { by: `key ${index}`, note: `note ${index}` };
      await db.transaction((tx) => change(tx, step.namesSession ? dispute : alert, handling, () => at));
      return [];
    }
    default:
      return record(db, steps, index);
  }
}

async function record(db: Database, steps: readonly Step[], index: number): Promise<DeliveryId[]> {
  const { step } = told(steps, index);
  const body = Buffer.from(JSON.stringify(payloadOf(step, happenedAt(steps, index))));
  const sessionId = sessionIds[step.session] as SessionId;
  const isPull = step.do === 'pull';
  const [recorded] = await recordDeliveries(db, [
    {
      id: `01990000-0000-7000-8000-${String(index).padStart(12, '0')}` as DeliveryId,
      account,
      source: isPull ? 'pull' : 'webhook',
      webhookId: isPull ? `pull:${sessionId}` : `w-${index}`,
      bodySha256: createHash('sha256').update(body).digest(),
      body,
      headers: isPull ? { [pulledSessionHeader]: sessionId } : {},
      receivedAt: timeOf(index),
      traceId: null,
      isProven: true,
    },
  ]);
  return recorded === undefined ? [] : [recorded.id];
}

function payloadOf(step: Step, happened: Date): object {
  const timestamp: Instant | undefined = isTimeless(step) ? undefined : instantOf(happened);
  const common = { reference_id: step.reference, timestamp };
  const session = { session_id: sessionIds[step.session] };
  const named = step.namesSession ? session : {};
  switch (step.do) {
    case 'pull':
      return { ...common, verdict: step.verdict };
    case 'face':
      return {
        event: 'face.matched',
        match_id: factIds[step.fact],
        similarity: 0.1 + step.ageSeconds / 1000,
        ...common,
        ...named,
      };
    case 'alert':
      return {
        event: 'compliance.alert',
        alert_id: factIds[step.fact],
        severity: 'low',
        ...common,
        ...named,
      };
    default:
      return { event: 'liveness.verdict', verdict: step.verdict, confidence: 0.5, ...common, ...session };
  }
}

const rules = rulesOf({ confirm: 'always' });
const ledger = { ...rules.ledger, sessionTtlMs: 240_000 };

const process = (db: Database, ids: readonly string[], at: Date) =>
  processDeliveries(
    { ...rules, ledger, now: () => at, db, maxAttempts: 3, log: silent, onFinished: () => {} },
    ids,
  );
