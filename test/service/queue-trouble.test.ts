// A queue whose store answers and is of no use, or does not answer at all: what we say of it, and that rings are heard again
// once it is well.
import { expect, inject, test } from 'vitest';
import { createTestDatabase, runAsAdmin } from '../support/database.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { countHeard, newId, untilHeard, useTestQueue } from '../support/test-queue.ts';
import { until } from '../support/until.ts';

const { undo, openQueue, startOne, ask } = useTestQueue();

test('a Redis that a failover has demoted is told of, and left for the new master', async () => {
  const master = await startOne();
  const next = await startOne();
  const target = { host: '127.0.0.1', port: master.port };
  const wire = await startTcpProxy(target);
  undo.push(wire.close);
  const queue = openQueue(`redis://127.0.0.1:${wire.port}`);
  const heard = countHeard(queue);
  await queue.announcer.opened;
  await untilHeard(heard);

  // The name still leads to the old one.
  await ask(master).call('REPLICAOF', '127.0.0.1', String(next.port));
  await until(async () => (await queue.announcer.inspect()).trouble === 'read_only');
  await expect(queue.announcer.inspect()).resolves.toMatchObject({ isUp: false });
  await expect(queue.announcer.announce([newId()])).resolves.toBe(false);

  target.port = next.port;
  await untilHeard(heard);
  await until(async () => (await queue.announcer.inspect()).isUp);
});

test('a Redis that our own rings have filled is told of, and emptied for new ones once a worker is there', async () => {
  const redis = await startOne();
  const queue = openQueue(redis.url);
  await queue.announcer.opened;
  const look = ask(redis);
  const used = Number(/used_memory:(\d+)/.exec(await look.info('memory'))?.[1]);
  await look.config('SET', 'maxmemory', used + 2 * 2 ** 20);
  const fill = async () => {
    if (await queue.announcer.announce(Array.from({ length: 1_000 }, newId))) return false;
    // It is also false where the answer came late.
    const { isUp, trouble } = await queue.announcer.inspect();
    return !isUp && trouble === 'full';
  };
  await until(fill, { describe: 'it is full' });

  const heard = countHeard(queue);
  await untilHeard(heard);
  await until(async () => (await queue.announcer.inspect()).isUp);
  expect(queue.warned.filter((line) => line.includes('connecting anew'))).toHaveLength(1);
});

test('guarantee 9: why a batch failed stands in the log, and not in Redis', async () => {
  const redis = await startOne();
  const queue = openQueue(redis.url);
  queue.consume(() => Promise.reject(new Error('canary of the database')));
  await queue.announcer.opened;
  await until(() => queue.announcer.announce([newId()]));
  await until(() => queue.warned.some((line) => line.startsWith('a batch failed')));
  expect(queue.warned.join()).toContain('canary of the database');
  const look = ask(redis);
  const events = () => look.xrange('{trouble}:deliveries:events', '-', '+');
  await until(async () => JSON.stringify(await events()).includes('failedReason'));
  expect(JSON.stringify(await events())).not.toContain('canary');
});

test('where nobody hears them, rings stop at a bound, and go on once somebody does', async () => {
  const redis = await startOne();
  const queue = openQueue(redis.url, '', 1);
  await queue.announcer.opened;
  await queue.announcer.announce(Array.from({ length: 2_100 }, newId));
  const lookOnceRefused = async () => {
    if (await queue.announcer.announce([newId()])) return undefined;
    // It is also false where the answer came late.
    const facts = await queue.announcer.inspect();
    return facts.isUp && facts.trouble === 'crowded' ? facts : undefined;
  };
  const { waiting } = await until(lookOnceRefused, { describe: 'no more are sent' });
  expect(waiting).toBeLessThan(2_200);

  const heard = countHeard(queue, 50);
  await until(async () => (await queue.announcer.inspect()).trouble === null);
  await untilHeard(heard);
});

test('however often one looks at a Redis that is away, one look of them all waits for it', async () => {
  const redis = await startOne();
  const queue = openQueue(redis.url);
  await queue.announcer.opened;
  await redis.kill();
  const looks = await Promise.all(Array.from({ length: 200 }, () => queue.announcer.inspect()));
  expect(new Set(looks.map(({ isUp, trouble }) => `${isUp} ${trouble}`))).toEqual(new Set(['false away']));
  await redis.start();
  await until(async () => (await queue.announcer.inspect()).isUp);
  const stats = await ask(redis).info('commandstats');
  const calls = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].map(([, count]) => Number(count));
  // Two lanes, and a few looks until it was up.
  expect(calls.reduce((sum, count) => sum + count, 0)).toBeLessThan(100);
});

test('what a worker had at work when it was thrown away counts against the next one, until it is taken to be stuck', async () => {
  const database = await createTestDatabase(inject('postgresUrl'));
  undo.push(database.drop);
  const queue = openQueue(undefined, database.url);
  const concurrency = 12;
  const gates = Array.from({ length: 2 * concurrency }, () => Promise.withResolvers<void>());
  const release = (from: number) => {
    for (const gate of gates.slice(from)) gate.resolve();
  };
  let begunCount = 0;
  let atWork = 0;
  queue.consume(async () => {
    const gate = gates[begunCount];
    begunCount += 1;
    atWork += 1;
    await gate?.promise;
    atWork -= 1;
  }, concurrency);
  undo.push(() => release(0));
  await queue.announcer.opened;
  const announceAll = async () => {
    for (let count = 0; count < concurrency; count += 1)
      await until(() => queue.announcer.announce([newId()]));
  };
  await announceAll();
  await until(() => atWork === concurrency);

  await runAsAdmin(database.url, 'alter schema bullmq rename to gone');
  for (const gate of gates.slice(1, concurrency)) gate.resolve(); // none of these can be ended: more than ten errors at once
  await until(() => queue.thrownAway > 0);
  await runAsAdmin(database.url, 'alter schema gone rename to bullmq');
  await announceAll();
  // Time enough for the next one to take as many as it may alone.
  await expect(until(() => atWork > concurrency, { deadlineMs: 2_500 })).rejects.toThrow();
  release(concurrency); // all but the first
  // A ring that the old one took while it was closed is lost, so one rings again, as the sweep does.
  const isPassed = async () => {
    await queue.announcer.announce([newId()]);
    return begunCount >= 2 * concurrency;
  };
  await until(isPassed, { describe: 'the next one takes them' });
});

test('a Redis that refuses our password is named in the log, without the password', async () => {
  const redis = await startOne();
  await ask(redis).config('SET', 'requirepass', 'the-right-one');
  const queue = openQueue(redis.url.replace('redis://', 'redis://:the-wrong-one@'));
  const saysWhy = (line: string) => line.includes('WRONGPASS');
  await until(() => queue.warned.some(saysWhy));
  await expect(queue.announcer.announce([newId()])).resolves.toBe(false);
  expect(queue.warned.filter(saysWhy).some((line) => line.startsWith('the queue takes no rings'))).toBe(true);
  expect(queue.warned.join('\n')).not.toContain('-one');
  await expect(queue.announcer.inspect()).resolves.toMatchObject({ trouble: 'credentials_refused' });

  const without = openQueue(redis.url);
  await until(() => without.warned.some((line) => line.includes('NOAUTH')));
});

test('a Redis whose user may not do what a queue needs is named in the log', async () => {
  const redis = await startOne();
  await ask(redis).acl('SETUSER', 'queue', 'on', '>pw', '~*', '&*', '+@all', '-@dangerous');
  const queue = openQueue(redis.url.replace('redis://', 'redis://queue:pw@'));
  await until(() => queue.warned.some((line) => line.startsWith('Redis and we') && line.includes('NOPERM')));
  // Also at the moment in which it is connected to anew.
  for (let looks = 0; looks < 500; looks += 1) {
    await expect(queue.announcer.inspect()).resolves.toMatchObject({ trouble: 'credentials_refused' });
    await new Promise(setImmediate);
  }

  await ask(redis).acl('SETUSER', 'queue', '+info');
  await until(async () => (await queue.announcer.inspect()).isUp);
});

test('a database that a Redis does not have is told of, and no other is taken in its place', async () => {
  const redis = await startOne();
  const queue = openQueue(`${redis.url}/99`);
  await until(async () => (await queue.announcer.inspect()).trouble === 'refused');
  await expect(queue.announcer.announce([newId()])).resolves.toBe(false);
  expect(queue.warned.join('\n')).toContain('DB index is out of range');
  await expect(ask(redis).dbsize()).resolves.toBe(0);
});
