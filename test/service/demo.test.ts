// `npm run demo` from end to end, as a user runs it: a real service, a real Postgres, every fault, and an oracle that
// must agree. On either queue, and with nothing left behind, also when it is killed in the middle.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { defaultShares } from '../../src/simulator/faults.ts';
import { createTestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const root = path.resolve(import.meta.dirname, '../..');
const demoTimeoutMs = 120_000;

let temporaryDir = '';

beforeAll(async () => {
  temporaryDir = await mkdtemp(path.join(os.tmpdir(), 'ilive-demo-test-'));
  await chmod(temporaryDir, 0o711); // started by root, Postgres runs as another user and has to get through
});

afterAll(async () => {
  await rm(temporaryDir, { recursive: true, force: true });
});

interface Demo {
  readonly child: ChildProcess;
  output(): string;
  readonly ended: Promise<number | null>;
  hasLeftNothing(): Promise<boolean>;
}

// The demo's own temporary folder is made inside ours, so that what it leaves behind can be seen.
async function startDemo(args: readonly string[], env: Record<string, string> = {}): Promise<Demo> {
  const ownDir = await mkdtemp(path.join(temporaryDir, 'one-'));
  await chmod(ownDir, 0o711);
  const { REDIS_URL: _redis, ILIVE_DEMO_DATABASE_URL: _database, ...inherited } = process.env;
  const child = spawn(process.execPath, [path.join(root, 'src/simulator/demo.ts'), ...args], {
    env: { ...inherited, TMPDIR: ownDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  return {
    child,
    output: () => Buffer.concat(chunks).toString(),
    ended: new Promise((resolve) => child.once('close', resolve)),
    hasLeftNothing: async () => {
      const left = await readdir(ownDir);
      return left.filter((name) => name.startsWith('ilive-demo-')).length === 0;
    },
  };
}

describe.each([
  ['postgres', 'reference'],
  ['redis', 'managed'],
] as const)('with the queue on %s, in the %s dialect', (queue, dialect) => {
  test(
    'the tables match the oracle, and the numbers add up',
    async () => {
      const env = queue === 'redis' ? { REDIS_URL: inject('redisUrl') } : {};
      const args = ['--once', '--sessions', '60', '--seed', '3', '--json', '--dialect', dialect];
      const demo = await startDemo(args, env);
      const exitCode = await demo.ended;
      expect(exitCode, demo.output()).toBe(0);
      const summary = JSON.parse(demo.output());
      expect(summary).toMatchObject({
        queue,
        seed: 3,
        matchesOracle: true,
        differences: [],
        undecided: 0,
        lost: 0,
      });
      const { sent, accepted, refused, sessions, verdicts, deliveries, parked, completeness } = summary;
      expect(sent.requests).toBe(accepted.total + refused.total);
      expect(sent.attempts).toBe(sent.requests + sent.retries);
      expect(sent.retries).toBe(sent.networkErrors + sent.serverErrors);
      expect(sent.networkErrors).toBe(Math.round(60 * defaultShares.cut));
      expect(accepted.total).toBe(accepted.deliveries + accepted.repeats);
      expect(accepted.deliveries + summary.pulled).toBe(deliveries.done + deliveries.parked);
      expect(parked.total).toBe(deliveries.parked);
      expect(sent.droppedSessions).toBe(6);
      expect(sessions.byPull).toBeGreaterThanOrEqual(6);
      expect(sessions.byWebhook + sessions.byPull).toBe(60);
      expect(completeness).toMatchObject({
        adds_up: true,
        expected: sessions.total,
        open: sessions.expected,
        expired: 0,
        unrecoverable: 0,
      });
      expect(sessions.total).toBe(sessions.settled + sessions.disputed + sessions.expected);
      expect(verdicts.pass + verdicts.retry + verdicts.fail).toBe(sessions.settled + sessions.disputed);
      expect(refused.byCode).toEqual({
        signature_mismatch: 2,
        missing_signature: 1,
        timestamp_too_old: 1,
        timestamp_too_new: 1,
      });
      expect(await demo.hasLeftNothing()).toBe(true);
    },
    demoTimeoutMs,
  );
});

// That all of them never come, `heals-lost-deliveries` plays.
test(
  'with webhooks that never come, and confirming always, the tables match the oracle too',
  async () => {
    const database = await createTestDatabase(inject('postgresUrl'));
    const args = ['--json', '--sessions', '50', '--seed', '7', '--drop', '0.3'];
    const env = { ILIVE_DEMO_DATABASE_URL: database.url };
    const demo = await startDemo([...args, '--dialect', 'managed', '--confirm', 'always'], env);
    const exitCode = await demo.ended;
    await database.drop();
    expect(exitCode, demo.output()).toBe(0);
    const { sent, sessions, completeness, differences } = JSON.parse(demo.output());
    expect(differences).toEqual([]);
    expect(sent.droppedSessions).toBe(15);
    expect(sessions.byWebhook + sessions.byPull).toBe(50);
    expect(sessions.byPull).toBeGreaterThanOrEqual(sent.droppedSessions);
    const { settled_by_webhook, settled_by_pull, disputed, open } = completeness;
    expect(completeness).toMatchObject({ adds_up: true, expired: 0, unrecoverable: 0 });
    expect(settled_by_webhook + settled_by_pull + disputed + open).toBe(completeness.expected);
  },
  demoTimeoutMs,
);

test(
  'what it made the service refuse is told as refused, and not as a warning',
  async () => {
    const database = await createTestDatabase(inject('postgresUrl'));
    const args = ['--once', '--sessions', '10', '--seed', '3', '--faults', 'tampered'];
    const demo = await startDemo(args, { ILIVE_DEMO_DATABASE_URL: database.url });
    const exitCode = await demo.ended;
    await database.drop();
    expect(exitCode, demo.output()).toBe(0);
    expect(demo.output()).toMatch(/signature_mismatch\s+1\n/);
    expect(demo.output()).not.toMatch(/^ +- .*refused/m);
  },
  demoTimeoutMs,
);

test(
  'it stays up for the lines to paste, and Ctrl-C ends everything',
  async () => {
    const demo = await startDemo(['--sessions', '5', '--seed', '3', '--faults', 'none']);
    await until(() => demo.output().includes('Ctrl-C stops it'), { deadlineMs: demoTimeoutMs });
    const [, key, url] = /Bearer (\S+)' '(http:\S+)'/.exec(demo.output()) ?? [];
    const answer = await fetch(url ?? '', { headers: { authorization: `Bearer ${key}` } });
    expect(answer.status).toBe(200);
    demo.child.kill('SIGINT');
    expect(await demo.ended, demo.output()).toBe(0);
    await expect(fetch(url ?? '')).rejects.toThrow();
    expect(await demo.hasLeftNothing()).toBe(true);
  },
  demoTimeoutMs,
);

test(
  'killed without a chance to clear up, it leaves no service and no folder either',
  async () => {
    const demo = await startDemo(['--sessions', '5', '--seed', '3', '--faults', 'none']);
    await until(() => demo.output().includes('It listens on'), { deadlineMs: demoTimeoutMs });
    const [url] = /http:\/\/[\d.:]+\d/.exec(demo.output()) ?? [];
    demo.child.kill('SIGKILL');
    const isGone = () =>
      fetch(`${url}/healthz`).then(
        () => false,
        () => true,
      );
    await until(async () => (await isGone()) && (await demo.hasLeftNothing()), { deadlineMs: 40_000 });
  },
  demoTimeoutMs,
);

test('a command line that is wrong is told so, with exit code 2', async () => {
  const wrong: [string[], RegExp][] = [
    [['--sesions', '5'], /Unknown option '--sesions'/],
    [['--sessions', 'many'], /--sessions must be a whole number from 1 to 1000000, not "many"/],
    [['--drop', '2'], /--drop must be a number from 0 to 1, not "2"/],
    [['--dialect', 'latin'], /--dialect must be one of reference, managed, not "latin"/],
    [['--faults', 'slwo'], /"slwo" is no fault/],
    [['now'], /now/],
  ];
  for (const [args, sentence] of wrong) {
    const demo = await startDemo(args);
    expect(await demo.ended).toBe(2);
    expect(demo.output()).toMatch(sentence);
    expect(demo.output()).not.toMatch(/\n\s+at /);
    expect(await demo.hasLeftNothing()).toBe(true);
  }
});
