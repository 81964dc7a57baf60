// What is replayed: a past of every kind of delivery, told by the simulator's scenario. Verdicts, newer verdicts, face
// matches and compliance alerts, some told again later, the same under another id, verdicts that contradict each other,
// other spellings, absent fields, kinds that nobody knows and bodies that nobody can read; some are sent twice.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseFaults } from '../src/simulator/faults.ts';
import type { Message } from '../src/simulator/message.ts';
import { plainStyle, writePayload } from '../src/simulator/payload.ts';
import { planScenario } from '../src/simulator/scenario.ts';
import { startCannon, tallyAnswers, untilAnswered } from './cannon.ts';
import type { ReplayOptions } from './replay-options.ts';
import { writeRequest } from './requests.ts';
import { createSignNow } from './sign-now.ts';
import type { Stage } from './stage.ts';

export interface History {
  readonly deliveryCount: number;
  /** By state, then by kind and decision: what the past consists of. */
  readonly kinds: readonly { readonly state: string; readonly what: string; readonly count: number }[];
  readonly seconds: number;
}

// Whatever is stored; how it travels does not matter here, and what is refused is not stored.
const faults =
  'duplicate,duplicate_new_id,reorder,contradiction,alias,extra_fields,absent_fields,truncated,' +
  'invalid_utf8,not_an_object,unknown_kind,unreadable_body,unstorable_text';
const connections = 32;
const pollMs = 100;
const supersededEvery = 5;
const processedDeadlineMs = 600_000;

/** Sends the past and waits until it is processed. Throws when any of it was not acknowledged. */
export async function makeHistory(
  stage: Stage,
  { deliveries, seed }: ReplayOptions,
  signal: AbortSignal,
): Promise<History> {
  const beganMs = performance.now();
  await sendAll(stage, planMessages(deliveries, seed), signal);
  await untilProcessed(stage, signal);
  const [row] = await stage.db.query<{ count: string }>({ text: 'select count(*) from deliveries' });
  if (Number(row?.count) !== deliveries) {
    throw new Error(`${row?.count} deliveries are stored, not the ${deliveries} that were sent`);
  }
  const kinds = await readKinds(stage);
  // The deliveries measured next must not pay for what the past has left to be cleaned and written.
  await stage.db.query({ text: 'vacuum (analyze)' });
  await stage.db.query({ text: 'checkpoint' });
  return { deliveryCount: deliveries, kinds, seconds: (performance.now() - beganMs) / 1_000 };
}

// Signed all at once, which a service takes as long as it is through within its tolerance of some minutes.
async function sendAll(stage: Stage, messages: readonly Message[], signal: AbortSignal): Promise<void> {
  const url = new URL('/webhooks/ilive', stage.address());
  const signNow = createSignNow(stage.secret);
  const requests = messages.flatMap(({ signedBody, webhookId, copies }) => {
    const request = writeRequest(url, signNow(signedBody, webhookId), signedBody);
    return copies === 'one' ? [request] : [request, request];
  });
  const rest = requests.values();
  const next = () => rest.next().value ?? Buffer.alloc(0);
  const amount = requests.length;
  const instance = startCannon(url, { connections, amount, requestsOf: () => next });
  const tally = tallyAnswers(instance, 202);
  tally.begin();
  await Promise.race([untilAnswered(instance, amount), once(signal, 'abort')]);
  instance.stop();
  signal.throwIfAborted();
  const { latenciesMs, otherStatuses, errorCount } = tally.end();
  if (latenciesMs.length !== amount) {
    const others = JSON.stringify(otherStatuses);
    throw new Error(`the past was not acknowledged; other answers: ${others}, broken: ${errorCount}`);
  }
}

/** Resolves once no delivery is owed. */
export async function untilProcessed({ db }: Stage, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + processedDeadlineMs;
  while (performance.now() < deadline) {
    const owed = await db.query({ text: `select from deliveries where state = 'received' limit 1` });
    if (owed.length === 0) return;
    await sleep(pollMs, undefined, { signal });
  }
  throw new Error('the service never caught up with processing');
}

// Every hundred sessions tell about 160 messages; of more than are needed the first are taken.
function planMessages(count: number, seed: number): Message[] {
  const shares = parseFaults(faults);
  if (typeof shares === 'string') throw new Error(shares);
  const { messages } = planScenario({
    seed,
    label: 'bench',
    sessionCount: Math.ceil(count / 1.4) + 50,
    now: new Date(),
    faults: shares,
  });
  const told = messages.flatMap((message, index) =>
    index % supersededEvery === 0 ? [message, ...supersede(message)] : [message],
  );
  if (told.length < count) throw new Error(`the scenario tells only ${told.length} messages`);
  return told.slice(0, count);
}

// A match or an alert that is told once more, a second later: the row that the first has made is another's by now.
function supersede(message: Message): Message[] {
  const { meaning, webhookId } = message;
  if (meaning.fate !== 'recorded' || meaning.statement.kind === 'verdict') return [];
  const { atMicros } = meaning.statement;
  if (atMicros === null) return [];
  const statement = { ...meaning.statement, atMicros: atMicros + 1_000_000 };
  const signedBody = Buffer.from(writePayload(statement, plainStyle));
  return [{ ...message, webhookId: `${webhookId}-later`, signedBody }];
}

async function readKinds({ db }: Stage): Promise<History['kinds']> {
  const rows = await db.query<{ state: string; what: string; count: string }>({
    text: `
      select state, concat_ws(', ', coalesce(kind, 'unknown'), decision, reason) as what, count(*) as count
      from deliveries group by 1, 2 order by 1, 3 desc`,
  });
  return rows.map((row) => ({ ...row, count: Number(row.count) }));
}
