// A reader of the change feed as a process of its own, for tests that kill it. It keeps one file: a line a page, with the
// cursor and the ids on it. A line that was cut by a kill was never finished, so where it goes on is in the last whole line.
//
// node change-reader.ts <address> <key> <file> changes|stream
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

interface Told {
  readonly cursor: string;
  readonly face_match: { readonly match_id: string };
}

const [address = '', key = '', file = '', way = 'changes'] = process.argv.slice(2);
const headers = { authorization: `Bearer ${key}` };

function lastCursor(): string | undefined {
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  truncateSync(file, Buffer.byteLength(whole));
  return whole.trimEnd().split('\n').at(-1)?.split(' ')[0] || undefined;
}

function keep(cursor: string, changes: readonly Told[]): void {
  appendFileSync(file, `${[cursor, ...changes.map((change) => change.face_match.match_id)].join(' ')}\n`);
}

async function readPages(after: string | undefined): Promise<void> {
  for (let cursor = after; ; ) {
    const query = new URLSearchParams({ wait: '10s', limit: '500', ...(cursor ? { after: cursor } : {}) });
    const response = await fetch(`${address}/v1/changes?${query}`, { headers });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    const page = (await response.json()) as { data: Told[]; next_cursor: string };
    keep(page.next_cursor, page.data);
    cursor = page.next_cursor;
  }
}

async function readStream(after: string | undefined): Promise<void> {
  const response = await fetch(`${address}/v1/stream`, {
    headers: { ...headers, ...(after === undefined ? {} : { 'last-event-id': after }) },
  });
  if (!response.ok || response.body === null) throw new Error(`${response.status}`);
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const end = text.lastIndexOf('\n\n');
    if (end === -1) continue;
    const changes = [...text.slice(0, end).matchAll(/^data: (.*)$/gm)].map(
      ([, data]) => JSON.parse(data ?? '') as Told,
    );
    text = text.slice(end + 2);
    const last = changes.at(-1);
    if (last !== undefined) keep(last.cursor, changes);
  }
}

for (;;) {
  await (way === 'stream' ? readStream : readPages)(lastCursor()).catch((error: unknown) => {
    if (String(error).includes('410')) throw error;
  });
  await pause(50);
}
