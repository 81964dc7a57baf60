// A fixed small run of the crash explorer: one round, the queue on Redis, so that every kind of trouble has its turn in the
// long runs (`npm run crash`) and the ones that matter most have it here. Guarantees 1, 2, 5, 8, 14 and 16 at points of the
// paths that are named in advance.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { instants } from './explorer/find-points.ts';
import { type Lane, openLane } from './explorer/lane.ts';
import { packService } from './explorer/pack-service.ts';
import { runRound } from './explorer/round.ts';
import { openTally } from './explorer/tally.ts';

const seed = 7;
const strikesPerRound = 6;
const points = [
  'http/group-commit.ts makeDurable#1',
  'db/record-deliveries.ts recordOrdered#1',
  'db/deliveries.ts finishDeliveries#1',
  'workers/process-deliveries.ts processDeliveries#1',
  'queue/announce.ts ring#1',
];

let folder: string;
let lane: Lane;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'ilive-explores-'));
  const packed = await packService(folder);
  const missing = points.filter((point) => !packed.points.includes(point));
  expect(missing).toEqual([]);
  const forced = points.flatMap((point) => instants.map((_, at) => packed.points.indexOf(point) * 3 + at));
  const tally = openTally(packed.points, undefined, false);
  const options = { strikesPerRound, troubles: ['kill', 'postgres_stop', 'redis_kill'] as const, forced };
  lane = await openLane('redis', { packed, tally, options });
});
afterAll(async () => {
  await lane.stop();
  await rm(folder, { recursive: true, force: true });
});

test('1, 2, 5 — killed at named points, with Postgres and Redis: nothing is lost, doubled, left or held', {
  timeout: 300_000, // what a round waits for at most, all together, is more than two minutes
}, async () => {
  const { strikes, acknowledgedCount, differences } = await runRound(lane, seed);
  expect(differences).toEqual([]);
  expect(strikes.length).toBeGreaterThanOrEqual(strikesPerRound);
  expect(acknowledgedCount).toBeGreaterThan(10);
});
