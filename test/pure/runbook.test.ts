// The runbook names what whoever is woken up can meet: every line of the log at `error`, every metric, every task, every reason
// for a refusal and every trouble of the queue.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { refusalReasons } from '../../src/operations/refusal-reasons.ts';
import { queueTroubles } from '../../src/queue-facts.ts';
import { readSourceTree, root } from '../support/source-tree.ts';

const runbook = readFileSync(path.join(root, 'docs/operations.md'), 'utf8');
const sources = Object.entries(readSourceTree()).flatMap(([file, text]) =>
  /^src\/(?!cli\/|simulator\/|sdk\/).*\.ts$/.test(file) ? [text] : [],
);

/** The chapter under a heading, up to the next of its kind. */
function chapterOf(heading: string): string {
  const [, chapter = ''] = runbook.split(`\n## ${heading}\n`);
  return chapter.split('\n## ')[0] ?? '';
}

/** What stands in code in the first cell of each row, such as the name of a metric or a line of the log. */
function namedIn(chapter: string): string[] {
  const cells = [...chapter.matchAll(/^ *\| (.*?) \|/gm)].map(([, cell]) => cell ?? '');
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''));
}

test('every line of the log at error is in the table of log lines', () => {
  const lines = sources.flatMap((source) =>
    [...source.matchAll(/\blog\??\.error\(\s*(?:(?:\{[^{}]*\}|[\w.]+),\s*)?(['"`])(.*?)\1/g)].map(
      ([, , text]) => text ?? '',
    ),
  );
  expect(lines.length).toBeGreaterThan(20);
  // Chosen before it is logged.
  const chosen = sources.flatMap(
    (source) => source.match(/(?<=')a signing secret does not open; .*(?=')/) ?? [],
  );
  const proves = sources.flatMap(
    (source) => source.match(/(?<=`)a signing secret proves nothing: .*(?=`)/) ?? [],
  );
  expect([chosen.length, proves.length]).toEqual([1, 1]);
  const patterns = namedIn(chapterOf('Log lines that matter')).map(
    (name) => new RegExp(`^${name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '.*')}$`),
  );
  expect(
    [...lines, ...chosen, ...proves].filter((line) => !patterns.some((pattern) => pattern.test(line))),
  ).toEqual([]);
});

test('every metric is in the table that says when to be told, and no other', () => {
  const made = ['src/metrics.ts', 'src/metrics-figures.ts'].flatMap(
    (file) => readFileSync(path.join(root, file), 'utf8').match(/\bilive_\w+/g) ?? [],
  );
  expect(made).toContain('ilive_deliveries_owed');
  const named = namedIn(chapterOf('Probes, metrics, alerts')).flatMap(
    (name) => name.match(/^ilive_\w+/) ?? [],
  );
  expect([...new Set(named)].sort()).toEqual([...new Set(made)].sort());
});

test('every scheduled task is named beside the line that says that one failed', () => {
  const tasks = sources.flatMap((source) =>
    [...source.matchAll(/\bschedule\('([^']+)'/g)].map(([, name]) => name ?? ''),
  );
  expect(tasks).toContain('sweep');
  const row = /^\| `a scheduled task failed; .*$/m.exec(runbook)?.[0] ?? '';
  expect(tasks.filter((name) => !row.includes(`\`${name}\``))).toEqual([]);
});

test('every reason for a refusal is in the table that says what to do', () => {
  const named = namedIn(chapterOf('Deliveries are refused'));
  // It stands for the diagnoses, which have rows of their own.
  const others = refusalReasons.filter((reason) => reason !== 'signature_mismatch');
  expect(others.filter((reason) => !named.includes(reason))).toEqual([]);
});

test('every trouble of the queue is in the table that says what to do', () => {
  const named = namedIn(chapterOf('Redis is gone'));
  expect(queueTroubles.filter((trouble) => !named.includes(trouble))).toEqual([]);
});
