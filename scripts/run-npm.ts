// Runs npm itself: the one that started us, or the one on the path. It is never asked to install or change anything.
import { spawn } from 'node:child_process';
import path from 'node:path';

export interface NpmResult {
  /** Null where it did not end in time or could not be started. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const root = path.resolve(import.meta.dirname, '..');

export function runNpm(args: readonly string[], timeoutMs: number): Promise<NpmResult> {
  const own = process.env.npm_execpath;
  const isNpm = own !== undefined && /^npm-cli\.c?js$/.test(path.basename(own));
  const [file, first] = isNpm ? [process.env.npm_node_execpath ?? process.execPath, [own]] : ['npm', []];
  return new Promise((resolve) => {
    const child = spawn(file, [...first, ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
      shell: !isNpm && process.platform === 'win32',
    });
    const [out, err]: Buffer[][] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => out?.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err?.push(chunk));
    const finish = (code: number | null, more = '') =>
      resolve({
        code,
        stdout: Buffer.concat(out ?? []).toString(),
        stderr: Buffer.concat(err ?? []).toString() + more,
      });
    child.on('error', (error) => finish(null, error.message));
    child.on('close', (code) => finish(code));
  });
}
