// One set of things told, lived through in different ways: told in any order, repeated, refused first and admitted later,
// processed in any batches by one or two workers, rolled back in the middle, replayed, asked about in between. A life is
// made of acts that are picked by number, so that a shorter list of acts and smaller numbers are a simpler life.
import { createHash } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import type { Database } from '../../src/db/connect.ts';
import { loadOwedDeliveries, type NewDelivery } from '../../src/db/deliveries.ts';
import { endSession } from '../../src/db/end-sessions.ts';
import { registerSession, releaseSession, takeDueSessions } from '../../src/db/ledger.ts';
import { recordDeliveries } from '../../src/db/record-deliveries.ts';
import { recordRefusals } from '../../src/db/refusals.ts';
import type { DeliveryId } from '../../src/events/event.ts';
import { defaultTemplate, type SigningKey, sign, signingKey } from '../../src/ilive/signature.ts';
import { reverifyRefusals } from '../../src/operations/admit-refusals.ts';
import { describeDelivery } from '../../src/operations/webhook-delivery.ts';
import { describePulled } from '../../src/reconcile/pulled-delivery.ts';
import { applyBatch, holdBatch } from '../../src/workers/apply-batch.ts';
import { translateDelivery } from '../../src/workers/translate-delivery.ts';
import { bodyOf, isVerdict, keyOf, type Message, receivedAtOf } from './messages.ts';
import { process as processNow, replayAll, rulesOf } from './replaying.ts';

export const acts = [
  ...(['tell', 'tell', 'tell', 'tell', 'tell-group', 'tell-and-lose', 'repeat', 'refuse', 'admit'] as const),
  ...(['process', 'process', 'process', 'two-workers', 'crash', 'replay', 'ask', 'end'] as const),
];

export interface Act {
  readonly do: (typeof acts)[number];
  /** Which of what there is, in any way of picking that the act has. */
  readonly pick: number;
}

const ignored = ['ignored.kind'];
const key: SigningKey = signingKey('the right secret', 'utf8');

/** Lives through the acts, and then until nothing is left to be told, admitted or processed. */
export async function live(db: Database, messages: readonly Message[], acted: readonly Act[]): Promise<void> {
  const life = createLife(db, messages);
  for (const act of acted) await life.act(act);
  await life.finish();
}

function createLife(db: Database, messages: readonly Message[]) {
  const untold = new Set(messages.keys());
  const refused = new Set<number>();
  const ids: DeliveryId[] = [];
  let repeatsCount = 0;

  const tell = async (indexes: readonly number[]) => {
    for (const index of indexes) untold.delete(index);
    for (const index of indexes) await register(db, messages, index);
    const recorded = await recordDeliveries(db, deliveriesOf(messages, indexes));
    ids.push(...recorded.map(({ id }) => id));
  };
  const process = (batch: readonly DeliveryId[]) => processNow(db, batch, { ignored });
  const admit = async () => {
    const deps = { ...admitting, now: () => new Date() };
    const request = { filter: {}, after: undefined, limit: 100, clockOffsetSeconds: 0 };
    const { deliveryIds } = await db.transaction((tx) => reverifyRefusals(tx, deps, request));
    refused.clear();
    ids.push(...deliveryIds);
  };

  const act = async ({ do: what, pick }: Act) => {
    const left = [...untold];
    const some = chosen(left, pick);
    switch (what) {
      case 'tell':
        return tell(some.slice(0, 1));
      case 'tell-group':
        return tell(some);
      case 'tell-and-lose':
        return rolledBack(db, (tx) => recordDeliveries(tx, deliveriesOf(messages, some)));
      case 'repeat': {
        repeatsCount += 1;
        const told = [...messages.keys()].filter((index) => !untold.has(index) && !refused.has(index));
        const at = new Date(receivedAtOf(messages.length).getTime() + repeatsCount);
        await recordDeliveries(db, deliveriesOf(messages, chosen(told, pick), at));
        return;
      }
      case 'refuse': {
        const index = some.find((each) => canBeRefused(messages[each]));
        if (index === undefined) return;
        untold.delete(index);
        refused.add(index);
        return refuse(db, messages, index);
      }
      case 'admit':
        return admit();
      case 'process':
        return process(chosen(ids, pick));
      case 'two-workers':
        await Promise.all([process(chosen(ids, pick)), process(chosen(ids, pick >> 2))]);
        return;
      case 'crash':
        return crash(db, chosen(ids, pick));
      case 'replay':
        await replayAll(db, { ignored, batch: (pick % 5) + 1 });
        return;
      case 'ask':
        return ask(db);
      case 'end':
        return end(db, messages, pick);
    }
  };

  const finish = async () => {
    await tell([...untold]);
    await admit();
    await process(ids);
  };
  return { act, finish };
}

const canBeRefused = (message: Message | undefined) =>
  message?.channel === 'webhook' && message.kind !== 'registration';

/** Some of the list in some order: one, several or all; nothing of nothing. */
function chosen<T>(list: readonly T[], pick: number): T[] {
  if (list.length === 0) return [];
  const first = pick % list.length;
  const count = 1 + (Math.floor(pick / list.length) % list.length);
  const some = Array.from({ length: count }, (_, index) => list[(first + index * 7) % list.length] as T);
  return [...new Set(some)];
}

function deliveriesOf(messages: readonly Message[], indexes: readonly number[], at?: Date): NewDelivery[] {
  return indexes.flatMap((index) => deliveryOf(messages, index, at ?? receivedAtOf(index)) ?? []);
}

function deliveryOf(messages: readonly Message[], index: number, receivedAt: Date): NewDelivery | undefined {
  const message = messages[index];
  if (message === undefined || message.kind === 'registration') return undefined;
  const id = uuidV7({ msecs: receivedAt.getTime() }) as DeliveryId;
  const body = bodyOf(message);
  if (message.channel === 'pull') return { ...describePulled(keyOf(message), body, receivedAt), id };
  const headers = headersOf(message, index);
  const isProven = message.channel === 'webhook';
  return describeDelivery({ id, account: message.account, headers, body, receivedAt, isProven });
}

function headersOf(message: Message, index: number): Record<string, string> {
  const timestamp = receivedAtOf(index).getTime() / 1_000;
  const { 'x-ilive-webhook-id': webhookId, ...signed } = sign(bodyOf(message), {
    key,
    template: defaultTemplate,
    timestamp,
    webhookId: `w-${index}`,
  });
  return message.hasId && webhookId !== undefined ? { ...signed, 'x-ilive-webhook-id': webhookId } : signed;
}

async function register(db: Database, messages: readonly Message[], index: number): Promise<void> {
  const message = messages[index];
  if (message?.kind !== 'registration') return;
  // Later than all that is received: nothing is processed before it was received, so nothing was registered meanwhile.
  const at = receivedAtOf(messages.length);
  const schedule = { expectedAt: at, expiresAt: new Date(at.getTime() + 600_000), nextPullAt: at };
  const known = { key: keyOf(message), referenceId: message.reference, token: null };
  const session = { ...known, ...schedule, dialect: 'reference' } as const;
  await db.transaction((tx) => registerSession(tx, session, () => at));
}

async function refuse(db: Database, messages: readonly Message[], index: number): Promise<void> {
  const message = messages[index];
  if (message === undefined) return;
  const headers = headersOf(message, index);
  const body = bodyOf(message);
  const receivedAt = receivedAtOf(index);
  const refusal = {
    id: uuidV7({ msecs: receivedAt.getTime() }),
    account: message.account,
    reason: 'signature_mismatch',
    address: '192.0.2.1',
    receivedAt,
    lastReceivedAt: receivedAt,
    requestSha256: createHash('sha256').update(String(index)).digest(),
    times: 1,
    headers: Buffer.from(JSON.stringify(headers)),
    body,
    isSealed: false,
    bodyBytes: body.length,
  };
  await recordRefusals(db, [refusal], { maxCount: 1_000, maxBytes: 1_000_000 });
}

const admitting = {
  cipher: undefined,
  keysOf: () => [key],
  noteMatch: () => {},
  template: defaultTemplate,
  toleranceSeconds: 300,
};

/** The batch is applied as a worker does it, to the end, and then nothing of it was committed. */
async function crash(db: Database, batch: readonly DeliveryId[]): Promise<void> {
  const rules = rulesOf({ ignored });
  const owed = await loadOwedDeliveries(db, batch, new Date());
  const translated = owed.map((delivery) => translateDelivery(delivery, rules.catalogue));
  await rolledBack(db, async (tx) => {
    const ground = await holdBatch(tx, translated);
    return applyBatch(tx, translated, ground, { now: () => new Date(), ledger: rules.ledger });
  });
}

class Killed extends Error {}

async function rolledBack(
  db: Database,
  work: (tx: Parameters<Parameters<Database['transaction']>[0]>[0]) => Promise<unknown>,
): Promise<void> {
  const dying = db.transaction(async (tx) => {
    await work(tx);
    throw new Killed();
  });
  await dying.catch((error: unknown) => {
    if (!(error instanceof Killed)) throw error;
  });
}

/** Somebody asks iLive about what is due and has no answer yet. */
async function ask(db: Database): Promise<void> {
  const now = new Date();
  const due = await takeDueSessions(db, { now, leaseMs: 1, shortLeaseMs: 1, lastChanceMs: 1, limit: 2 });
  for (const session of due) await releaseSession(db, session, { nextPullAt: now, isCounted: true, now });
}

/** A session whose verdict is still on its way is given up; the verdict wins all the same. */
async function end(db: Database, messages: readonly Message[], pick: number): Promise<void> {
  const message = chosen(messages.filter(isVerdict), pick)[0];
  if (message === undefined) return;
  await endSession(
    db,
    { ...keyOf(message), leaseUntil: null },
    { state: 'unrecoverable', reason: 'token_refused' },
    () => new Date(),
  );
}
