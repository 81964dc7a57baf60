// The service as the process that operators run, for tests that end it with a signal.
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFailed, TestRunner } from 'vitest';
import { apiKey, neverSheds, secret } from './service.ts';

export interface ServiceProcess {
  readonly url: string;
  readonly pid: number;
  /** What it has logged with this message so far, and so have those that it has started. */
  said(message: string): Record<string, unknown>[];
  /** All that it has written so far, to its log and to its standard error. */
  written(): string;
  /** Sends a signal and resolves with the exit code, or the signal that ended it. */
  end(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<number | string | null>;
}

const shownLines = 60;

/** What a service as a process of its own is started with, and nothing of ours but where the run keeps what it has compiled. */
export function ownEnvironment(dataDir: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? '',
    HOST: '127.0.0.1',
    PORT: '0',
    // A folder of its own: what one service leaves in the outage store must not get into another's database.
    DATA_DIR: dataDir,
    ILIVE_WEBHOOK_SECRETS: secret,
    BOOTSTRAP_API_KEY: apiKey,
    SHUTDOWN_DELAY_SECONDS: '0',
    SWEEP_INTERVAL_SECONDS: '1',
    SWEEP_OVERDUE_SECONDS: '1',
    API_RATE_PER_MINUTE: '0', // who waits for facts asks often
    ...neverSheds,
  };
}

/**
 * Starts `src/main.ts` with the given environment and nothing of ours; resolves once it listens. Where a test has started it and
 * fails, it shows what the process wrote last and how it ended.
 */
export async function startServiceProcess(env: Record<string, string>): Promise<ServiceProcess> {
  const dataDir = await mkdtemp(join(tmpdir(), 'ilive-process-'));
  const child = spawn(process.execPath, ['src/main.ts'], {
    cwd: new URL('../..', import.meta.url),
    env: { ...ownEnvironment(dataDir), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | string | null>((resolve) => {
    child.once('exit', (code, signal) => {
      rmSync(dataDir, { recursive: true, force: true });
      resolve(code ?? signal);
    });
  });
  const heard = listenTo(child);
  if (TestRunner.getCurrentTest() !== undefined) onTestFailed(() => show(child, heard));
  return {
    url: await addressOf(heard, ended),
    said: (message) => heard.said.filter(({ msg }) => msg === message),
    written: () => heard.lines.join('\n'),
    pid: child.pid ?? 0,
    end: (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}

function show({ pid, exitCode, signalCode }: ChildProcess, { lines }: Heard): void {
  const how = exitCode ?? signalCode ?? 'it still runs';
  console.error(`process ${pid} (${how}) wrote last:\n${lines.slice(-shownLines).join('\n')}`);
}

interface Heard {
  readonly lines: string[];
  readonly said: Record<string, unknown>[];
  readonly address: Promise<string>;
}

function listenTo(child: ChildProcess): Heard {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('the child has no output');
  const lines: string[] = [];
  const said: Record<string, unknown>[] = [];
  stderr.on('data', (chunk) => lines.push(String(chunk)));
  const address = new Promise<string>((resolve) => {
    createInterface({ input: stdout }).on('line', (line) => {
      lines.push(line);
      const entry = line.startsWith('{') ? (JSON.parse(line) as { msg?: string; address?: string }) : {};
      said.push(entry);
      if (entry.msg === 'listening' && entry.address !== undefined) resolve(entry.address);
    });
  });
  return { lines, said, address };
}

async function addressOf({ lines, address }: Heard, ended: Promise<unknown>): Promise<string> {
  const failed = ended.then((how) => {
    throw new Error(`the service ended (${how}) before it listened:\n${lines.slice(-10).join('\n')}`);
  });
  failed.catch(() => {});
  return Promise.race([address, failed]);
}
