// A bell and consumers on a store that a test may take away from them: what they warn of is noted, and everything is undone
// at the end of the test, the last first.
import { Redis } from 'ioredis';
import { createDeliveryIds } from '../../src/http/delivery-id.ts';
import { type Announcer, createAnnouncer } from '../../src/queue/announce.ts';
import { createQueueBackend, type QueueBackend } from '../../src/queue/backend.ts';
import { type Consumer, consume } from '../../src/queue/consume.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { silent } from './service.ts';
import { useUndo } from './undo.ts';
import { until } from './until.ts';

export const newId = createDeliveryIds();

export interface TestQueue {
  readonly backend: QueueBackend;
  readonly announcer: Announcer;
  /** Messages at warn, with what their errors and the causes of these say. */
  readonly warned: string[];
  /** How often a worker was thrown away for its errors. */
  thrownAway: number;
  consume(handle: () => Promise<void>, concurrency?: number): Consumer;
}

/** To be called once, at the top of a test file. */
export function useTestQueue() {
  const undo = useUndo();

  function openQueue(redisUrl: string | undefined, databaseUrl = '', batchMaxIds = 1_000): TestQueue {
    const note = (level: 'warn' | 'debug') => (given: { err?: Error }, message: string) => {
      if (message.includes('connecting anew')) queue.thrownAway += 1;
      const cause = given.err?.cause instanceof Error ? given.err.cause.message : '';
      if (level === 'warn') queue.warned.push(`${message}: ${given.err?.message} ${cause}`);
    };
    const log = { ...silent, warn: note('warn'), debug: note('debug') } as typeof silent;
    const backend = createQueueBackend({ redisUrl, databaseUrl, prefix: 'trouble', log });
    const announcer = createAnnouncer(backend, {
      batchMaxIds,
      lateAfterMs: Number.MAX_SAFE_INTEGER,
      now: () => new Date(),
      timeoutMs: 1_000,
      log,
      onFailure: () => {},
    });
    undo.push(async () => {
      await announcer.close();
      await backend.disconnect();
    });
    const queue: TestQueue = {
      backend,
      announcer,
      warned: [],
      thrownAway: 0,
      consume: (handle, concurrency = 4) => {
        const consumer = consume(backend, handle, { lane: 'live', concurrency, log });
        undo.push(() => consumer.close());
        return consumer;
      },
    };
    return queue;
  }

  async function startOne(): Promise<RedisServer> {
    const redis = await startRedis();
    undo.push(redis.kill); // one that others replicate would end only after seconds
    return redis;
  }

  function ask(redis: RedisServer): Redis {
    const client = new Redis(redis.url);
    client.on('error', () => {});
    undo.push(() => client.disconnect());
    return client;
  }

  return { undo, openQueue, startOne, ask };
}

interface Heard {
  readonly announcer: Announcer;
  count: number;
}

export function countHeard(queue: TestQueue, concurrency?: number): Heard {
  const heard: Heard = { announcer: queue.announcer, count: 0 };
  queue.consume(async () => {
    heard.count += 1;
  }, concurrency);
  return heard;
}

/** Announces again and again until one more is heard. */
export async function untilHeard(heard: Heard): Promise<void> {
  const before = heard.count;
  const isHeard = async () => (await heard.announcer.announce([newId()])) && heard.count > before;
  await until(isHeard, { describe: 'a ring is heard' });
}
