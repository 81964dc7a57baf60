// Which values of `.env` Node cuts off at a #; what it does is asked of Node itself.
import { parseEnv } from 'node:util';
import { expect, test } from 'vitest';
import { findCutValues } from '../../src/env-file.ts';

test.each([
  ['A=ab#cd', 'ab', true],
  ['A=#cd', '', true],
  ['A=ab cd#ef', 'ab cd', true],
  ['  export A = ab#cd', 'ab', true],
  ['A=ab#cd\r', 'ab', true],
  ['A=ab # a comment', 'ab', false],
  ['A= # a comment', '', false],
  ["A='ab#cd'", 'ab#cd', false],
  ['A="ab#cd"', 'ab#cd', false],
  ['A=`ab#cd`', 'ab#cd', false],
  ['#A=ab#cd', undefined, false],
  ['A=abcd', 'abcd', false],
])('of %j Node reads %j; that it is told of is %s', (line, value, isTold) => {
  expect(parseEnv(line).A).toBe(value);
  expect(findCutValues(`\n${line}\n`)).toEqual(isTold ? [{ key: 'A', line: 2 }] : []);
});
