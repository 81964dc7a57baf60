// The receiver's part of the composition root: the front door with its group commit, and what the API needs to put
// sessions into the ledger.
import { defaultAccount } from './config.ts';
import type { Database } from './db/connect.ts';
import { recordDeliveries } from './db/deliveries.ts';
import type { ExpectDependencies } from './http/api.ts';
import { createGroupCommit, type GroupCommit } from './http/group-commit.ts';
import type { ReceiveDependencies } from './http/receive-webhook.ts';
import type { IliveClient } from './ilive/client.ts';
import { createRefusalKeeper } from './operations/keep-refusals.ts';
import type { SecretRing } from './operations/signing-secrets.ts';
import type { Announcer } from './queue/announce.ts';
import { schedule } from './queue/schedule.ts';
import { firstPullAt } from './reconcile/overdue.ts';
import type { Running } from './running.ts';
import { createTokenCipher, ledgerRulesOf } from './service-vendor.ts';

const refusalsIntervalMs = 1_000;

export function createReceiver(
  running: Running,
  { db, refusalDb, ring }: { readonly db: Database; readonly refusalDb: Database; readonly ring: SecretRing },
  announcer: Announcer,
): ReceiveDependencies {
  const { config, log, metrics, now, undo } = running;
  const group: GroupCommit = createGroupCommit({
    record: (deliveries) => recordDeliveries(db, deliveries),
    announce: (ids) => void announcer.announce(ids),
    groupMaxDeliveries: config.receive.groupMaxDeliveries,
    queueMaxDeliveries: config.receive.groupQueueMaxDeliveries,
    onCommit: (count, seconds) => {
      metrics.groupDeliveries.observe(count);
      metrics.commitSeconds.observe(seconds);
    },
  });
  undo.push({ name: 'group commit', run: () => group.drain() });
  return {
    keysOf: ring.keysOf,
    onMatched: ring.noteMatch,
    defaultAccount,
    takesUnsigned: config.ledger.confirm === 'unsigned',
    template: config.receive.template,
    toleranceSeconds: config.receive.toleranceSeconds,
    bodyLimitBytes: config.receive.bodyLimitBytes,
    store: (delivery) => group.store(delivery),
    keepRefusal: startRefusals(running, refusalDb),
    now,
    log,
    onReceived: (isRepeat) => metrics.received.inc({ result: isRepeat ? 'repeat' : 'new' }),
    onRefused: (reason) => metrics.refused.inc({ reason }),
  };
}

// A connection of its own, and never the request's turn: what is refused must not slow what is signed.
function startRefusals(running: Running, db: Database): ReceiveDependencies['keepRefusal'] {
  const { config, log, metrics, undo } = running;
  const keeper = createRefusalKeeper({
    ...config.refusals,
    db,
    cipher: createTokenCipher(running),
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
  const { config, now } = running;
  const { plan, sessionTtlMs } = ledgerRulesOf(running);
  return {
    db,
    client,
    cipher: createTokenCipher(running),
    dialect: config.vendor.dialect,
    defaultAccount,
    // The default one is there without any secret: its verdicts can be pulled.
    accounts: () => [...new Set([defaultAccount, ...ring.accounts()])],
    webhookUrl: config.vendor.webhookUrl,
    sessionTtlMs,
    firstPullAt: (startedAt, expiresAt) => firstPullAt(startedAt, expiresAt, plan),
    now,
  };
}
