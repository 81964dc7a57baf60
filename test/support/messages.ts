// What can be told about sessions, face matches and alerts, in few words, so that messages meet: two accounts, two sessions,
// two matches, two alerts, three moments. And what must be in the database once all of them are told, by whatever way.
import fc from 'fast-check';
import type { SessionId } from '../../src/events/event.ts';

export interface Message {
  readonly kind: 'verdict' | 'face' | 'alert' | 'unknown' | 'ignored' | 'broken' | 'registration';
  /** `unsigned` proves nothing; only a verdict is pulled. */
  readonly channel: 'webhook' | 'unsigned' | 'pull';
  readonly account: string;
  readonly session: string;
  readonly reference: string | null;
  readonly verdict: 'pass' | 'retry' | 'fail';
  readonly confidence: number;
  /** Of a face match or an alert. */
  readonly fact: string;
  readonly namesSession: boolean;
  /** When iLive says that it happened, in seconds after the minute. */
  readonly second: number;
  readonly hasId: boolean;
}

const kinds = [
  'verdict',
  'verdict',
  'verdict',
  'face',
  'alert',
  'unknown',
  'ignored',
  'broken',
  'registration',
];

const messageOf = (kind: fc.Arbitrary<Message['kind']>) =>
  fc
    .record<Message>({
      kind,
      channel: fc.constantFrom(...(['webhook', 'webhook', 'webhook', 'pull', 'unsigned'] as const)),
      account: fc.constantFrom('default', 'default', 'default', 'other'),
      session: fc.constantFrom('s-1', 's-1', 's-1', 's-2'),
      reference: fc.constantFrom(null, 'u-1', 'u-2'),
      verdict: fc.constantFrom('pass', 'retry', 'fail'),
      confidence: fc.constantFrom(0.9, 0.5),
      fact: fc.constantFrom('1', '1', '2'),
      namesSession: fc.boolean(),
      second: fc.integer({ min: 1, max: 3 }),
      hasId: fc.boolean(),
    })
    .map((message): Message => {
      if (message.channel === 'pull' && message.kind !== 'verdict') return { ...message, channel: 'webhook' };
      return message;
    });

function onceKey(message: Message): string {
  const { kind, channel, account, session } = message;
  // A session is registered once, and what has the same bytes and no id of its own is one delivery, told twice.
  if (kind === 'registration') return JSON.stringify([kind, account, session]);
  return JSON.stringify([channel === 'pull' ? session : '', account, bodyOf(message).toString()]);
}

// Each set is of some kinds only, so that several of a kind meet.
export const messageSets = fc
  .subarray(kinds as Message['kind'][], { minLength: 1, maxLength: 4 })
  .chain((own) =>
    fc.uniqueArray(messageOf(fc.constantFrom(...own)), {
      minLength: 1,
      maxLength: 8,
      size: 'max',
      selector: onceKey,
    }),
  );

export const keyOf = ({ session, account }: Message) => ({ sessionId: session as SessionId, account });

export const receivedAtOf = (index: number) => new Date(Date.parse('2026-04-11T09:31:00Z') + index * 1_000);

export const isVerdict = ({ kind, channel }: Message) => kind === 'verdict' && channel !== 'unsigned';

export function bodyOf(message: Message): Buffer {
  if (message.kind === 'broken') return Buffer.from(`no JSON ${message.second}`);
  return Buffer.from(JSON.stringify(payloadOf(message)));
}

const events: Readonly<Partial<Record<Message['kind'], string>>> = {
  verdict: 'liveness.verdict',
  face: 'face.matched',
  alert: 'compliance.alert',
  unknown: 'never.heard.of',
  ignored: 'ignored.kind',
};

function payloadOf({
  kind,
  channel,
  session,
  reference,
  verdict,
  confidence,
  fact,
  ...rest
}: Message): object {
  const timestamp = `2026-04-11T09:30:0${rest.second}+00:00`;
  const common = { reference_id: reference, timestamp };
  const named = rest.namesSession ? { session_id: session } : {};
  const event = events[kind];
  if (channel === 'pull') return { verdict, confidence, ...common };
  if (kind === 'verdict') return { event, session_id: session, verdict, confidence, ...common };
  if (kind === 'face') return { event, match_id: `m-${fact}`, similarity: confidence, ...common, ...named };
  if (kind === 'alert') return { event, alert_id: `a-${fact}`, severity: 'low', ...common, ...named };
  return { event, ...common };
}

/** What must have come of the messages, told from them alone. */
export function outcomeOf(messages: readonly Message[]) {
  const told = messages.map((message, index) => ({ ...message, index }));
  const proven = told.filter(({ channel, kind }) => channel !== 'unsigned' && kind !== 'registration');
  const naming = told.filter(
    ({ kind, namesSession }) =>
      kind === 'verdict' || kind === 'registration' || (['face', 'alert'].includes(kind) && namesSession),
  );
  return {
    deliveriesCount: told.filter(({ kind }) => kind !== 'registration').length,
    observed: proven.filter(({ kind }) => kind === 'verdict').map(({ index }) => index),
    faceMatches: latestFacts(proven.filter(({ kind }) => kind === 'face')),
    alerts: latestFacts(proven.filter(({ kind }) => kind === 'alert')),
    sessions: [...new Set(naming.map(({ account, session }) => `${account} ${session}`))].sort(),
  };
}

/** Of each id the latest statement by iLive's time, of two with one time the first received. */
function latestFacts(facts: readonly (Message & { readonly index: number })[]): number[] {
  const latest = new Map<string, (typeof facts)[number]>();
  for (const fact of facts) {
    const before = latest.get(`${fact.account} ${fact.fact}`);
    if (before === undefined || fact.second > before.second) latest.set(`${fact.account} ${fact.fact}`, fact);
  }
  return [...latest.values()].map(({ index }) => index).sort((a, b) => a - b);
}
