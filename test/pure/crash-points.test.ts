// The crash explorer's points: every await of a source is found under a name that outlives edits elsewhere, and the copy with
// points in it does what the source does.
import { stripTypeScriptTypes } from 'node:module';
import { expect, test } from 'vitest';
import { findPoints } from '../crash/explorer/find-points.ts';
import { readWatchedFiles } from '../crash/explorer/watched-files.ts';

const text = `
export async function outer(wait: (value: number) => Promise<number>): Promise<number[]> {
  const first = await wait(await wait(1));
  const inner = async () => (await wait(first + 1)) as number;
  const seen: number[] = [first, await inner()];
  for await (const each of [wait(3), wait(4)]) seen.push(each);
  await wait(0).catch(() => 0);
  return seen;
}
`;

test('every await is a point, named after its function and its place in it', () => {
  expect(findPoints([{ name: 'room/file.ts', text }]).points).toEqual([
    'room/file.ts outer#1',
    'room/file.ts outer#2',
    'room/file.ts inner#1',
    'room/file.ts outer#3',
    'room/file.ts outer#4',
    'room/file.ts outer#5',
  ]);
});

test('the copy does what the source does, and comes by each instant in its order', async () => {
  const code = findPoints([{ name: 'room/file.ts', text }]).codeOf.get('room/file.ts') ?? '';
  const came: number[] = [];
  globalThis.__crash = (instant, value) => {
    came.push(instant);
    return value;
  };
  const module = await import(`data:text/javascript,${encodeURIComponent(stripTypeScriptTypes(code))}`);
  expect(await module.outer(async (value: number) => value)).toEqual([1, 2, 3, 4]);
  // The outer await is begun, and the inner one is over before the outer one's operand is there.
  expect(came.slice(0, 6)).toEqual([0, 3, 4, 5, 1, 2]);
  expect(new Set(came)).toEqual(new Set(Array.from({ length: 18 }, (_, instant) => instant)));
});

test('each room of the paths is watched, and has points', () => {
  const { points, codeOf } = findPoints(readWatchedFiles());
  const rooms = new Set(points.map((point) => point.split(/[/ ]/)[0]));
  for (const room of ['db', 'http', 'ilive', 'operations', 'outage', 'queue', 'reconcile', 'workers'])
    expect(rooms).toContain(room);
  for (const part of ['schedule.ts', 'service.ts', 'service-stop.ts']) expect(rooms).toContain(part);
  expect(new Set(points).size).toBe(points.length);
  const awaits = [...codeOf.values()].join('\n').match(/\bawait\b(?! \()/g)?.length ?? 0;
  expect(awaits).toBeGreaterThan(300);
});
