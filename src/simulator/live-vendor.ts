// Plays a scenario to a service that creates the sessions itself: each is created through the service shortly before its
// first message, ends at the pretend API in the moment in which that message is due, and is known there from then on,
// whether its webhook is sent or dropped. All times of a session are moved so that it ends after it was created.
import type { VendorApi } from './api.ts';
import { findOverlaps } from './api-log.ts';
import type { Dialect } from './api-routes.ts';
import { noWebhook, type SessionPlan } from './api-sessions.ts';
import { createSlots } from './deliver.ts';
import type { Message } from './message.ts';
import { type Api, ask } from './read-tables.ts';
import { retimeMessage, retimeStatement } from './retime.ts';
import type { Scenario, ScenarioSession } from './scenario.ts';

export interface LiveVendor {
  /** Waits until the message's session exists, ends it, and gives the message as it is to be sent now. */
  prepare(message: Message): Promise<Message>;
  /** The scenario with the times at which it was played. */
  played(): Scenario;
  /** The sessions whose verdict the service asked for and got. */
  pulled(): ReadonlySet<string>;
  /** What the service did at the API that it must not do, in sentences. */
  complaints(): string[];
}

export interface LiveOptions {
  readonly scenario: Scenario;
  readonly vendor: VendorApi;
  readonly api: Api;
  readonly dialect: Dialect;
  /** How many messages ahead of its first a session is created. */
  readonly aheadCount: number;
  /** What the service must fill in when it creates a session. */
  readonly webhookUrl: string;
}

const openerCount = 16;
// Newer than whatever is truly said in the meantime: believed, a broken message would stand.
const brokenAheadMicros = 60_000_000;

export function createLiveVendor(options: LiveOptions): LiveVendor {
  const { scenario, vendor, dialect } = options;
  const sessions = new Map(scenario.sessions.map((session) => [session.sessionId, session]));
  const sent = new Map<number, Message>();
  const deltas = new Map<string, number>();
  const opener = createOpener(options, firstMessages(scenario));
  for (const { sessionId, referenceId, truth } of scenario.sessions) {
    if (truth === null) vendor.admitSession({ sessionId, referenceId, dialect });
  }
  const nowMicros = () => Math.floor(vendor.clock.now() * 1000);
  const deltaOf = (message: Message): number => {
    const session = sessions.get(message.sessionId ?? '');
    if (session === undefined) {
      return nowMicros() + brokenAheadMicros - scenario.plannedAt.getTime() * 1000;
    }
    const known = deltas.get(session.sessionId);
    if (known !== undefined) return known;
    const delta = nowMicros() - (session.truth?.atMicros ?? timeOf(message) ?? nowMicros());
    deltas.set(session.sessionId, delta);
    if (session.truth !== null) vendor.endSession(session.sessionId, nowMicrosOf(session.truth, delta));
    return delta;
  };
  return {
    prepare: async (message) => {
      opener.openUntil(message.index);
      if (sessions.get(message.sessionId ?? '')?.truth) await opener.opened(message.sessionId ?? '');
      const prepared = retimeMessage(message, deltaOf(message));
      sent.set(message.index, prepared);
      return prepared;
    },
    played: () => ({
      ...scenario,
      messages: scenario.messages.map((message) => sent.get(message.index) ?? message),
      sessions: scenario.sessions.map((session) => ({
        ...session,
        truth: session.truth && retimeStatement(session.truth, deltas.get(session.sessionId) ?? 0),
      })),
    }),
    pulled: () =>
      new Set(
        vendor.log.flatMap((call) =>
          call.operation === 'result' && call.code === 'completed' ? (call.sessionId ?? []) : [],
        ),
      ),
    complaints: () => [...opener.complaints, ...complain(options)],
  };
}

function timeOf({ meaning }: Message): number | null {
  return meaning.fate === 'recorded' ? meaning.statement.atMicros : null;
}

function nowMicrosOf(truth: NonNullable<ScenarioSession['truth']>, delta: number): number {
  return (truth.atMicros ?? 0) + delta;
}

function firstMessages({ messages }: Scenario): Map<string, number> {
  const firsts = new Map<string, number>();
  for (const { sessionId, index } of messages) {
    if (sessionId !== null && !firsts.has(sessionId)) firsts.set(sessionId, index);
  }
  return firsts;
}

/** How the sessions of a scenario go at the pretend API: each is the next one of its person, and is ended by hand. */
export function planLiveSessions(scenario: Scenario): (asked: { referenceId: string | null }) => SessionPlan {
  const waiting = Map.groupBy(
    scenario.sessions.filter(({ truth }) => truth !== null),
    ({ referenceId }) => referenceId,
  );
  return ({ referenceId }) => {
    const next = waiting.get(referenceId ?? '')?.shift();
    if (next?.truth == null) throw new Error(`nobody planned a session for ${referenceId}`);
    const { verdict, confidence } = next.truth;
    return { sessionId: next.sessionId, endsAfterMs: null, verdict, confidence, webhook: noWebhook };
  };
}

interface Opener {
  readonly complaints: string[];
  openUntil(index: number): void;
  opened(sessionId: string): Promise<void>;
}

const askAgainEvery = 25;

function createOpener({ scenario, api, aheadCount }: LiveOptions, firsts: Map<string, number>): Opener {
  const due = scenario.sessions
    .filter(({ truth }) => truth !== null)
    .sort((a, b) => (firsts.get(a.sessionId) ?? 0) - (firsts.get(b.sessionId) ?? 0));
  const gates = new Map(due.map(({ sessionId }) => [sessionId, Promise.withResolvers<void>()]));
  for (const { promise } of gates.values()) promise.catch(() => {}); // somebody else may fail first
  const slots = createSlots(openerCount);
  const complaints: string[] = [];
  let next = 0;

  const open = async ({ referenceId }: ScenarioSession, place: number) => {
    await slots.take();
    try {
      const idempotencyKey = `${scenario.mark}-${place}`;
      const id = await createSession(api, referenceId, idempotencyKey);
      gates.get(id)?.resolve();
      if (place % askAgainEvery !== 0) return;
      const again = await createSession(api, referenceId, idempotencyKey);
      if (again !== id) complaints.push(`the same Idempotency-Key made the sessions ${id} and ${again}`);
    } catch (error) {
      for (const { reject } of gates.values()) reject(error);
    } finally {
      slots.giveBack();
    }
  };
  return {
    complaints,
    openUntil: (index) => {
      for (; next < due.length; next += 1) {
        const session = due[next];
        if (session === undefined || (firsts.get(session.sessionId) ?? 0) > index + aheadCount) return;
        void open(session, next);
      }
    },
    opened: (sessionId) => gates.get(sessionId)?.promise ?? Promise.resolve(),
  };
}

async function createSession(api: Api, referenceId: string, idempotencyKey: string): Promise<string> {
  const said = await ask(api, '/v1/sessions', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
    body: JSON.stringify({
      reference_id: referenceId,
      mode: 'passive',
      redirect_url: 'https://example.com/done',
    }),
  });
  if (said === undefined) throw new Error('POST /v1/sessions answered 404');
  return String(said.session_id);
}

function complain({ scenario, vendor, webhookUrl }: LiveOptions): string[] {
  const ghosts = new Set(scenario.ghostSessionIds);
  const created = [...vendor.sessions.values()].filter(({ plan }) => plan.endsAfterMs === null);
  const withoutUrl = created.filter(
    (session) => session.webhookUrl !== webhookUrl && isCreated(scenario, session),
  );
  const asked = vendor.log.filter(({ operation }) => operation === 'result');
  const forGhosts = asked.filter(({ sessionId }) => ghosts.has(sessionId ?? ''));
  const twice = findOverlaps(vendor.log, 'result');
  return [
    ...withoutUrl.map(({ sessionId }) => `session ${sessionId} was created without the right webhook_url`),
    ...forGhosts.map(
      ({ sessionId }) => `iLive was asked about ${sessionId}, which only refused messages name`,
    ),
    ...twice.map(([{ sessionId }]) => `iLive was asked about session ${sessionId} twice at once`),
  ];
}

function isCreated(scenario: Scenario, { sessionId }: { sessionId: string }): boolean {
  return scenario.sessions.some((session) => session.sessionId === sessionId && session.truth !== null);
}
