// What package.json promises to those who install us stands on sources that exist, and the examples are checked against
// the very files that the package exports.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../support/source-tree.ts';

const read = (file: string) => JSON.parse(readFileSync(path.join(root, file), 'utf8'));
const manifest = read('package.json') as {
  bin: Record<string, string>;
  exports: Record<string, string | { types: string; default: string }>;
  files: string[];
};

const sourceOf = (built: string) => built.replace(/^\.\/dist\/(.+?)(\.d\.ts|\.js)$/, 'src/$1.ts');

test('every export and the command are built from a source, which gives types and code alike', () => {
  const targets = Object.values(manifest.exports).filter((target) => typeof target !== 'string');
  expect(targets.length).toBeGreaterThan(0);
  for (const { types, default: code } of targets) {
    expect(sourceOf(types)).toBe(sourceOf(code));
    expect(existsSync(path.join(root, sourceOf(code))), code).toBe(true);
  }
  expect(sourceOf(manifest.bin['ilive-webhooks'] ?? '')).toBe('src/cli/main.ts');
});

test('the command’s source begins with the line that makes it a program', () => {
  expect(readFileSync(path.join(root, 'src/cli/main.ts'), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
});

test('the package holds what the built service looks for beside itself', () => {
  expect(manifest.files).toEqual(expect.arrayContaining(['dist', 'migrations']));
});

test('what the examples import is what the package exports', () => {
  const { paths } = read('examples/tsconfig.json').compilerOptions as { paths: Record<string, string[]> };
  for (const [name, [source]] of Object.entries(paths)) {
    const target = manifest.exports[name.replace('ilive-webhooks', '.')];
    expect(typeof target === 'object' && `../${sourceOf(target.default)}`, name).toBe(source);
  }
});

test('the example asks for the tarball that `npm pack` makes of this version', () => {
  const { dependencies } = read('examples/verify-user/package.json') as {
    dependencies: Record<string, string>;
  };
  const { name, version } = read('package.json') as { name: string; version: string };
  expect(dependencies[name]).toBe(`file:../../${name}-${version}.tgz`);
});
