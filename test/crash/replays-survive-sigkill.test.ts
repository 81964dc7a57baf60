// A replay whose process is killed in the middle goes on by itself, with the next process that has its chance, and neither
// skips a delivery nor counts one twice.
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { connectTo } from '../support/connect-to.ts';
import { createTestDatabase } from '../support/database.ts';
import { operatorOf } from '../support/operator.ts';
import { process as processNow, store } from '../support/replaying.ts';
import { verdictPayload } from '../support/service.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { until } from '../support/until.ts';

const deliveryCount = 2_000;
const kills = 2;
// Starting, and the lease of the process that was killed.
const goesOnWithinMs = 25_000;

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: ServiceProcess | undefined;

beforeEach(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
});

afterEach(async () => {
  await running?.end('SIGKILL');
  await database.drop();
});

test('guarantee 14: killed with SIGKILL in the middle, twice: each delivery is replayed and counted once', {
  timeout: 150_000,
}, async () => {
  const db = connectTo(database.url);
  try {
    const payloads = Array.from({ length: deliveryCount }, () =>
      verdictPayload({ event: 'verdict.of.tomorrow' }),
    );
    const ids = await store(db, payloads);
    for (let at = 0; at < ids.length; at += 200) await processNow(db, ids.slice(at, at + 200));
    const start = async () => {
      running = await startServiceProcess({
        DATABASE_URL: database.url,
        ILIVE_KIND_ALIASES: '{"verdict.of.tomorrow":"liveness.verdict"}',
        REPLAY_BATCH_DELIVERIES: '20',
        REPLAY_MAX_PER_SECOND: '600',
      });
      return operatorOf(running.url);
    };
    let service = await start();
    const request = { filter: {}, confirm: deliveryCount, why: 'learnt' };
    const { body: begun } = await service.ops('POST', '/replays', request);
    const seen = async () => (await service.ops('GET', `/replays/${begun.replay_id}`)).body;
    const limits = { deadlineMs: goesOnWithinMs };
    for (let kill = 1; kill <= kills; kill += 1) {
      const { replayed } = await seen();
      await until(async () => (await seen()).replayed > replayed + 300, limits);
      await running?.end('SIGKILL');
      // The lease of the first runs out by itself, and what goes on then is killed in its turn; that lease need not be waited for.
      if (kill > 1) await db.query({ text: 'update replays set lease_until = now()' });
      service = await start();
      expect((await seen()).state).toBe('running');
    }
    const done = await until(async () => {
      const replay = await seen();
      return replay.state === 'done' ? replay : undefined;
    }, limits);
    expect(done).toMatchObject({ replayed: deliveryCount, failed: 0, outcomes: { done: deliveryCount } });
    expect(done.changes).toEqual({
      deliveries: { created: 0, updated: deliveryCount },
      sessions: { created: deliveryCount, updated: 0 },
      observations: { created: deliveryCount, updated: 0 },
    });
    // Once when it was parked, and once by the replay.
    expect(
      await db.query({ text: 'select state, decision, attempts, count(*) from deliveries group by 1, 2, 3' }),
    ).toEqual([{ state: 'done', decision: 'settle', attempts: 2, count: String(deliveryCount) }]);
  } finally {
    await db.close();
  }
});
