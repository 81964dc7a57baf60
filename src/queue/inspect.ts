// Looking at the queue without taking part in it: how much waits, and what a Redis says of itself. A store that is away is
// an answer, not an error, and it is not waited for.
import type { Queue } from 'bullmq';
import type { QueueBackend } from './backend.ts';

export interface QueueFacts {
  readonly kind: 'redis' | 'postgres';
  readonly isUp: boolean;
  readonly waiting: number | null;
  readonly active: number | null;
  readonly delayed: number | null;
  /** What `INFO` of a Redis says, by name; empty for Postgres. */
  readonly redis: Readonly<Record<string, string>>;
  /** When a Redis makes snapshots, as its `save` says it; empty where it makes none, null where it does not tell. */
  readonly savePoints: string | null;
}

const answerMs = 1_500;

/** Looks at queues of one store, as if they were one; undefined stands for one whose store has not answered yet. */
export async function inspectQueues(
  backend: QueueBackend,
  queues: readonly (Queue | undefined)[],
): Promise<QueueFacts> {
  const away: QueueFacts = {
    kind: backend.kind,
    isUp: false,
    waiting: null,
    active: null,
    delayed: null,
    redis: {},
    savePoints: null,
  };
  const answering = queues.filter((queue) => queue !== undefined);
  if (answering.length < queues.length) return away;
  const look = async (): Promise<QueueFacts> => {
    const counts = await Promise.all(
      answering.map((queue) => queue.getJobCounts('waiting', 'active', 'delayed')),
    );
    const sum = (name: 'waiting' | 'active' | 'delayed') =>
      counts.reduce((total, each) => total + (each[name] ?? 0), 0);
    const [info, savePoints] = await Promise.all([backend.readInfo(), backend.readSavePoints()]);
    return {
      ...away,
      isUp: true,
      waiting: sum('waiting'),
      active: sum('active'),
      delayed: sum('delayed'),
      redis: readInfo(info),
      savePoints,
    };
  };
  return withinTime(
    look().catch(() => away),
    away,
  );
}

function readInfo(text: string): Record<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(':'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
}

function withinTime<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(otherwise), answerMs);
    void answer.then((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}
