// What the documents show in TypeScript compiles against the very sources that the package exports, as somebody who copies it
// would find out.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { root } from '../support/source-tree.ts';

const tsc = path.join(
  path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin/tsc',
);

// What a reader has of their own.
const readersOwn = `
declare const sessionId: string, id: string;
declare const subject: import('ilive-webhooks/sdk').Answer<'getSubject'>;
declare function letIn(): void;
declare function askAgainLater(): void;
declare function lookCloser(verdict: object, obstacles: readonly string[]): void;
declare function readCursor(): Promise<string | undefined>;
declare function writeCursor(cursor: string): Promise<void>;
declare function lookAgain(referenceId: string, account: string): Promise<void>;
declare function record(row: object): Promise<void>;
`;

/** The snippets of a document as one module, each line where it stands in the document. */
function snippetsOf(document: string): string {
  let isCode = false;
  const lines = document.split('\n').map((line) => {
    const isFence = line.startsWith('```');
    if (isFence) isCode = /^```(ts|js)$/.test(line);
    return isCode && !isFence ? line : '';
  });
  return `${lines.join('\n')}\nexport {};\n`;
}

test('the snippets of the documents compile', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'snippets-'));
  try {
    const examples = JSON.parse(await readFile(path.join(root, 'examples/tsconfig.json'), 'utf8')) as {
      compilerOptions: { paths: Record<string, string[]> };
    };
    const paths = Object.entries(examples.compilerOptions.paths).map(([name, sources]) => [
      name,
      sources.map((source) => path.join(root, 'examples', source)),
    ]);
    const config = {
      extends: path.join(root, 'examples/verify-user/tsconfig.json'),
      compilerOptions: {
        paths: Object.fromEntries(paths),
        typeRoots: [path.join(root, 'node_modules/@types')],
      },
      include: ['*.mts', '*.d.ts'],
    };
    await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
    await writeFile(path.join(folder, 'readers-own.d.ts'), readersOwn);
    for (const document of ['README.md', 'docs/sdk.md', 'docs/api.md']) {
      const snippets = snippetsOf(await readFile(path.join(root, document), 'utf8'));
      expect(snippets.trim(), document).not.toBe('export {};');
      await writeFile(path.join(folder, `${document.replace('/', '-')}.mts`), snippets);
    }
    const told = await promisify(execFile)(process.execPath, [tsc, '-p', folder, '--pretty', 'false']).catch(
      ({ stdout, stderr }: { stdout: string; stderr: string }) => ({ stdout, stderr }),
    );
    expect(`${told.stdout}${told.stderr}`).toBe('');
  } finally {
    await rm(folder, { recursive: true });
  }
});
