// A backlog, made fast: what stands in the stores after so many deliveries were accepted and nobody was there to process
// them. Each contender gets it through the fastest door of its own library, and in the very form in which a request of its
// would have left it.
import { Queue } from 'bullmq';
import { makeWorkerUtils } from 'graphile-worker';
import { PgBoss } from 'pg-boss';
import { v7 as uuidV7 } from 'uuid';
import { keys } from '../src/config-keys.ts';
import { migrate } from '../src/db/migrate.ts';
import { createBodyPartitions } from '../src/db/partitions.ts';
import { recordDeliveries } from '../src/db/record-deliveries.ts';
import type { DeliveryId } from '../src/events/event.ts';
import { webhookIdHeader } from '../src/ilive/signature.ts';
import { createLog } from '../src/log.ts';
import { describeDelivery } from '../src/operations/webhook-delivery.ts';
import { createAnnouncer } from '../src/queue/announce.ts';
import { createQueueBackend } from '../src/queue/backend.ts';
import type { Received } from './contenders/express-route.ts';
import { bossQueue, graphileTask, tutorialQueue } from './contenders/queue-names.ts';
import { createSigner } from './deliveries-to-send.ts';
import type { Place } from './stores.ts';

const groupDeliveries = 1_000;
const announceTimeoutMs = 60_000;

/** Fills the place with so many; resolves once the store has them all. */
export type Fill = (place: Place, count: number) => Promise<void>;

/** Stored and rung for, as the service does it; `prefix` is that of its queue. */
export async function fillOurs(
  { databaseUrl, db, secret }: Place,
  count: number,
  { redisUrl, prefix }: { readonly redisUrl: string | undefined; readonly prefix: string },
): Promise<void> {
  await migrate(databaseUrl);
  // As the service that took them would have: else their bodies would be where no day is.
  await createBodyPartitions(db, new Date(), 1);
  const log = createLog('silent');
  const backend = createQueueBackend({ redisUrl, databaseUrl, prefix, log });
  const { announce, opened, close } = createAnnouncer(backend, {
    batchMaxIds: Number(keys.BATCH_MAX_DELIVERIES.defaultText),
    lateAfterMs: Number(keys.LATE_AFTER_SECONDS.defaultText) * 1_000,
    now: () => new Date(),
    timeoutMs: announceTimeoutMs,
    log,
    onFailure: () => {},
  });
  try {
    await opened;
    const signDelivery = createSigner('ilive', secret);
    for (const size of groupsOf(count)) {
      const group = Array.from({ length: size }, () => {
        const { headers, body } = signDelivery();
        const id = uuidV7() as DeliveryId;
        const common = { account: 'default', receivedAt: new Date(), isProven: true };
        return describeDelivery({ ...common, id, headers, body });
      });
      const recorded = await recordDeliveries(db, group);
      if (!(await announce(recorded.map(({ id }) => id)))) throw new Error('the queue did not take the ring');
    }
  } finally {
    await close();
    await backend.disconnect();
  }
}

export const fillTutorial: Fill = async ({ redisUrl, secret }, count) => {
  if (redisUrl === undefined) throw new Error('the tutorial needs a Redis');
  const queue = new Queue<Received>(tutorialQueue, {
    connection: { url: redisUrl, maxRetriesPerRequest: null },
    defaultJobOptions: { attempts: 3, removeOnComplete: true, removeOnFail: 1_000 },
  });
  const receive = createReceiving(secret);
  for (const size of groupsOf(count)) {
    await queue.addBulk(Array.from({ length: size }, () => ({ name: 'event', data: receive() })));
  }
  await queue.close();
};

export const fillBoss: Fill = async ({ databaseUrl, secret }, count) => {
  const boss = new PgBoss({ connectionString: databaseUrl, max: 2 });
  await boss.start();
  await boss.createQueue(bossQueue);
  const receive = createReceiving(secret);
  for (const size of groupsOf(count)) {
    await boss.insert(
      bossQueue,
      Array.from({ length: size }, () => ({ data: receive() })),
    );
  }
  await boss.stop({ graceful: false });
};

export const fillGraphile: Fill = async ({ databaseUrl, secret }, count) => {
  const utils = await makeWorkerUtils({ connectionString: databaseUrl });
  await utils.migrate();
  const receive = createReceiving(secret);
  for (const size of groupsOf(count)) {
    await utils.addJobs(
      Array.from({ length: size }, () => ({ identifier: graphileTask, payload: receive() })),
    );
  }
  await utils.release();
};

function createReceiving(secret: string): () => Received {
  const signDelivery = createSigner('ilive', secret);
  return () => {
    const { headers, body } = signDelivery();
    const text = body.toString();
    return { webhookId: headers[webhookIdHeader] ?? '', text, payload: JSON.parse(text) };
  };
}

function groupsOf(count: number): number[] {
  const full = Array.from({ length: Math.floor(count / groupDeliveries) }, () => groupDeliveries);
  return count % groupDeliveries === 0 ? full : [...full, count % groupDeliveries];
}
