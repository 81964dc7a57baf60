// What is known of the database by its last commit, and how it is found out that it commits again.
import { expect, test } from 'vitest';
import type { NewDelivery } from '../../src/db/deliveries.ts';
import { ServiceError } from '../../src/errors.ts';
import { watchCommits } from '../../src/http/commit-watch.ts';

const away = new ServiceError('unavailable', 'No space left on device');
const delivery = (id: string) => ({ id }) as NewDelivery;

function setUp() {
  const asked: string[][] = [];
  const announced: string[] = [];
  let trouble: Error | undefined;
  const watch = watchCommits(
    async (group) => {
      asked.push(group.map(({ id }) => id));
      if (trouble !== undefined) throw trouble;
      return group.map(({ id }) => ({ id, isRepeat: false }));
    },
    (ids) => announced.push(...ids),
  );
  const fail = async (error: Error, ...ids: string[]) => {
    trouble = error;
    await expect(watch.record(ids.map(delivery))).rejects.toBe(error);
    trouble = undefined;
  };
  const become = (error: Error) => {
    trouble = error;
  };
  return { watch, fail, asked, announced, become };
}

test('it can, until a commit fails for its own sake; then one of what failed is recorded anew, and announced', async () => {
  const { watch, fail, asked, announced } = setUp();
  expect([watch.canCommit(), await watch.tryAgain(), asked]).toEqual([true, true, []]);
  await fail(new Error('refused as data'), 'bad');
  expect(watch.canCommit()).toBe(true);
  await fail(away, '1', '2');
  expect(watch.canCommit()).toBe(false);
  expect(await watch.tryAgain()).toBe(true);
  expect([watch.canCommit(), asked.at(-1), announced]).toEqual([true, ['1'], ['1']]);
});

test('any commit that succeeds says so as well, and is announced by whoever made it', async () => {
  const { watch, fail, announced } = setUp();
  await fail(away, '1');
  await watch.record([delivery('2')]);
  expect([watch.canCommit(), announced]).toEqual([true, []]);
});

test('however many ask, it is tried once at a time and once a second', async () => {
  const { watch, fail, asked, become } = setUp();
  await fail(away, '1');
  become(away);
  expect(await Promise.all([watch.tryAgain(), watch.tryAgain(), watch.tryAgain()])).toEqual([
    false,
    false,
    false,
  ]);
  expect(await watch.tryAgain()).toBe(false);
  expect(asked).toEqual([['1'], ['1']]);
});

test('one that is refused for what it is keeps nothing down', async () => {
  const { watch, fail, become } = setUp();
  await fail(away, '1');
  become(new Error('refused as data'));
  expect(await watch.tryAgain()).toBe(true);
});
