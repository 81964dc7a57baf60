// What the documents list is what there is: the codes of errors, the limits of fields, the tables, files, the version.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { shownCodes } from '../../src/http/problem-shape.ts';
import { readVersion } from '../../src/version.ts';
import { readSourceTree, root } from '../support/source-tree.ts';

const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

describe('docs/api.md', () => {
  const api = read('docs/api.md');

  test('names every code that an answer may have', () => {
    const written = readdirSync(path.join(root, 'src/http'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => [...read(path.join('src/http', name)).matchAll(/\bcode: '(\w+)'/g)])
      .map(([, code = '']) => code);
    expect(written).toContain('head_too_large');
    expect([...shownCodes, ...written].filter((code) => !api.includes(`\`${code}\``))).toEqual([]);
  });

  test('names the limits of fields as the OpenAPI document has them', () => {
    const document = JSON.parse(read('docs/openapi.json'));
    const fieldsOf = (url: string, method: string) =>
      document.paths[url][method].requestBody.content['application/json'].schema.properties;
    const created = fieldsOf('/v1/sessions', 'post');
    const registered = fieldsOf('/v1/sessions/{session_id}', 'put');
    const limits = {
      '`reference_id`': created.reference_id.maxLength,
      '`redirect_url`': created.redirect_url.maxLength,
      '`token`': registered.token.maxLength,
      '`session_ids`': fieldsOf('/v1/sessions/lookup', 'post').session_ids.maxItems,
      '`name` of an API key': fieldsOf('/v1/ops/keys', 'post').name.maxLength,
    };
    const table = api.slice(api.indexOf('## Limits of fields'), api.indexOf('## The contract'));
    for (const [field, limit] of Object.entries(limits)) {
      const row = table.split('\n').find((line) => line.startsWith('|') && line.includes(field));
      expect(row, field).toMatch(new RegExp(`\\b${limit.toLocaleString('en')}\\b`));
    }
  });
});

describe('the tables in ARCHITECTURE.md', () => {
  test('are all tables of the schema, and no others', () => {
    const files = readdirSync(path.join(root, 'src/db')).filter((name) => /^schema.*\.ts$/.test(name));
    const made = files
      .flatMap((name) => [...read(path.join('src/db', name)).matchAll(/\bpgTable\(\s*'(\w+)'/g)])
      .map(([, name]) => name);
    const text = read('ARCHITECTURE.md');
    const section = text.slice(text.indexOf('## The tables'), text.indexOf('## What happens when'));
    const listed = [...section.matchAll(/^\| `(\w+)` \| \S/gm)].map(([, name]) => name);
    expect(listed.toSorted()).toEqual(made.toSorted());
    expect(made).toContain('deliveries');
  });
});

test('every room and file of src/ has its place in ARCHITECTURE.md', () => {
  const text = read('ARCHITECTURE.md');
  const inside = readdirSync(path.join(root, 'src')).map((name) => name.replace(/\.ts$/, ''));
  const isPlaced = (name: string) => new RegExp(`\`${name}(\\.ts|/)?\``).test(text);
  expect(inside.filter((name) => !isPlaced(name) && !name.startsWith('config-keys'))).toEqual([]);
});

describe('the files that documents and comments name', () => {
  const tree = Object.entries(readSourceTree());
  const top = new Set(tree.flatMap(([file]) => [file.split('/')[0], /^src\/([^/]+)\//.exec(file)?.[1]]));
  // Made up, empty in a clone, or of the commits that the report names.
  const isElsewhere = (name: string) =>
    /^docs\/decisions\/NNN-|^test\/regressions\/$|^queue\/schedule/.test(name);
  const isThere = (name: string) =>
    ['', 'src/'].some((room) => ['', '.ts'].some((end) => existsSync(path.join(root, room + name + end))));

  test('are there, such as `src/db/facts.ts`, `db/facts` or `http/ops/`', () => {
    const texts = tree.filter(([file]) => /\.md$|^(src|bench|scripts)\/.*\.ts$/.test(file));
    const lost = texts.flatMap(([file, text]) =>
      [...text.matchAll(/`(([\w.-]+)\/[\w./-]*)`/g)]
        .filter(([, name = '', folder]) => top.has(folder) && !isThere(name) && !isElsewhere(name))
        .map(([, name]) => `${file}: ${name}`),
    );
    expect(lost).toEqual([]);
  });
});

test('the version is the same wherever it is named', () => {
  const version = readVersion();
  const names = {
    'README.md': `This is version ${version}.`,
    'CHANGELOG.md': ` ${version}`,
    'docs/sdk.md': `ilive-webhooks-sdk-${version}.tgz`,
    'examples/onboarding/package.json': `ilive-webhooks-sdk-${version}.tgz`,
    'examples/verify-user/package.json': `ilive-webhooks-${version}.tgz`,
    'package-lock.json': `"version": "${version}",`,
  };
  const behind = Object.entries(names).filter(([file, name]) => !read(file).includes(name));
  expect(behind).toEqual([]);
});
