// What the log and the standard error say of an error: where it happened and why, and nothing that somebody hung on it.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';
import { describeError, renderError } from '../../src/log.ts';
import { root } from '../support/source-tree.ts';

const hung = { detail: 'canary', where: 'canary', parameters: ['canary'], input: { a: 'canary' } };

test('guarantee 9: a line of the log has type, message, stack, code and cause of an error, and nothing else', () => {
  const program = `
    import { createLog } from ${JSON.stringify(path.join(root, 'src/log.ts'))};
    const hung = ${JSON.stringify(hung)};
    const cause = Object.assign(new RangeError('why'), hung, { code: '23505', cause: { message: 'deep', ...hung } });
    createLog('info').error({ err: Object.assign(new TypeError('what', { cause }), hung) }, 'told');
    createLog('info').error({ err: hung }, 'no error');
    createLog('info').error(Object.assign(new Error('alone'), hung));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(stdout).not.toContain('canary');
  const [told, noError, alone] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(told.err).toEqual({
    type: 'TypeError',
    message: 'what',
    stack: expect.stringMatching(/^TypeError: what\n/),
    cause: {
      type: 'RangeError',
      message: 'why',
      stack: expect.stringMatching(/^RangeError: why\n/),
      code: '23505',
      cause: { type: 'Object', message: 'deep' },
    },
  });
  expect(noError.err).toBe('something that is no error');
  expect(alone).toMatchObject({ msg: 'alone', err: { type: 'Error', message: 'alone' } });
});

test('on the standard error it is the stacks, one caused by the other, however they go in a circle', () => {
  const inner = Object.assign(new RangeError('why'), hung, { code: 'EWHY' });
  const outer = Object.assign(new TypeError('what', { cause: inner }), hung);
  const text = renderError(outer);
  expect(text).toMatch(
    /^TypeError: what\n {4}at .*(\n {4}at .*)*\ncaused by: RangeError: why\n(.|\n)* \(EWHY\)$/,
  );
  expect(text).not.toContain('canary');
  inner.cause = outer;
  expect(renderError(outer).split('caused by: ').length).toBeLessThan(12);
  expect(renderError('a text')).toBe('a text');
});

test('what Postgres says of a value that it cannot read is not quoted, and what ends the connection is told', () => {
  const said = { message: 'invalid value for parameter "work_mem": "abc"', code: '22023', routine: 'any' };
  const told = (severity: string) =>
    describeError(Object.assign(new Error(said.message), said, { severity }));
  expect(told('ERROR')).toMatchObject({ message: 'SQLSTATE 22023' });
  expect(told('FATAL')).toMatchObject({ message: said.message });
});
