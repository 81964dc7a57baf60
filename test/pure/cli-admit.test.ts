// Admitting and purging go piece by piece, and say on the way what is done, or would be.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { readCommandLine } from '../../src/cli/arguments.ts';
import { commands } from '../../src/cli/run.ts';

let server: Server | undefined;
afterEach(() => {
  server?.close();
});

/** Runs the command at a terminal, against a service that gives these answers one after another. */
async function run(args: readonly string[], answers: object[]) {
  const listening = createServer((_req, res) => res.end(JSON.stringify(answers.shift())));
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
  const read = readCommandLine([...args, '--url', url, '--why', 'a test'], commands);
  if (read.kind !== 'run') throw new Error(`not a run but ${read.kind}`);
  const said: string[] = [];
  const code = await read.command.run(read.given, {
    env: { ILIVE_WEBHOOKS_API_KEY: 'key' },
    now: () => new Date(),
    print: (text) => void said.push(text),
    tell: (text) => void said.push(text),
    paint: (_format, text) => text,
    isTerminal: true,
    terminalSize: () => undefined,
    question: () => Promise.reject(new Error('nobody is asked')),
    interrupted: () => AbortSignal.timeout(60_000),
    readInput: async () => '',
  });
  return { code, said, left: answers.length };
}

const id = '01a20a3d-0d06-70b4-a6e5-64e97eb54455';
const piece = (more: object) => ({
  checked: 100,
  admitted: 100,
  already_stored: 0,
  next_after: null,
  not_proven_by_reason: {},
  ...more,
});

test.each([
  [['--dry-run'], 'would be admitted'],
  [[], 'admitted'],
])('admit %j says on its way what is done', async (flags, did) => {
  const isDry = flags.length > 0;
  const answers = [
    piece({ dry_run: isDry, next_after: id }),
    piece({ dry_run: isDry, checked: 1, admitted: 1 }),
  ];
  expect(await run(['refusals', 'admit', '--since', '6h', ...flags], answers)).toEqual({
    code: 0,
    said: [`100 looked at, 100 ${did} …`, `101 of 101 ${did}.`],
    left: 0,
  });
});

test('purge asks nobody when there is nothing to remove', async () => {
  expect(await run(['refusals', 'purge', '--all'], [{ dry_run: true, purged: 0 }])).toEqual({
    code: 0,
    said: ['There is nothing to remove: no refusal matches.'],
    left: 0,
  });
});
