// Closing the queue while its store is away: what is at work is waited for, the store is not, and nothing of ours goes on
// calling it.
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { newId, useTestQueue } from '../support/test-queue.ts';
import { until } from '../support/until.ts';

const { undo, openQueue, startOne, ask } = useTestQueue();

test('a consumer whose Redis has gone is closed once what is at work is done', async () => {
  const redis = await startOne();
  const queue = openQueue(redis.url);
  const gate = Promise.withResolvers<void>();
  const happened: string[] = [];
  const consumer = queue.consume(async () => {
    happened.push('begun');
    await gate.promise;
    happened.push('done');
  });
  undo.push(() => gate.resolve());
  await queue.announcer.opened;
  await queue.announcer.announce([newId()]);
  await until(() => happened.length === 1);
  await redis.kill();
  void consumer.close().then(() => happened.push('closed'));
  await queue.announcer.announce([newId()]); // takes its whole time
  expect(happened).toEqual(['begun']);
  gate.resolve();
  await until(() => happened.length === 3, { describe: 'it is closed' });
  expect(happened).toEqual(['begun', 'done', 'closed']);
});

test('a consumer that is being opened anew is closed without its Redis', async () => {
  const redis = await startOne();
  const queue = openQueue(redis.url);
  await queue.announcer.opened;
  await ask(redis).config('SET', 'maxmemory', '1');
  const consumer = queue.consume(async () => {});
  await until(() => queue.thrownAway > 0);
  await redis.kill();
  // Each takes its whole time, and after the first a new one is being opened.
  for (let count = 0; count < 2; count += 1) await queue.announcer.announce([newId()]);
  let isClosed = false;
  void consumer.close().then(() => {
    isClosed = true;
  });
  await until(() => isClosed);
});

test('a store that was never there is not called any more once it is given up', async () => {
  let callCount = 0;
  const door = createServer((caller) => {
    callCount += 1;
    caller.destroy();
  });
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  undo.push(() => door.close());
  const queue = openQueue(`redis://127.0.0.1:${(door.address() as AddressInfo).port}`);
  const consumer = queue.consume(async () => {});
  await until(() => callCount > 3);
  await consumer.close();
  await queue.backend.disconnect();
  const before = callCount;
  // What was on its way may still come; each would call again within two seconds, and again.
  const isCalled = until(() => callCount > before + 3, { deadlineMs: 2_500 });
  await expect(isCalled).rejects.toThrow();
});

test('a bell of a store that is given up is never said to hang', async () => {
  const { announcer, backend } = openQueue(undefined, 'postgres://nobody@127.0.0.1:1/nothing');
  let hasOpened = false;
  void announcer.opened.then(() => {
    hasOpened = true;
  });
  await backend.disconnect();
  await new Promise((resolve) => setImmediate(resolve));
  expect(hasOpened).toBe(false);
});
