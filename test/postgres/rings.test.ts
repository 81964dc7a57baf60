// The doorbell on both backends: what is rung for is heard once, in jobs of at most a batch, and whoever rang for many
// learns of it only once all of them have been rung for, or that some may not have been.
import { expect, inject, onTestFinished, test } from 'vitest';
import { createDeliveryIds } from '../../src/http/delivery-id.ts';
import { type Announcer, createAnnouncer } from '../../src/queue/announce.ts';
import { createQueueBackend, type QueueBackend } from '../../src/queue/backend.ts';
import { consume } from '../../src/queue/consume.ts';
import { silent } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';

const testDatabase = useTestDatabase();

async function hang(
  redisUrl: string | undefined,
  databaseUrl = testDatabase.url,
): Promise<{ announcer: Announcer; backend: QueueBackend }> {
  const prefix = `rings-${process.pid}-${redisUrl === undefined ? 'postgres' : 'redis'}`;
  const backend = createQueueBackend({ redisUrl, databaseUrl, prefix, log: silent });
  const announcer = createAnnouncer(backend, {
    batchMaxIds: 50,
    lateAfterMs: 60_000,
    now: () => new Date(),
    timeoutMs: 20_000,
    log: silent,
    onFailure: () => {},
  });
  onTestFinished(async () => {
    await announcer.close();
    await backend.disconnect();
  });
  await announcer.opened;
  return { announcer, backend };
}

test.for(['Postgres', 'Redis'])(
  'one who rings for many waits until the last has been rung for, on %s',
  async (kind) => {
    const { announcer, backend } = await hang(kind === 'Redis' ? inject('redisUrl') : undefined);
    const newId = createDeliveryIds();
    const many = Array.from({ length: 230 }, newId);
    const few = Array.from({ length: 30 }, () => Array.from({ length: 7 }, newId));

    const heardMany = announcer.announce(many);
    const heardFew = few.map((ids) => announcer.announce(ids));
    await expect(heardMany).resolves.toBe(true);
    const { waiting } = await announcer.inspect();
    expect(waiting).toBeGreaterThanOrEqual(Math.ceil(many.length / 50));
    await expect(Promise.all(heardFew)).resolves.toEqual(few.map(() => true));
    // Full jobs but for the last one.
    const all = [...many, ...few.flat()];
    await expect(announcer.inspect()).resolves.toMatchObject({ waiting: Math.ceil(all.length / 50) });

    const jobs: string[][] = [];
    const consumer = consume(backend, async (ids) => void jobs.push([...ids]), {
      lane: 'live',
      concurrency: 1,
      log: silent,
    });
    await until(() => jobs.flat().length >= all.length);
    await consumer.close();
    expect(jobs.flat().toSorted()).toEqual(all.toSorted());
    expect(Math.max(...jobs.map((ids) => ids.length))).toBe(50);
  },
);

test('of a ring that fails nothing is left for the next one', async () => {
  const { db } = testDatabase;
  const { announcer } = await hang(undefined);
  const newId = createDeliveryIds();
  await db.query({ text: 'alter table bullmq.job rename to job_away' });
  const many = Array.from({ length: 230 }, newId);
  await expect(announcer.announce(many)).resolves.toBe(false);
  await db.query({ text: 'alter table bullmq.job_away rename to job' });
  const before = (await announcer.inspect()).waiting ?? 0;
  // With anything that was left it would be more than one job.
  await expect(announcer.announce(Array.from({ length: 45 }, newId))).resolves.toBe(true);
  await expect(announcer.inspect()).resolves.toMatchObject({ waiting: before + 1 });
});

test('a queue in Postgres rings whatever the address asks of its sessions', async () => {
  const url = new URL(testDatabase.url);
  url.searchParams.set('options', '-c search_path=public');
  url.searchParams.set('statement_timeout', '1');
  url.searchParams.set('query_timeout', '1');
  const { announcer, backend } = await hang(undefined, url.href);
  const id = createDeliveryIds()();
  await expect(announcer.announce([id])).resolves.toBe(true);
  const heard: string[] = [];
  const consumer = consume(backend, async (ids) => void heard.push(...ids), {
    lane: 'live',
    concurrency: 1,
    log: silent,
  });
  await until(() => heard.includes(id));
  await consumer.close();
});
