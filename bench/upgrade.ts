// `npm run upgrade`: the version before and this one side by side on one database, under load. The earlier one is at work
// while this one starts and migrates; both serve for a while; the earlier one is restarted on the newer schema, where it
// knows how to; then it leaves. No request may fail, none may be answered 5xx, nothing accepted may be missing or there
// twice. Exit code 1 when any of it is not so.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { startBalancer } from '../test/support/balancer.ts';
import { readCount } from './options.ts';
import { judge } from './restart-judge.ts';
import { startRestartLoad } from './restart-load.ts';
import { createMember, type Member } from './restart-member.ts';
import { type Bench, runBench } from './run-bench.ts';
import { startPostgres } from './start-service.ts';

interface UpgradeOptions {
  readonly from: string | undefined;
  readonly hasOwnModules: boolean;
  readonly seconds: number;
  readonly rate: number;
}

const help = `
Runs an earlier version and this one on one database under load: the earlier one goes on while this one migrates.

Usage: npm run upgrade -- [options]

  --from COMMIT   the earlier version (default: the last commit with fewer migrations than now)
  --own-modules   install what that version locks, instead of using what is installed here
  --seconds N     how long each phase lasts (default 10)
  --rate N        requests a second at most (default 300)
  --help          this text
`.trim();

function readOptions(args: readonly string[]): UpgradeOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      from: { type: 'string' },
      'own-modules': { type: 'boolean', default: false },
      seconds: { type: 'string', default: '10' },
      rate: { type: 'string', default: '300' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  return {
    from: values.from,
    hasOwnModules: values['own-modules'],
    seconds: readCount('seconds', values.seconds, 3_600),
    rate: readCount('rate', values.rate, 20_000),
  };
}

const root = path.resolve(import.meta.dirname, '..');
const runFile = promisify(execFile);
const journal = 'migrations/meta/_journal.json';
const senders = 16;
const readyWithinMs = 120_000;

const git = async (...args: string[]) => (await runFile('git', args, { cwd: root })).stdout.trim();

// The commit before the one that last added a migration, or the last commit while one is being written.
async function findEarlier(): Promise<string> {
  if ((await git('status', '--porcelain', '--', 'migrations')) !== '') return git('rev-parse', 'HEAD');
  const last = await git('log', '-1', '--diff-filter=A', '--format=%H', '--', 'migrations/*.sql');
  return git('rev-parse', `${last}^`);
}

async function unpack(commit: string, hasOwnModules: boolean, { undo }: Bench): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'ilive-upgrade-'));
  undo.push(() => rm(dir, { recursive: true, force: true }));
  const archive = path.join(dir, 'code.tar');
  await git('archive', '--output', archive, commit);
  await runFile('tar', ['-xf', archive, '-C', dir]);
  if (hasOwnModules) await runFile('npm', ['ci', '--no-audit', '--no-fund'], { cwd: dir });
  else await symlink(path.join(root, 'node_modules'), path.join(dir, 'node_modules'));
  return dir;
}

async function countMigrations(dir: string): Promise<number> {
  return (JSON.parse(await readFile(path.join(dir, journal), 'utf8')) as { entries: unknown[] }).entries
    .length;
}

async function run(options: UpgradeOptions, bench: Bench): Promise<boolean> {
  const { signal, undo } = bench;
  const commit = await git('rev-parse', options.from ?? (await findEarlier()));
  const dir = await unpack(commit, options.hasOwnModules, bench);
  console.log(
    `from ${commit.slice(0, 10)} with ${await countMigrations(dir)} migrations to this version with ${await countMigrations(root)}`,
  );
  const postgres = await startPostgres();
  undo.push(postgres.stop);
  const [secret, apiKey] = [randomBytes(24).toString('hex'), randomBytes(24).toString('hex')];
  const settings = {
    DATABASE_URL: postgres.url,
    ILIVE_WEBHOOK_SECRETS: secret,
    BOOTSTRAP_API_KEY: apiKey,
    API_RATE_PER_MINUTE: '1000000',
    SHUTDOWN_DELAY_SECONDS: '5',
  };
  const earlier = await createMember({ ...settings, ROLE: 'all' }, bench, dir);
  const later = await createMember({ ...settings, ROLE: 'all' }, bench);
  await earlier.start();
  const balancer = await startBalancer([earlier.address, later.address], {
    checkEveryMs: 1_000,
    failuresToLeave: 2,
  });
  undo.push(balancer.close);
  const untilSentTo = async (member: Member) => {
    const deadline = performance.now() + readyWithinMs;
    while (!balancer.isSentTo(member.address)) {
      if (performance.now() > deadline) throw new Error('a process did not become ready');
      await wait(50, undefined, { signal });
    }
  };
  await untilSentTo(earlier);
  const load = startRestartLoad({ url: balancer.url, secret, apiKey, senders, perSecond: options.rate });
  undo.push(load.stop);
  const phase = async (name: string) => {
    await wait(options.seconds * 1000, undefined, { signal });
    console.log(`${name}: ${load.count()} requests, ${JSON.stringify(load.statuses)}`);
  };
  await phase('the earlier version alone');
  await later.start();
  await untilSentTo(later);
  await phase('this version has migrated; both are at work');
  const endings: string[] = [];
  const leave = async () => {
    // Versions before the delay close their door at once: whoever runs them takes them out of the proxy first.
    if (!(await hasDelay(dir))) balancer.takeOut(earlier.address);
    endings.push(`the earlier version: ${await earlier.end()}`);
  };
  await leave();
  if (existsSync(path.join(dir, 'src/db/migration-files.ts'))) {
    await earlier.start();
    balancer.takeIn(earlier.address);
    await untilSentTo(earlier);
    await phase('the earlier version was started anew on the newer schema');
    await leave();
  }
  await phase('this version alone');
  await load.stop();
  return judge(load, endings, postgres.url, signal);
}

async function hasDelay(dir: string): Promise<boolean> {
  return (await readFile(path.join(dir, '.env.example'), 'utf8')).includes('SHUTDOWN_DELAY_SECONDS');
}

runBench(help, readOptions, run);
