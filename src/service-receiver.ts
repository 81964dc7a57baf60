// The receiver's part of the composition root: the front door with its group commit, and what the API needs to put
// sessions into the ledger.
import { defaultAccount } from './config.ts';
import type { Database } from './db/connect.ts';
import { createRecorder } from './db/record-deliveries.ts';
import { unlessRefused } from './db/trouble.ts';
import { ServiceError } from './errors.ts';
import { type Admission, createAdmission, shedReasons, watchLoop } from './http/admission.ts';
import type { ExpectDependencies } from './http/api.ts';
import { watchCommits } from './http/commit-watch.ts';
import { createDeliveryIds } from './http/delivery-id.ts';
import { createGroupCommit, type GroupCommit } from './http/group-commit.ts';
import type { HealthDependencies } from './http/health.ts';
import type { ReceiveDependencies } from './http/receive-webhook.ts';
import type { IliveClient } from './ilive/client.ts';
import type { Log } from './log.ts';
import { addLoopDelay, beginAtZero } from './metrics.ts';
import { createRefusalKeeper } from './operations/keep-refusals.ts';
import { refusalReasons } from './operations/refusal-reasons.ts';
import type { SecretRing } from './operations/signing-secrets.ts';
import type { OutageSight } from './outage/outage.ts';
import type { Announcer } from './queue/announce.ts';
import { confirmedBy, firstPullAt } from './reconcile/overdue.ts';
import type { Running } from './running.ts';
import { schedule } from './schedule.ts';
import { createSeldom } from './seldom.ts';
import { startOutage } from './service-outage.ts';
import { ledgerRulesOf } from './service-vendor.ts';
import { within } from './within.ts';

const refusalsIntervalMs = 1_000;
const unstoredLogIntervalMs = 1_000;
const refusedReasons = [
  ...refusalReasons,
  'connection_aborted',
  'body_too_large',
  'overloaded',
  'unavailable',
  'internal',
];

interface ReceiverParts {
  readonly db: Database;
  readonly refusalDb: Database;
  readonly ring: SecretRing;
}

export interface ReceiverDoor {
  readonly receive: ReceiveDependencies;
  readonly lookAtOutage: () => OutageSight;
  readonly commits: HealthDependencies['commits'];
}

export async function createReceiver(
  running: Running,
  { db, refusalDb, ring }: ReceiverParts,
  announcer: Announcer,
): Promise<ReceiverDoor> {
  const { config, log, metrics, now, clock, undo } = running;
  const recordGroup = createRecorder(db, now);
  const { commitTimeoutMs } = config.receive;
  // Postgres cancels a statement in time; this is for one that does not answer at all. What becomes of its statement nobody
  // knows then, and recording it again changes nothing.
  const tooLate = () =>
    new ServiceError('unavailable', `Postgres did not commit within ${commitTimeoutMs} ms`);
  const announce = (ids: readonly string[]) => void announcer.announce(ids);
  const commits = watchCommits(
    (deliveries) =>
      within(commitTimeoutMs, recordGroup(deliveries), tooLate).catch((error: unknown) => {
        throw unlessRefused(error);
      }),
    announce,
  );
  beginAtZero(metrics.received, 'result', ['new', 'repeat']);
  beginAtZero(metrics.refused, 'reason', refusedReasons);
  beginAtZero(metrics.shed, 'reason', shedReasons);
  const outage = await startOutage(running, async (deliveries) => {
    // All of them: one that turns out to be recorded already may never have been rung for.
    announce((await commits.record(deliveries)).map(({ id }) => id));
  });
  const group: GroupCommit = createGroupCommit({
    record: commits.record,
    outage: outage.line,
    announce,
    groupMaxDeliveries: config.receive.groupMaxDeliveries,
    queueMaxDeliveries: config.receive.groupQueueMaxDeliveries,
    onCommit: (count, seconds) => {
      metrics.groupDeliveries.observe(count);
      metrics.commitSeconds.observe(seconds);
    },
  });
  undo.push({ name: 'group commit', run: () => group.drain() });
  const receive = {
    ...signingOf(running, ring),
    bodyLimitBytes: config.receive.bodyLimitBytes,
    admission: startAdmission(running, group),
    store: group.store,
    keepRefusal: startRefusals(running, refusalDb, ring),
    newId: createDeliveryIds(() => now().getTime()),
    now,
    wall: clock.wall,
    onUnstored: tellUnstored(log),
    onReceived: (isRepeat: boolean) => metrics.received.inc({ result: isRepeat ? 'repeat' : 'new' }),
    onRefused: (reason: string) => metrics.refused.inc({ reason }),
  };
  // While the store is drained that finds out, and nothing may overtake what lies there.
  const tryAgain = async () => outage.look().since === null && commits.tryAgain();
  return { receive, lookAtOutage: outage.look, commits: { canCommit: commits.canCommit, tryAgain } };
}

// There may be thousands a second, and each says the same.
function tellUnstored(log: Log): ReceiveDependencies['onUnstored'] {
  const countUnstored = createSeldom(unstoredLogIntervalMs);
  return (err, traceId) => {
    const count = countUnstored();
    if (count === undefined) return;
    log.error(
      { err, count, traceId },
      'signed deliveries could not be stored; the vendor was asked to try again',
    );
  };
}

function signingOf({ config }: Running, ring: SecretRing) {
  return {
    keysOf: ring.keysOf,
    hasUnopened: (account: string) => ring.missingKeysOf(account).length > 0,
    onMatched: ring.noteMatch,
    defaultAccount,
    takesUnsigned: config.ledger.confirm === 'unsigned',
    template: config.receive.template,
    toleranceSeconds: config.receive.toleranceSeconds,
  };
}

function startAdmission({ config, metrics, undo }: Running, group: GroupCommit): Admission {
  const loop = watchLoop();
  undo.push({ name: 'event loop watch', run: async () => loop.stop() });
  addLoopDelay(metrics.registry, loop.delayMs);
  return createAdmission({
    ...config.admission,
    isQueueFull: group.isFull,
    expectedWaitMs: group.expectedWaitMs,
    loopDelayMs: loop.delayMs,
    onShed: (reason) => metrics.shed.inc({ reason }),
  });
}

// A connection of its own, and never the request's turn: what is refused must not slow what is signed.
function startRefusals(running: Running, db: Database, ring: SecretRing): ReceiveDependencies['keepRefusal'] {
  const { config, cipher, log, metrics, undo } = running;
  const keeper = createRefusalKeeper({
    ...config.refusals,
    db,
    cipher,
    isKnown: ring.isKnown,
    log,
    onDropped: (count) => metrics.refusalsDropped.inc(count),
  });
  const task = schedule('refusals', refusalsIntervalMs, async () => void (await keeper.store()), log);
  undo.push({
    name: 'refusals',
    run: async () => {
      await task.stop();
      while (await keeper.store());
    },
  });
  return (request) => keeper.keep(request);
}

export function createExpectation(
  running: Running,
  {
    db,
    ring,
    client,
  }: {
    readonly db: Database;
    readonly ring: Pick<SecretRing, 'accounts'>;
    readonly client: IliveClient | undefined;
  },
): ExpectDependencies {
  const { config, cipher, now } = running;
  const { plan, sessionTtlMs, confirm } = ledgerRulesOf(running);
  return {
    db,
    client,
    cipher,
    dialect: config.vendor.dialect,
    defaultAccount,
    // The default one is there without any secret: its verdicts can be pulled.
    accounts: () => [...new Set([defaultAccount, ...ring.accounts()])],
    webhookUrl: config.vendor.webhookUrl,
    sessionTtlMs,
    firstPullAt: (startedAt, expiresAt) => firstPullAt(startedAt, expiresAt, plan),
    confirmed: confirmedBy(confirm),
    now,
  };
}
