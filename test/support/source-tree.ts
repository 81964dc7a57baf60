// Reads this repository as a tree of texts, path → content, with what is written by hand and nothing that is installed,
// built or locked. What git ignores by folder is left out by name, so that no git is needed.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Tree } from './house-rules.ts';

export const root = path.resolve(import.meta.dirname, '../..');

const skippedFolders = new Set(['node_modules', '.git', '.data', 'dist', 'coverage', 'meta']);
const textName = /(\.(ts|mjs|md|json|ya?ml|sql|sh|example)|Dockerfile|\.dockerignore|\/run)$/;

export function readSourceTree(): Tree {
  const files: Record<string, string> = {};
  const read = (folder: string) => {
    for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const name = path.posix.join(folder, entry.name);
      if (entry.isDirectory() && !skippedFolders.has(entry.name)) read(name);
      if (entry.isFile() && textName.test(name) && name !== 'package-lock.json') {
        files[name] = readFileSync(path.join(root, name), 'utf8');
      }
    }
  };
  read('');
  return files;
}
