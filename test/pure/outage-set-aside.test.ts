// What Postgres refused as data and the outage store has set aside: sealed where the store is, and shown by `outage show` to
// whoever has the key.
import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readCommandLine } from '../../src/cli/arguments.ts';
import { commands } from '../../src/cli/run.ts';
import type { DeliveryId } from '../../src/events/event.ts';
import { packDelivery } from '../../src/operations/kept-delivery.ts';
import { bytes, cipherOf, useOutageFolder } from '../support/outage-folder.ts';

const { folder, open, filesOf } = useOutageFolder();
const keyOf = (id: string) => `${id}:${Buffer.alloc(32, id).toString('base64')}`;
const body = Buffer.from('{"event":"face.matched","user":"a-name-that-would-be-found"}');
const delivery = {
  id: '01a20a3d-0d06-70b4-a6e5-64e97eb54455' as DeliveryId,
  account: 'default',
  source: 'webhook',
  webhookId: 'wh_1',
  bodySha256: createHash('sha256').update(body).digest(),
  body,
  headers: { 'content-type': 'application/json' },
  receivedAt: new Date('2026-11-26T00:00:00Z'),
  traceId: null,
  isProven: true,
} as const;

/** Sets aside the second of three, as a drain does with what Postgres refuses; gives its file. */
async function setAside(cipher: ReturnType<typeof cipherOf>): Promise<string> {
  const store = await open({ cipher });
  await store.append([...bytes('before'), packDelivery(delivery), ...bytes('after')]);
  await store.endSegment();
  const batch = await store.take(3);
  await batch?.setAside(1);
  batch?.done();
  const [name = ''] = await filesOf('.damaged');
  return path.join(folder(), name);
}

async function show(file: string, env: Record<string, string>, ...more: string[]): Promise<string> {
  const read = readCommandLine(['outage', 'show', file, ...more], commands);
  if (read.kind !== 'run') throw new Error(`not a run but ${read.kind}`);
  const said: string[] = [];
  await read.command.run(read.given, {
    env,
    now: () => new Date(),
    print: (text) => void said.push(text),
    tell: (text) => void said.push(text),
    paint: (_format, text) => text,
    isTerminal: false,
    terminalSize: () => undefined,
    question: () => Promise.reject(new Error('nobody is asked')),
    interrupted: () => AbortSignal.timeout(60_000),
    readInput: async () => '',
  });
  return said.join('\n');
}

test('guarantee 9: what is set aside from a sealed store stands in its file sealed, and whoever has the key is shown it', async () => {
  const file = await setAside(cipherOf('a'));
  const stored = await readFile(file, 'latin1');
  expect(stored).not.toContain('a-name-that-would-be-found');
  expect(stored).not.toContain(delivery.id);
  const shown = await show(file, { ENCRYPTION_KEYS: `${keyOf('b')},${keyOf('a')}` });
  for (const part of [delivery.id, 'wh_1', '2026-11-26T00:00:00.000Z', 'application/json', String(body)]) {
    expect(shown).toContain(part);
  }
  const keyFile = path.join(path.dirname(file), 'keys');
  await writeFile(keyFile, `${keyOf('a')}\n`);
  expect(JSON.parse(await show(file, { ENCRYPTION_KEYS_FILE: keyFile }, '--json'))).toMatchObject({
    delivery_id: delivery.id,
    body_base64: body.toString('base64'),
  });
  const isSealed = { message: expect.stringContaining('sealed with a key that is not in ENCRYPTION_KEYS') };
  await expect(show(file, {})).rejects.toMatchObject(isSealed);
  await expect(show(file, { ENCRYPTION_KEYS: keyOf('b') })).rejects.toMatchObject(isSealed);
});

test('what is set aside in clear is shown, and what was changed, moved or is no such file is told to be so', async () => {
  const file = await setAside(undefined);
  expect(await show(file, {})).toContain(String(body));
  await expect(show(file, { ENCRYPTION_KEYS: 'nonsense' })).rejects.toMatchObject({
    message: expect.stringContaining('ENCRYPTION_KEYS'),
  });
  const isDamaged = { message: expect.stringContaining('were changed since they were written') };
  const elsewhere = file.replace(/-\d+\.damaged$/, '-9.damaged');
  await rename(file, elsewhere);
  await expect(show(elsewhere, {})).rejects.toMatchObject(isDamaged);
  await rename(elsewhere, file);
  await writeFile(file, String(await readFile(file, 'latin1')).replace('face', 'FACE'), 'latin1');
  await expect(show(file, {})).rejects.toMatchObject(isDamaged);
  await expect(show(`${file}.txt`, {})).rejects.toMatchObject({
    message: expect.stringContaining('no file that the outage store has set aside'),
  });
  await rename(file, `${file}.gone`);
  await expect(show(file, {})).rejects.toMatchObject({ message: expect.stringContaining('(ENOENT)') });
});
