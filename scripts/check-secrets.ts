// Part of `npm run check`: no file that git tracks holds what looks like a secret.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { findSecrets } from './find-secrets.ts';

const root = path.resolve(import.meta.dirname, '..');

function trackedFiles(): string[] {
  // Also what is new and not ignored: it is the next to be committed.
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: 'pipe' });
  return listed.split('\0').filter((file) => file !== '');
}

let files: string[] = [];
try {
  files = trackedFiles();
} catch {
  console.log('NOT CHECKED: there is no git here that says which files are tracked.');
}
let count = 0;
for (const file of files) {
  let text = '';
  try {
    text = readFileSync(path.join(root, file), 'utf8');
  } catch {
    continue; // removed, and not committed yet
  }
  for (const problem of await findSecrets(file, text)) {
    console.log(problem);
    count += 1;
  }
}
process.exitCode = count === 0 ? 0 : 1;
