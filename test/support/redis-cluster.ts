// A real Redis Cluster for tests: three masters on this machine that share the slots, put together with the commands that an
// operator's tools would send. Each node can be killed and started again, and keeps its data and its place in the cluster.
import { Redis } from 'ioredis';
import { findFreePort } from './free-port.ts';
import { type RedisServer, startProcess } from './redis-server.ts';
import { until } from './until.ts';

export interface RedisCluster {
  /** As REDIS_URL names it. */
  readonly url: string;
  readonly nodes: readonly RedisServer[];
  /** The node that keeps a key, and so everything with its hash tag. */
  nodeOf(key: string): Promise<RedisServer>;
  /** Resolves once each node that runs sees the cluster in this state. */
  untilState(state: 'ok' | 'fail', deadlineMs?: number): Promise<void>;
  stop(): Promise<void>;
}

const nodeCount = 3;
const slotCount = 16_384;
// The bus takes a port of its own, ten thousand above unless it is told otherwise, which Redis 6.2 cannot be.
const busPortAbove = 10_000;
const maxBusPort = 30_000; // as the others, below the ports that connections are made from
const nodeTimeoutMs = 1_000;

/** `isCoverageRequired`: whether all slots are refused while one node is away, as a Redis does by itself. */
export async function startRedisCluster(isCoverageRequired: boolean): Promise<RedisCluster> {
  const settings = [
    '--cluster-enabled',
    'yes',
    '--cluster-node-timeout',
    String(nodeTimeoutMs),
    '--cluster-require-full-coverage',
    isCoverageRequired ? 'yes' : 'no',
  ];
  const nodes: RedisServer[] = [];
  const stop = async () => void (await Promise.all(nodes.map((node) => node.stop())));
  try {
    for (let index = 0; index < nodeCount; index += 1) {
      nodes.push(await startProcess({ port: await findBusPort(), settings }));
    }
    await joinNodes(nodes);
    await untilAll(nodes, 'ok', 20_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `redis-cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    nodes,
    nodeOf: async (key) => {
      const slot = await ask(nodes[0], (client) => client.cluster('KEYSLOT', key));
      const node = nodes[Math.floor(Number(slot) / shareOf())];
      if (node === undefined) throw new Error('every slot has a node');
      return node;
    },
    untilState: async (state, deadlineMs = 20_000) => {
      const running = await Promise.all(nodes.map(async (node) => ((await isUp(node)) ? [node] : [])));
      await untilAll(running.flat(), state, deadlineMs);
    },
    stop,
  };
}

export function findBusPort(): Promise<number> {
  return findFreePort((port) => port + busPortAbove < maxBusPort);
}

const shareOf = () => Math.ceil(slotCount / nodeCount);

async function joinNodes(nodes: readonly RedisServer[]): Promise<void> {
  for (const [index, node] of nodes.entries()) {
    const from = index * shareOf();
    const slots = Array.from({ length: Math.min(shareOf(), slotCount - from) }, (_, place) => from + place);
    await ask(node, (client) => client.cluster('ADDSLOTS', ...slots));
    // Equal epochs would be settled by a vote that takes seconds.
    await ask(node, (client) => client.cluster('SET-CONFIG-EPOCH', index + 1));
  }
  for (const { port } of nodes.slice(1)) {
    await ask(nodes[0], (client) => client.cluster('MEET', '127.0.0.1', port));
  }
}

async function untilAll(
  nodes: readonly RedisServer[],
  state: 'ok' | 'fail',
  deadlineMs: number,
): Promise<void> {
  for (const node of nodes) {
    await until(
      async () =>
        (await ask(node, (client) => client.cluster('INFO'))).includes(`cluster_state:${state}`) &&
        (state === 'fail' ||
          (await ask(node, (client) => client.cluster('INFO'))).includes(`cluster_known_nodes:${nodeCount}`)),
      { deadlineMs, describe: `the node on port ${node.port} sees the cluster as ${state}` },
    );
  }
}

async function isUp(node: RedisServer): Promise<boolean> {
  return ask(node, (client) => client.ping()).then(
    () => true,
    () => false,
  );
}

async function ask<T>(node: RedisServer | undefined, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis({ port: node?.port ?? 0, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  client.on('error', () => {});
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}
