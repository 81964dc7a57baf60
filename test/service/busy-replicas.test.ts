// Replicas and a primary whose connections are all at work: busy is not away, and it is still known how far the replicas lag.
// The primary itself is listed as the replica.
import { expect, inject, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { startTestService } from '../support/service.ts';
import { until } from '../support/until.ts';

const poolMax = 2;

test('guarantee 19: a replica that is busy keeps its reads and is asked on; one read that finds no place is the primary’s', async () => {
  const database = await createTestDatabase(inject('postgresUrl'));
  const service = await startTestService({
    databaseUrl: database.url,
    env: {
      DATABASE_READ_URL: database.url,
      DATABASE_READ_MAX_LAG_SECONDS: '3', // it is looked at once a second, and a look takes a while
      DATABASE_POOL_MAX: String(poolMax),
    },
  });
  const figure = async (name: string) => {
    const { body } = await service.get('/metrics', null);
    return Number(new RegExp(`^ilive_replica_${name}\\S* (\\S+)$`, 'm').exec(body)?.[1]);
  };
  const count = async (condition: string) => {
    const [row] = await service.db.query<{ count: number }>({
      text: `select count(*)::int from pg_stat_activity where datname = current_database() and ${condition}`,
    });
    return row?.count;
  };
  const waiting = (pool: string) =>
    count(`application_name = 'ilive-webhooks ${pool}' and wait_event_type = 'Lock'`);
  try {
    await until(async () => (await figure('usable')) === 1);
    const reads = await service.db.transaction(async (tx) => {
      await tx.query({ text: 'lock table face_matches in access exclusive mode' });
      const asked = Array.from({ length: poolMax + 1 }, () => service.get('/v1/face-matches'));
      await until(async () => (await waiting('replica')) === poolMax && (await waiting('lookup')) === 1);
      // For longer than a replica may lag, both have nobody free who could look.
      const [{ now } = { now: '' }] = await tx.query<{ now: string }>({
        text: 'select clock_timestamp()::text as now',
      });
      await until(() =>
        count(
          `application_name = 'ilive-webhooks lookup check' and query_start > '${now}'::timestamptz + '4 s'`,
        ),
      );
      expect(await waiting('replica')).toBe(poolMax);
      expect([await figure('usable'), await figure('reads_moved_total')]).toEqual([1, 1]);
      return asked;
    });
    expect((await Promise.all(reads)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await figure('reads_moved_total')).toBe(1);
  } finally {
    await service.stop();
    await database.drop();
  }
});
