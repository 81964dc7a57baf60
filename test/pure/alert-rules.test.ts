// What can be said about the alert rules without a Prometheus: they go by metrics that exist, somebody is told what to do, and
// who is got up is got up for something.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { signatureFailures } from '../../src/ilive/signature.ts';
import { anchorsOf } from '../support/markdown.ts';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}
const { groups } = parse(read('deploy/alerts.yaml')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules.map((rule): [string, Rule] => [rule.alert, rule]));
const sources = ['src/metrics.ts', 'src/metrics-figures.ts'].map(read).join('\n');
// `up` is Prometheus' own: whether what it scrapes answers.
const known = new Set(['up', ...(sources.match(/\bilive_\w+/g) ?? [])]);
const exprOf = (severity: string) =>
  rules.filter(([, { labels }]) => labels.severity === severity).map(([, { expr }]) => expr);

// Whether the rule goes by refusals for this reason, whichever way it selects them.
const counts = (expr: string, reason: string) =>
  [...expr.matchAll(/refused_total\{reason(=~|!~)"([^"]*)"\}/g)].some(
    ([, how, pattern]) => new RegExp(`^(${pattern})$`).test(reason) === (how === '=~'),
  );

test.each(rules)('%s is about metrics that exist, and leads to a heading of the runbook', (_, rule) => {
  const named = rule.expr.match(/\bilive_\w+|\bup\b/g) ?? [];
  expect(named).not.toEqual([]);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
  expect(['page', 'ticket']).toContain(rule.labels.severity);
  const [file = '', anchor = ''] = rule.annotations.runbook.split('#');
  expect(anchorsOf(read(file))).toContain(anchor);
  expect(anchor, 'it says how to look, and not what to do').not.toBe('looking');
});

test('each rule has a case in deploy/alerts-test.yaml that it tells of', () => {
  const told = [...read('deploy/alerts-test.yaml').matchAll(/- alertname: (\w+)/g)].map(([, name]) => name);
  expect(rules.map(([name]) => name).filter((name) => !told.includes(name))).toEqual([]);
});

test('what anybody can send to the open route gets nobody up unless it is a share of what comes', () => {
  for (const reason of [...signatureFailures, 'body_too_large']) {
    const pages = exprOf('page').filter((expr) => counts(expr, reason));
    expect(pages.length, reason).toBeGreaterThan(0);
    for (const expr of pages) expect(expr, reason).toContain('ilive_deliveries_received_total');
    expect(exprOf('ticket').filter((expr) => counts(expr, reason)).length, reason).toBe(1);
  }
  const all = [...exprOf('page'), ...exprOf('ticket')];
  // Nobody is there to be answered, and nothing of it is kept.
  expect(all.filter((expr) => counts(expr, 'connection_aborted'))).toEqual([]);
});

test('nobody is got up for the token of one session', () => {
  expect(exprOf('page').filter((expr) => /vendor_calls_total|about="token"/.test(expr))).toEqual([]);
  expect(exprOf('page').filter((expr) => expr.includes('about="key"'))).toHaveLength(1);
  const ended = exprOf('page').filter((expr) => expr.includes('outcome="unrecoverable"'));
  expect(ended.filter((expr) => !expr.includes('verdict|expired|unrecoverable'))).toEqual([]);
});

test.each([
  ['page', 'outcome="token_unopened"'],
  ['page', 'ilive_refusals_with_remedy'],
  ['ticket', 'ilive_deliveries_shed_total'],
  ['ticket', 'up{job="ilive-webhooks"} == 0'],
])('a %s goes by %s', (severity, part) => {
  expect(exprOf(severity).filter((expr) => expr.includes(part))).toHaveLength(1);
});
