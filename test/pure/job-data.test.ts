// What the queue carries: ids come out as they went in, and whatever else stands in a store gives none.
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { idsOf, jobOf } from '../../src/queue/job-data.ts';

test.each([0, 1, 2, 3, 1_000])('%i ids come out as they went in', (count) => {
  const ids = Array.from({ length: count }, () => randomUUID());
  const stored = JSON.parse(JSON.stringify(jobOf(ids)));
  expect(idsOf(stored)).toEqual(ids);
});

test('a job of a receiver that writes an array is read too', () => {
  const id = randomUUID();
  expect(idsOf({ ids: [id, 'no id', 7, null] })).toEqual([id]);
});

test.each([[undefined], [null], [7], ['text'], [{}], [{ ids: 7 }], [{ ids: 'not one' }], [{ ids: '$$$$' }]])(
  'nothing comes out of %j',
  (data) => {
    expect(idsOf(data)).toEqual([]);
  },
);

test('what was cut off gives the ids that are whole', () => {
  const ids = [randomUUID(), randomUUID()];
  expect(idsOf({ ids: jobOf(ids).ids.slice(0, -4) })).toEqual(ids.slice(0, 1));
});
