// Guarantee 2: Redis can be absent, stopped, flushed or killed; deliveries are accepted and processed all the same.
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { silent, startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

let redis: RedisServer;
let service: TestService | undefined;

beforeEach(async () => {
  redis = await startRedis();
});

afterEach(async () => {
  await service?.stop();
  service = undefined;
  await redis.stop();
});

async function deliverMany(count: number): Promise<string[]> {
  const payloads = Array.from({ length: count }, () => verdictPayload());
  const answers = await Promise.all(payloads.map((payload) => service?.deliver(payload)));
  expect(answers.map((answer) => answer?.status)).toEqual(payloads.map(() => 202));
  return payloads.map((payload) => payload.session_id);
}

async function expectSettled(sessionIds: readonly string[]): Promise<void> {
  await service?.settled();
  const rows = await service?.db.query({
    text: `select session_id from sessions where state = 'settled' and session_id = any($1)`,
    values: [sessionIds],
  });
  expect(rows).toHaveLength(sessionIds.length);
}

const start = () => startTestService({ env: { REDIS_URL: redis.url } });

test('guarantee 2: stopped before the start: accepted, processed meanwhile, and the queue joins when Redis is back', async () => {
  await redis.stop();
  service = await start();
  await expectSettled(await deliverMany(40));
  expect((await service.get('/readyz', null)).status).toBe(200);
  await redis.start();
  await expectSettled(await deliverMany(40));
});

test('guarantee 2: stopped in the middle and started again: nothing is lost', async () => {
  service = await start();
  const before = await deliverMany(40);
  await redis.kill();
  const during = await deliverMany(40);
  await expectSettled([...before, ...during]);
  await redis.start();
  await expectSettled(await deliverMany(40));
});

test('guarantee 2: flushed while deliveries are on their way: nothing is lost', async () => {
  service = await start();
  const client = new Redis(redis.url);
  try {
    const sessionIds: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const [delivered] = await Promise.all([deliverMany(20), client.flushall()]);
      sessionIds.push(...delivered);
    }
    await expectSettled(sessionIds);
  } finally {
    client.disconnect();
  }
});

test('a stop does not wait for a Redis that has gone', async () => {
  const late: string[] = [];
  const warn = (_: unknown, message?: string) => {
    if (message?.includes('longer than the grace period')) late.push(message);
  };
  service = await startTestService({
    env: { REDIS_URL: redis.url },
    overrides: { log: { ...silent, warn } as typeof silent },
  });
  await deliverMany(1);
  await redis.kill();
  await service.service.stop();
  expect(late).toEqual([]);
});

test('guarantee 9: what lies in Redis is ids, and nothing of what was delivered', async () => {
  service = await startTestService({ env: { REDIS_URL: redis.url, ROLE: 'receiver' } });
  const client = new Redis(redis.url);
  try {
    const readAll = async () => {
      let kept = '';
      for (const key of await client.keys('*')) {
        const type = await client.type(key);
        if (type === 'hash') kept += JSON.stringify(await client.hgetall(key));
        if (type === 'string') kept += await client.get(key);
        if (type === 'stream') kept += JSON.stringify(await client.xrange(key, '-', '+'));
      }
      return kept;
    };
    const ring = async () => {
      await service?.deliver(verdictPayload({ reference_id: 'canary-person' })); // a receiver does not ring again
      return (await readAll()).includes('ids');
    };
    await until(ring, { describe: 'the bell has been rung' });
    const kept = await readAll();
    expect(kept).not.toContain('canary');
  } finally {
    client.disconnect();
  }
});
