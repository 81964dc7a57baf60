// Guarantee 2 on a Redis Cluster of three nodes: the queue works on it, a node that dies in the middle of traffic loses
// nothing and keeps nothing from being accepted, and the queue is used again once the node is back.
import { expect, test, vi } from 'vitest';
import { createAnnouncer } from '../../src/queue/announce.ts';
import { createQueueBackend } from '../../src/queue/backend.ts';
import { figureOf } from '../support/figures.ts';
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';
import { silent, startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { useUndo } from '../support/undo.ts';
import { until } from '../support/until.ts';

vi.setConfig({ testTimeout: 180_000 });

const undo = useUndo();

async function start(isCoverageRequired: boolean) {
  const cluster = await startRedisCluster(isCoverageRequired);
  undo.push(cluster.stop);
  const service = await startTestService({
    env: {
      REDIS_URL: cluster.url,
      QUEUE_PREFIX: 'in-a-cluster',
      ANNOUNCE_TIMEOUT_MS: '300',
      SWEEP_OVERDUE_SECONDS: '4',
    },
  });
  undo.push(service.stop);
  return { cluster, service };
}

// Traffic of two senders; what it has had accepted so far, and every status but 202.
function send(service: TestService) {
  let isOver = false;
  const accepted: string[] = [];
  const others: number[] = [];
  const senders = Array.from({ length: 2 }, async () => {
    while (!isOver) {
      const payload = verdictPayload();
      const { status } = await service.deliver(payload);
      if (status === 202) accepted.push(payload.session_id);
      else others.push(status);
    }
  });
  const end = async () => {
    isOver = true;
    await Promise.all(senders);
    return { accepted, others };
  };
  undo.push(end);
  return { accepted, end };
}

async function untilProcessed(service: TestService, sessionIds: readonly string[]): Promise<void> {
  await until(
    async () => {
      const rows = await service.db.query({
        text: `select from sessions where state = 'settled' and session_id = any($1)`,
        values: [sessionIds],
      });
      return rows.length === sessionIds.length;
    },
    { deadlineMs: 60_000, describe: 'all that was accepted is processed' },
  );
}

// Heard through the queue: done although the sweep has not looked after any delivery meanwhile.
async function untilHeard(service: TestService): Promise<void> {
  await until(
    async () => {
      const sweptBefore = await figureOf(service, 'ilive_deliveries_swept_total');
      const payload = verdictPayload();
      await service.deliver(payload);
      await untilProcessed(service, [payload.session_id]);
      return (await figureOf(service, 'ilive_deliveries_swept_total')) === sweptBefore;
    },
    { deadlineMs: 60_000, describe: 'the queue is heard again' },
  );
}

const nodeOfQueue = (cluster: RedisCluster) => cluster.nodeOf('{in-a-cluster}:deliveries:wait');

test('guarantee 2: the node that keeps the queue is killed in the middle of traffic: nothing is lost, and it heals', async () => {
  const { cluster, service } = await start(true);
  await untilHeard(service);
  const node = await nodeOfQueue(cluster);
  const traffic = send(service);
  await until(() => traffic.accepted.length > 50);
  await node.kill();
  await cluster.untilState('fail');
  const downAt = traffic.accepted.length;
  await until(() => traffic.accepted.length > downAt + 50);
  const during = traffic.accepted.slice();
  // The node is still away: the sweep does the work by itself.
  await untilProcessed(service, during);
  await node.start();
  await untilHeard(service);
  const { accepted, others } = await traffic.end();
  expect(others).toEqual([]);
  await untilProcessed(service, accepted);
  expect((await service.get('/v1/ops/status')).body.queue).toMatchObject({ kind: 'redis', is_up: true });
});

test('what the queue’s Redis says of itself is what the node that keeps the queue says', async () => {
  const cluster = await startRedisCluster(true);
  undo.push(cluster.stop);
  const backend = createQueueBackend({
    redisUrl: cluster.url,
    databaseUrl: '',
    prefix: 'in-a-cluster',
    log: silent,
  });
  const announcer = createAnnouncer(backend, {
    batchMaxIds: 10,
    lateAfterMs: 60_000,
    now: () => new Date(),
    timeoutMs: 2_000,
    log: silent,
    onFailure: () => {},
  });
  undo.push(async () => {
    await announcer.close();
    await backend.disconnect();
  });
  await announcer.opened;
  const keeper = await nodeOfQueue(cluster);
  // Any node is right once in a while.
  for (let count = 0; count < 8; count += 1) {
    expect((await announcer.inspect()).redis.tcp_port).toBe(String(keeper.port));
  }
});

test('guarantee 2: without full coverage, the death of another node does not even slow the queue down', async () => {
  const { cluster, service } = await start(false);
  await untilHeard(service);
  const keeper = await nodeOfQueue(cluster);
  const other = cluster.nodes.find((node) => node !== keeper);
  const traffic = send(service);
  await until(() => traffic.accepted.length > 20);
  await other?.kill();
  const killedAt = traffic.accepted.length;
  await until(() => traffic.accepted.length > killedAt + 50);
  const { accepted, others } = await traffic.end();
  expect(others).toEqual([]);
  await untilProcessed(service, accepted);
  await untilHeard(service);
});
