// Looking at the queue without taking part in it: how much waits, whether it takes rings, and what a Redis says of itself. A
// store that is away is an answer, not an error, and it is not waited for.
import type { Queue } from 'bullmq';
import type { QueueFacts } from '../queue-facts.ts';
import { lookOnce } from '../seldom.ts';
import { within } from '../within.ts';
import type { QueueBackend } from './backend.ts';
import { waitingMaxJobs } from './crowd.ts';
import { troubleOf } from './trouble.ts';

const answerMs = 1_500;

/**
 * Looks at queues of one store, as if they were one; undefined stands for one whose store has not answered yet. Who asks
 * while a look is under way shares it: a store that is away holds the commands of one.
 */
export function createInspection(
  backend: QueueBackend,
  listQueues: () => readonly (Queue | undefined)[],
): () => Promise<QueueFacts> {
  const lookAtAll = lookOnce(() => {
    const hung = listQueues().filter((queue) => queue !== undefined);
    return look(backend, hung).catch((error: unknown) => failed(backend, error));
  });
  return async () => {
    if (listQueues().includes(undefined)) return failed(backend, backend.lastError());
    return within(answerMs, lookAtAll()).catch(() => failed(backend, backend.lastError()));
  };
}

const failed = ({ kind }: QueueBackend, error: unknown): QueueFacts => ({
  kind,
  isUp: false,
  trouble: troubleOf(error),
  waiting: null,
  active: null,
  delayed: null,
  redis: {},
  savePoints: null,
});

async function look(backend: QueueBackend, queues: readonly Queue[]): Promise<QueueFacts> {
  // A read alone says little: a server that is full, or a replica, answers it.
  const refusals = Promise.all(queues.map((queue) => backend.tryWriting(queue))).then(() => null, troubleOf);
  const counts = await Promise.all(queues.map((queue) => queue.getJobCounts('waiting', 'active', 'delayed')));
  const sum = (name: 'waiting' | 'active' | 'delayed') =>
    counts.reduce((total, each) => total + (each[name] ?? 0), 0);
  const [queue] = queues;
  const [info, savePoints] =
    queue === undefined
      ? ['', null]
      : await Promise.all([backend.readInfo(queue), backend.readSavePoints(queue)]);
  const refused = await refusals;
  const isCrowded = counts.some(({ waiting = 0 }) => waiting >= waitingMaxJobs);
  return {
    kind: backend.kind,
    isUp: refused === null,
    trouble: refused ?? (isCrowded ? 'crowded' : null),
    waiting: sum('waiting'),
    active: sum('active'),
    delayed: sum('delayed'),
    redis: readFields(info),
    savePoints,
  };
}

function readFields(text: string): Record<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(':'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
}
