// The command line for tests, in this process or as a child: its arguments and environment in, its two outputs and exit code out.
import { type ChildProcess, spawn } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { inject } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { createTestDatabase } from '../support/database.ts';
import { apiKey, secret } from '../support/service.ts';
import { root } from '../support/source-tree.ts';
import { until } from '../support/until.ts';

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export const ownProgram = path.join(root, 'src/cli/main.ts');

/** Starts it with the given environment and nothing of ours but where the run keeps what it has compiled. */
export function startCli(
  args: readonly string[],
  env: Record<string, string>,
  cwd: string,
  program = ownProgram,
): ChildProcess {
  return spawn(process.execPath, [program, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? '', ...env },
    stdio: 'pipe',
  });
}

/** Runs it to its end, as people do. Starting a process takes a second of a busy processor: see `runCli`. */
export async function runProgram(
  args: readonly string[],
  options: { env?: Record<string, string>; cwd?: string; input?: string; program?: string } = {},
): Promise<Ran> {
  const { env = {}, cwd = os.tmpdir(), input = '', program } = options;
  const child = startCli(args, env, cwd, program);
  if (child.stdin === null || child.stdout === null || child.stderr === null) throw new Error('no pipes');
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.stdin.on('error', () => {}); // a command that reads nothing may be gone already
  child.stdin.end(input);
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, out, err };
}

/** The same in this process: everything but `main.ts` and what it asks the process for. */
export async function runCli(
  args: readonly string[],
  { env = {}, input = '' }: { env?: Record<string, string>; input?: string } = {},
): Promise<Ran> {
  let out = '';
  let err = '';
  const code = await run(args, {
    env,
    now: () => new Date(),
    print: (line) => {
      out += `${line}\n`;
    },
    tell: (line) => {
      err += `${line}\n`;
    },
    paint: (_format, plain) => plain,
    readInput: async () => input,
    isTerminal: false,
    terminalSize: () => undefined,
    question: () => Promise.reject(new Error('only a person at a terminal is asked')),
    interrupted: () => new AbortController().signal,
  });
  return { code, out, err };
}

/** Has `start` run a service on a database of its own, asks that once, and stops it with SIGTERM: what came of both. */
export async function startAskAndStop(
  cwd: string,
  program?: string,
): Promise<{ counted: Ran; exitCode: number | null }> {
  const database = await createTestDatabase(inject('postgresUrl'));
  const env = {
    DATABASE_URL: database.url,
    HOST: '127.0.0.1',
    PORT: '0',
    ILIVE_WEBHOOK_SECRETS: secret,
    BOOTSTRAP_API_KEY: apiKey,
    SHUTDOWN_DELAY_SECONDS: '0', // nothing stands in front of it
  };
  const child = startCli(['start'], env, cwd, program);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  try {
    let log = '';
    child.stdout?.on('data', (chunk) => {
      log += chunk;
    });
    const url = await until(() => /"address":"([^"]+)"/.exec(log)?.[1]);
    const asking = { ILIVE_WEBHOOKS_URL: url, ILIVE_WEBHOOKS_API_KEY: apiKey };
    const counted = await runProgram(['completeness'], { env: asking, ...(program && { program }) });
    child.kill('SIGTERM');
    return { counted, exitCode: await ended };
  } finally {
    child.kill('SIGTERM'); // not harder: it would leave the service behind
    await ended;
    await database.drop();
  }
}
