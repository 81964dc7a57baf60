import { validate, version } from 'uuid';
import { expect, test } from 'vitest';
import { createDeliveryIds } from '../../src/http/delivery-id.ts';

test('ids of one process are uuids of version 7 in the order in which they were made, thousands within a millisecond', () => {
  const receivedAt = Date.UTC(2026, 10, 25, 12);
  const newId = createDeliveryIds(() => receivedAt);
  const ids = Array.from({ length: 20_000 }, newId);
  expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
  expect([...ids].sort()).toEqual(ids);
  const madeAt = Number.parseInt((ids[0] ?? '').replaceAll('-', '').slice(0, 12), 16);
  expect(madeAt).toBe(receivedAt);
});

test('a clock that goes back does not turn the order round', () => {
  const moments = [1_000, 2_000, 1_500, 1_500, 2_001];
  const newId = createDeliveryIds(() => moments.shift() ?? 0);
  const ids = Array.from({ length: 5 }, newId);
  expect([...ids].sort()).toEqual(ids);
});

test('a clock that is put right is followed', () => {
  const moments = [Date.UTC(2026, 10, 25, 13), Date.UTC(2026, 10, 25, 12), Date.UTC(2026, 10, 25, 12)];
  const newId = createDeliveryIds(() => moments.shift() ?? 0);
  const [wrong = '', right = '', next = ''] = Array.from({ length: 3 }, newId);
  expect([wrong, right, next].sort()).toEqual([right, next, wrong]);
});

test('ids of two processes do not meet', () => {
  const makers = [createDeliveryIds(() => 1), createDeliveryIds(() => 1)];
  const ids = makers.flatMap((newId) => Array.from({ length: 5_000 }, newId));
  expect(new Set(ids).size).toBe(ids.length);
});
