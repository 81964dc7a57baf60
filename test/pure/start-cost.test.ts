import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

// 136 to 152 MB, measured 2026-11-25; one value that is imported from drizzle-orm, and it is 280 to 385 MB.
const loadedMaxMegabytes = 200;

// Elsewhere than on Linux the system's own figure, which on Linux counts what the parent had as well.
const tellPeak = existsSync('/proc/self/status')
  ? `/VmHWM:\\s+(\\d+)/.exec(require('node:fs').readFileSync('/proc/self/status', 'utf8'))[1]`
  : 'process.resourceUsage().maxRSS';

test('guarantee 10: the whole service is loaded in less memory than a receiver may use', async () => {
  const script = `import('./src/service.ts').then(() => console.log(${tellPeak} / 1024))`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { cwd: root });
  expect(Number(stdout)).toBeLessThan(loadedMaxMegabytes);
}, 60_000);

test('every way to start the service gives Node the same limit', () => {
  const flag = '--max-semi-space-size=16';
  const places = [
    'scripts/run.mjs',
    'src/cli/start.ts',
    'src/simulator/child-service.ts',
    'deploy/Dockerfile',
  ];
  const texts = [...places, 'docs/operations.md', 'CONTRIBUTING.md'];
  const isWithout = (file: string) => !readFileSync(path.join(root, file), 'utf8').includes(flag);
  expect(texts.filter(isWithout)).toEqual([]);
});
