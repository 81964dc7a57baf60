// A question at a terminal is answered, or left; who leaves it has agreed to nothing.
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { question } from '../../src/cli/question.ts';

function terminal() {
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
  const output = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 24 });
  return { input, output };
}

test('what is typed is the answer', async () => {
  const streams = terminal();
  const asked = question('Type yes: ', streams);
  streams.input.write('yes\r');
  expect(await asked).toBe('yes');
});

test.each([
  ['Ctrl-C', (input: PassThrough) => input.write('\u0003')],
  ['Ctrl-D', (input: PassThrough) => input.write('\u0004')],
  ['the end of the input', (input: PassThrough) => input.end()],
])('%s says that nothing was done', async (_what, leave) => {
  const streams = terminal();
  const asked = question('Type yes: ', streams);
  leave(streams.input);
  await expect(asked).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringMatching(/nothing was done/),
  });
});
