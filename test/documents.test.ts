// The documents agree with the code: what is generated is up to date, relative links lead somewhere, every npm script that
// a document names exists, and every guarantee has tests that carry its number.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { findBreakingChanges } from '../scripts/compare-openapi.ts';
import { rootOf } from '../scripts/compare-schemas.ts';
import {
  renderCodesTable,
  renderConfigurationTable,
  renderEnvExample,
  renderOpenApi,
  renderRoutesTable,
  replaceMarked,
} from '../scripts/render-documents.ts';
import { renderSdkSchema } from '../scripts/render-sdk.ts';
import { configKeys } from '../src/config.ts';
import { buildOpenApi } from '../src/http/openapi.ts';
import { problemCodes } from '../src/http/problem-codes.ts';
import { routes } from '../src/http/routes.ts';
import { readVersion } from '../src/version.ts';
import { anchorsOf, linksIn, targetsIn } from './support/markdown.ts';
import { root } from './support/source-tree.ts';

const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

const documents = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...['docs', 'bench', 'deploy'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => path.posix.join(folder, name)),
  ),
];

const npmWords = new Set([
  'install',
  'ci',
  'exec',
  'rebuild',
  'pack',
  'publish',
  'audit',
  'outdated',
  'update',
  'version',
]);

/** `npm run x`, `npm test` and `npm start` → the names of the scripts. */
function scriptsNamedIn(text: string): string[] {
  const named = [...text.matchAll(/\bnpm (?:run(?:-script)? )?([a-z][\w:-]*)/g)].map(
    ([, name]) => name ?? '',
  );
  return [...new Set(named)].filter((name) => !npmWords.has(name));
}

interface Guarantee {
  readonly number: number;
  /** The files of tests that its row links to. */
  readonly shownBy: readonly string[];
}

/** The rows of the table of guarantees, by the number in their first column. */
function guaranteesIn(text: string): Guarantee[] {
  return [...text.matchAll(/^\| (\d+) \|.*$/gm)].map(([row, number]) => ({
    number: Number(number),
    shownBy: linksIn(row),
  }));
}

/** Whether a test, or a group of tests, has a name that begins with this guarantee, alone or among others. */
function hasTestOf(number: number, source: string): boolean {
  return new RegExp(`^[^/]*['\`](guarantee \\d+, )*guarantee ${number}(, guarantee \\d+)*: `, 'm').test(
    source,
  );
}

describe('the guarantees in ARCHITECTURE.md', () => {
  const guarantees = guaranteesIn(read('ARCHITECTURE.md'));

  test('are numbered without a gap', () => {
    expect(guarantees.length).toBeGreaterThanOrEqual(12);
    expect(guarantees.map(({ number }) => number)).toEqual(guarantees.map((_, index) => index + 1));
  });

  test.each(guarantees)(
    'guarantee $number is shown by tests that carry its number',
    ({ number, shownBy }) => {
      expect(shownBy).not.toEqual([]);
      const silent = shownBy.filter(
        (file) => !existsSync(path.join(root, file)) || !hasTestOf(number, read(file)),
      );
      expect(silent, `linked, but missing or without a test named "guarantee ${number}: …"`).toEqual([]);
    },
  );
});

describe('the configuration', () => {
  test('.env.example is what `npm run generate` writes', () => {
    expect(read('.env.example')).toBe(renderEnvExample(configKeys));
  });

  test('the table in README.md is what `npm run generate` writes', () => {
    const readme = read('README.md');
    expect(readme).toBe(replaceMarked(readme, 'configuration', renderConfigurationTable(configKeys)));
  });

  test('the table of routes in docs/api.md is what `npm run generate` writes', () => {
    const api = read('docs/api.md');
    expect(api).toBe(replaceMarked(api, 'routes', renderRoutesTable(routes)));
  });

  test('the table of error codes in docs/api.md is what `npm run generate` writes', () => {
    const api = read('docs/api.md');
    expect(api).toBe(replaceMarked(api, 'codes', renderCodesTable(problemCodes)));
  });

  test('an example never sets a secret by being copied', () => {
    const set = renderEnvExample(configKeys)
      .split('\n')
      .filter((line) => /^[^#]/.test(line));
    expect(set).toEqual([]);
  });
});

describe('the contract', () => {
  const document = buildOpenApi(routes, readVersion());
  const released = JSON.parse(read('docs/openapi-released.json')) as Record<string, unknown>;
  const declared = JSON.parse(read('docs/breaking-changes.json')) as { change: string; reason: string }[];
  // As it is written, so that what JSON leaves out is left out here too.
  const current = JSON.parse(renderOpenApi(document)) as Record<string, unknown>;
  const changes = findBreakingChanges(rootOf(released), rootOf(current));

  test('src/sdk/schema.ts is what `npm run generate` writes', async () => {
    expect(read('src/sdk/schema.ts')).toBe(await renderSdkSchema(JSON.parse(read('docs/openapi.json'))));
  });

  test('docs/openapi.json is what `npm run generate` writes', () => {
    expect(read('docs/openapi.json')).toBe(renderOpenApi(document));
  });

  test('guarantee 20: it breaks nothing that was promised, but what docs/breaking-changes.json declares', () => {
    const reasons = new Map(declared.map(({ change, reason }) => [change, reason]));
    expect(changes.filter((change) => !reasons.get(change)?.trim())).toEqual([]);
  });

  test('each declared breaking change is one still', () => {
    expect(declared.map(({ change }) => change).filter((change) => !changes.includes(change))).toEqual([]);
  });

  test('no two operations share a name, and every list has a limit', () => {
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
    const names = operations.map(({ operationId }) => operationId);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    const unlimited = operations.filter(
      ({ operationId, parameters = [] }) =>
        /^list/.test(String(operationId)) &&
        !(parameters as { name: string }[]).some(({ name }) => name === 'limit'),
    );
    expect(unlimited.map(({ operationId }) => operationId)).toEqual(['listSecrets']);
  });
});

describe.each(documents)('%s', (file) => {
  test('its relative links lead to files', () => {
    const folder = path.dirname(path.join(root, file));
    expect(linksIn(read(file)).filter((target) => !existsSync(path.resolve(folder, target)))).toEqual([]);
  });

  test('and to headings that are there', () => {
    const lost = targetsIn(read(file)).filter((target) => {
      const [to = '', anchor] = target.split('#');
      const found = to === '' ? file : path.posix.join(path.posix.dirname(file), to);
      return anchor !== undefined && found.endsWith('.md') && !anchorsOf(read(found)).includes(anchor);
    });
    expect(lost).toEqual([]);
  });

  test('the npm scripts that it names exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    expect(scriptsNamedIn(read(file)).filter((name) => !(name in scripts))).toEqual([]);
  });
});

/** Files of tests that a document names, each with the words of names of tests that stand behind it up to the next. */
function testsNamedIn(text: string): { file: string; words: string[] }[] {
  return [...text.matchAll(/`(test\/[\w./-]+\.ts)`(?::((?:;? ?"[^"]+")+))?/g)].map(
    ([, file = '', words = '']) => ({
      file,
      words: [...words.matchAll(/"([^"]+)"/g)].map(([, each]) => each ?? ''),
    }),
  );
}

describe('docs/security.md', () => {
  const named = testsNamedIn(read('docs/security.md'));

  test('each test that it names exists', () => {
    const missing = named.flatMap(({ file, words }) => {
      if (!existsSync(path.join(root, file))) return [file];
      const text = read(file);
      return words.filter((each) => !text.includes(each)).map((each) => `${file}: ${each}`);
    });
    expect(missing).toEqual([]);
  });

  test('every table of what stops somebody names a test, or the command that shows it, in each line', () => {
    const lines = read('docs/security.md').split('\n');
    const tables = lines.flatMap((line, index) =>
      line.endsWith('The test that shows it |') ? [index + 2] : [],
    );
    expect(tables.length).toBeGreaterThan(8);
    const bare = tables.flatMap((start) => {
      const end = lines.findIndex((line, index) => index >= start && !line.startsWith('|'));
      return lines.slice(start, end).filter((line) => !/`(test\/|npm run )/.test(line));
    });
    expect(bare).toEqual([]);
  });
});

describe('what is read from a document', () => {
  test('tests, with the words of their names', () => {
    const text = '`test/a/b.test.ts`: "one"; "two, three"; `test/c.test.ts` and "no name"';
    expect(testsNamedIn(text)).toEqual([
      { file: 'test/a/b.test.ts', words: ['one', 'two, three'] },
      { file: 'test/c.test.ts', words: [] },
    ]);
  });

  test('links, without those in code and those to elsewhere', () => {
    const text =
      '[a](./a.md#part) ![b](b.png) `[c](c.md)` [d](https://d.example) [e](#e)\n[f]: f.md\n```\n[g](g.md)\n```';
    expect(linksIn(text)).toEqual(['./a.md', 'b.png', 'f.md']);
  });

  test('headings, as what they can be linked to as', () => {
    expect(anchorsOf('# A `b` is 1.0\n```\n# c\n```\n## 503s, or “d”\n')).toEqual(['a-b-is-10', '503s-or-d']);
  });

  test('guarantees and their links; and a test of one is told from a comment and from another number', () => {
    expect(guaranteesIn('| 3 | It holds | [a](test/a.test.ts), `b` |\n| | head |')).toEqual([
      { number: 3, shownBy: ['test/a.test.ts'] },
    ]);
    expect(hasTestOf(3, "test('guarantee 2, guarantee 3: it holds', () => {")).toBe(true);
    expect(hasTestOf(3, "test('guarantee 33: it holds', () => {")).toBe(false);
    expect(hasTestOf(3, "// test('guarantee 3: it holds', () => {")).toBe(false);
  });

  test('npm scripts, without npm’s own commands', () => {
    expect(scriptsNamedIn('`npm test`, npm run check -- x; npm ci; npm run demo:fast')).toEqual([
      'test',
      'check',
      'demo:fast',
    ]);
  });

  test('a README without marks is an error, and one with them keeps the rest', () => {
    expect(() => replaceMarked('no marks', 'configuration', 'x')).toThrow('configuration:start');
    const readme = 'before\n<!-- configuration:start -->\nold\n<!-- configuration:end -->\nafter';
    expect(replaceMarked(readme, 'configuration', 'new')).toBe(
      'before\n<!-- configuration:start -->\nnew\n<!-- configuration:end -->\nafter',
    );
  });
});
