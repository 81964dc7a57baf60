// Where the results of a run stay: a file for programs, and a section of the README for people.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Machine } from './machine.ts';

const readme = path.join(import.meta.dirname, 'README.md');

/** Writes all that was measured to `file`, where one was asked for. */
export async function saveJson(file: string | undefined, everything: object): Promise<void> {
  if (file !== undefined) await writeFile(file, `${JSON.stringify(everything, null, 2)}\n`);
}

/** Puts the report into bench/README.md, as its newest `what`, with today's date. */
export async function addSection(what: string, { at }: Machine, report: string): Promise<void> {
  const marker = `<!-- the newest ${what} stands here -->`;
  const before = await readFile(readme, 'utf8');
  await writeFile(
    readme,
    before.replace(marker, () => `${marker}\n\n### ${at.slice(0, 10)}\n\n${report}\n`),
  );
}
