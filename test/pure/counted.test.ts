import { expect, test } from 'vitest';
import { counted } from '../../src/operations/counted.ts';

test.each([
  [1, 'delivery', '1 delivery'],
  [2, 'delivery', '2 deliveries'],
  [90, 'day', '90 days'],
  [0, 'request', '0 requests'],
] as const)('%d of "%s" are "%s"', (count, noun, text) => {
  expect(counted(count, noun)).toBe(text);
});
