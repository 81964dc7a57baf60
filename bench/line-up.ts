// Who takes part: each contender with the parts that it can play, how it is started and filled, how the rows are counted
// that came of its deliveries, and how they are found. What a scenario asks of all of them is asked in the same way.

import { count, find } from './ask-rows.ts';
import type { Received } from './contenders/express-route.ts';
import type { Part } from './contenders/program.ts';
import { bossQueue, tutorialQueue } from './contenders/queue-names.ts';
import type { Dialect } from './deliveries-to-send.ts';
import { type Fill, fillBoss, fillGraphile, fillOurs, fillTutorial } from './fill-backlog.ts';
import { ourRows } from './our-rows.ts';
import { type Playing, startApart, startOurs, startProgram } from './start-program.ts';
import type { Place } from './stores.ts';

export interface Contender {
  readonly name: string;
  readonly title: string;
  readonly dialect: Dialect;
  readonly needsRedis: boolean;
  readonly parts: readonly Part[];
  /** `filledCount` waits in its queue already. */
  start(part: Part, place: Place, filledCount?: number): Promise<Playing>;
  /** Where its parts can be played apart in time. */
  readonly fill?: Fill;
  /** How many it has accepted and still has, in whatever state; undefined for one that keeps nothing. */
  readonly countStored?: (place: Place, part: Part) => Promise<number>;
  /** How many of them have become what is asked for. */
  readonly countProcessed?: (place: Place) => Promise<number>;
  /** How many it has put aside, for a contender that does such a thing. */
  readonly countParked?: (place: Place) => Promise<number>;
  /** Those of the names that it has accepted and still has, with what they say. */
  readonly findStored?: (place: Place, part: Part, names: readonly string[]) => Promise<readonly string[]>;
  /** The statement that gives as `name` those of the names `$1` that can be queried. */
  readonly findNames?: string;
}

const queuePrefix = 'bench';
const countEvents = 'select count(*)::int as count from events';
const findEvents = 'select session_id as name from events where session_id = any($1::text[])';
const findCustomers = 'select id as name from stripe.customers where id = any($1::text[])';
const findBossJobs = `
  select data->'payload'->>'session_id' as name from pgboss.job
  where name = '${bossQueue}' and data->'payload'->>'session_id' = any($1::text[])`;
const findGraphileJobs = `
  select payload->'payload'->>'session_id' as name from graphile_worker._private_jobs
  where payload->'payload'->>'session_id' = any($1::text[])`;

export const ceilingName = 'ceiling';

const ceilings: readonly Contender[] = [
  {
    ...ceiling('verify-only'),
    name: ceilingName,
    title: 'ceiling: Express, verify, store nothing',
  },
  { ...ceiling('bare-verify'), name: 'bare-ceiling', title: 'ceiling without Express' },
];

const others: readonly Contender[] = [
  {
    ...program('one-insert', 'one INSERT a request'),
    parts: ['receive', 'whole'],
    countStored: (place) => count(place, countEvents),
  },
  {
    ...program('tutorial', 'tutorial: BullMQ job a request'),
    needsRedis: true,
    fill: fillTutorial,
    countStored: async (place, part) =>
      part === 'receive'
        ? ((await place.redis?.llen(`bull:${tutorialQueue}:wait`)) ?? 0)
        : count(place, countEvents),
    findStored: (place, part, names) =>
      part === 'receive' ? findWaitingJobs(place) : find(place, findEvents, names),
  },
  {
    ...program('pg-boss', 'pg-boss: job a request'),
    fill: fillBoss,
    countStored: (place) =>
      count(place, `select count(*)::int as count from pgboss.job where name = '${bossQueue}'`),
    findStored: (place, part, names) => find(place, part === 'receive' ? findBossJobs : findEvents, names),
  },
  {
    ...program('graphile-worker', 'graphile-worker: job a request'),
    fill: fillGraphile,
    countStored: (place, part) =>
      count(
        place,
        part === 'receive' ? 'select count(*)::int as count from graphile_worker._private_jobs' : countEvents,
      ),
    findStored: (place, part, names) =>
      find(place, part === 'receive' ? findGraphileJobs : findEvents, names),
  },
  {
    ...program('stripe-sync', 'Stripe’s sync engine'),
    dialect: 'stripe',
    parts: ['receive', 'whole'],
    countStored: (place) => count(place, 'select count(*)::int as count from stripe.customers'),
    countProcessed: (place) => count(place, 'select count(*)::int as count from stripe.customers'),
    findNames: findCustomers,
    findStored: (place, _part, names) => find(place, findCustomers, names),
  },
];

/** All of them, in the order in which they are shown. */
export const lineUp: readonly Contender[] = [
  ...ceilings,
  ...others,
  ours('ours', 'service, queue on Postgres', false),
  ours('ours-redis', 'service, queue on Redis', true),
  apart(ours('ours-apart', 'receiver and worker apart, Postgres', false)),
  apart(ours('ours-redis-apart', 'receiver and worker apart, Redis', true)),
];

function ceiling(file: string) {
  const start: Contender['start'] = (part, place) => startProgram(file, part, place, 0);
  return { dialect: 'ilive', needsRedis: false, parts: ['receive'], start } as const;
}

function program(file: string, title: string): Contender {
  return {
    name: file,
    title,
    dialect: 'ilive',
    needsRedis: false,
    parts: ['receive', 'work', 'whole'],
    start: (part, place, filledCount = 0) => startProgram(file, part, place, filledCount),
    countProcessed: (place) => count(place, countEvents),
    findNames: findEvents,
    findStored: (place, _part, names) => find(place, findEvents, names),
  };
}

function ours(name: string, title: string, onRedis: boolean): Contender {
  const redisUrlOf = ({ redisUrl }: Place) => (onRedis ? redisUrl : undefined);
  const queueOf = (place: Place): Record<string, string> => ({
    QUEUE_PREFIX: queuePrefix,
    ...(onRedis ? { REDIS_URL: place.redisUrl ?? '' } : {}),
  });
  return {
    name,
    title,
    dialect: 'ilive',
    needsRedis: onRedis,
    parts: ['receive', 'work', 'whole'],
    start: (part, place) => startOurs(part, place, queueOf(place)),
    fill: (place, filled) => fillOurs(place, filled, { redisUrl: redisUrlOf(place), prefix: queuePrefix }),
    ...ourRows,
  };
}

/** The same contender as two processes; alone, each of them is what it is anyway. */
function apart(contender: Contender): Contender {
  const { fill: _, ...whole } = contender;
  return {
    ...whole,
    parts: ['whole'],
    start: (_part, place) => startApart((part) => contender.start(part, place)),
  };
}

const jobsAtOnce = 1_000;

async function findWaitingJobs({ redis }: Place): Promise<string[]> {
  const prefix = `bull:${tutorialQueue}`;
  const ids = (await redis?.lrange(`${prefix}:wait`, 0, -1)) ?? [];
  const names: string[] = [];
  for (let start = 0; start < ids.length; start += jobsAtOnce) {
    const asking = redis?.pipeline();
    for (const id of ids.slice(start, start + jobsAtOnce)) asking?.hget(`${prefix}:${id}`, 'data');
    for (const [, data] of (await asking?.exec()) ?? []) {
      const received = JSON.parse(String(data ?? '{}')) as Partial<Received>;
      names.push(received.payload?.session_id ?? '');
    }
  }
  return names;
}
