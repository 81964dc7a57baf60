// How the process begins and ends, as who runs it sees it: a stop that was asked for is no failure, also while the database is
// away, and what keeps it from starting is one sentence on the standard error.
import { execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { beforeEach, expect, inject, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { ownEnvironment, startServiceProcess } from '../support/service-process.ts';
import { root } from '../support/source-tree.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { useUndo } from '../support/undo.ts';
import { until } from '../support/until.ts';

const undo = useUndo();
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'ilive-starts-'));
  undo.push(() => rm(folder, { recursive: true, force: true }));
});

/** The process in `folder`, which need not come to listen. */
function runProcess(env: Record<string, string>) {
  const child = spawn(process.execPath, [path.join(root, 'src/main.ts')], {
    cwd: folder,
    env: { ...ownEnvironment(folder), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const wrote = { out: '', err: '' };
  child.stdout.on('data', (chunk) => {
    wrote.out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    wrote.err += chunk;
  });
  const ended = new Promise<number | string | null>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  undo.push(() => {
    child.kill('SIGKILL');
    return ended;
  });
  return { wrote, ended, pid: child.pid ?? 0, kill: (signal: NodeJS.Signals) => child.kill(signal) };
}

async function databaseBehindWire() {
  const database = await createTestDatabase(inject('postgresUrl'));
  undo.push(database.drop);
  const url = new URL(database.url);
  const wire = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
  undo.push(wire.close);
  url.port = String(wire.port);
  return { url: url.href, wire };
}

test.each(['1', '2'])(
  'SIGTERM while the database is waited for ends it with 0; %s processes',
  async (count) => {
    const { url, wire } = await databaseBehindWire();
    await wire.cut();
    const started = runProcess({ DATABASE_URL: url, WEB_CONCURRENCY: count });
    await until(() => started.wrote.out.includes('the database does not answer yet'));
    started.kill('SIGTERM');
    expect(await started.ended).toBe(0);
    expect(started.wrote.err).toBe('');
    await wire.mend();
  },
);

test('SIGTERM while the database is away ends it with 0', async () => {
  const { url, wire } = await databaseBehindWire();
  const service = await startServiceProcess({ DATABASE_URL: url });
  undo.push(() => service.end('SIGKILL'));
  await wire.cut();
  await until(() => service.said('a scheduled task failed; it will run again').length > 0, {
    describe: 'the database is missed',
  });
  expect(await service.end('SIGTERM')).toBe(0);
  await wire.mend();
});

test.each(['1', '2'])('a port that is taken is one sentence; %s processes', async (count) => {
  const { url } = await databaseBehindWire();
  const squatter = createServer().listen(0, '127.0.0.1');
  undo.push(async () => squatter.close());
  const { port } = await until(() => squatter.address() as { port: number } | null);
  const started = runProcess({ DATABASE_URL: url, PORT: String(port), WEB_CONCURRENCY: count });
  expect(await started.ended).toBe(1);
  expect(new Set(started.wrote.err.trim().split('\n'))).toEqual(
    new Set([
      `The address 127.0.0.1:${port} is taken by another program: stop that one, or set PORT or HOST to another.`,
    ]),
  );
});

test('one of several that is killed while it starts takes none down that listens', async () => {
  const { url } = await databaseBehindWire();
  const started = runProcess({ DATABASE_URL: url, WEB_CONCURRENCY: '2' });
  const childrenOf = (pid: number) =>
    execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map(Number);
  const saidCount = (message: string) => started.wrote.out.split(`"msg":"${message}"`).length - 1;
  const victim = await until(() => childrenOf(started.pid)[1]);
  const otherListens = async () => {
    process.kill(victim, 'SIGSTOP');
    const listens = until(() => saidCount('listening') === 1, { deadlineMs: 5_000 });
    const isUp = await listens.catch(() => false);
    if (!isUp) process.kill(victim, 'SIGCONT'); // for a moment: it may hold a lock that the other waits for
    return isUp;
  };
  await until(otherListens);
  process.kill(victim, 'SIGKILL');
  await until(() => saidCount('a process has ended and is started anew') === 1);
  await until(() => saidCount('listening') === 2);
  started.kill('SIGTERM');
  expect(await started.ended).toBe(0);
});

test('an .env that cannot be read, or misspells a key, is told in a sentence and ends it with 78', async () => {
  await mkdir(path.join(folder, '.env'));
  const unread = runProcess({});
  expect(await unread.ended).toBe(78);
  expect(unread.wrote.err).toBe('.env is there and cannot be read (EISDIR).\n');

  await rm(path.join(folder, '.env'), { recursive: true });
  const without = runProcess({ CONFIRM: 'maybe' });
  expect(await without.ended).toBe(78);
  expect(without.wrote.err).toMatch(/^The configuration cannot be used:\n {2}- CONFIRM: /);
  expect(without.wrote.err.split('\n').at(-2)).toBe(
    `There is no .env in ${folder}: only the environment was read.`,
  );
  const lines = [
    '\uFEFFREDIS_URL=',
    'DATABSE_URL=postgres://canary',
    'ENCRYPTION_KEY=x',
    'CONFRIM=always',
    'POSTGRES_PASSWORD=x',
    'NODE_ENV=production',
  ];
  await writeFile(path.join(folder, '.env'), lines.join('\n'));
  const refused = runProcess({ ILIVE_APIKEY: 'x', POTR: '1' });
  expect(await refused.ended).toBe(78);
  expect(refused.wrote.err.trim().split('\n').slice(1).toSorted()).toEqual([
    '  - CONFRIM: there is no such key; did you mean CONFIRM?',
    '  - DATABSE_URL: there is no such key; did you mean DATABASE_URL?',
    '  - ENCRYPTION_KEY: there is no such key; did you mean ENCRYPTION_KEYS?',
    '  - ILIVE_APIKEY: there is no such key; did you mean ILIVE_API_KEY?',
  ]);
});

test('an address whose password is not written for one, or that names a certificate that is not there, ends it with 78 and shows no secret', async () => {
  const unread = runProcess({ DATABASE_URL: 'postgres://me:ca/nary@db/ilive' });
  expect(await unread.ended).toBe(78);
  expect(unread.wrote.err).toMatch(/^The configuration cannot be used:\n {2}- DATABASE_URL: is no address; /);
  const authority = path.join(folder, 'none.pem');
  const address = `postgres://me:nary@localhost/ilive?sslmode=verify-full&sslrootcert=${authority}`;
  const unfound = runProcess({ DATABASE_URL: address });
  expect(await unfound.ended).toBe(78);
  expect(unfound.wrote.err).toBe(
    `DATABASE_URL cannot be used: ENOENT: no such file or directory, open '${authority}'\n`,
  );
  for (const { wrote } of [unread, unfound]) expect(wrote.out + wrote.err).not.toContain('nary');
});

test('a role that may not make tables is told so in a sentence, and ends it with 78', async () => {
  const { url } = await databaseBehindWire();
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  undo.push(() => admin.end());
  // As a database that nothing was made in yet.
  await admin.query('drop schema drizzle cascade');
  await admin.query(`create role reader login password 'reader'`);
  undo.push(() => admin.query('drop role reader'));
  const own = new URL(url);
  own.username = own.password = 'reader';
  const refused = runProcess({ DATABASE_URL: own.href });
  expect(await refused.ended).toBe(78);
  expect(refused.wrote.err).toMatch(
    /^The role of DATABASE_URL may not make .*: permission denied .* CREATE on it and on the first schema of its search_path\.\n$/,
  );
});

test('what a # that nothing quotes cuts off is told by key and line, and never by value', async () => {
  const { url } = await databaseBehindWire();
  const lines = [
    '# BOOTSTRAP_API_KEY=not#this',
    'ILIVE_API_KEY=iksk_canary#canary',
    "REDIS_URL='' # a comment",
    'LOG_LEVEL=info # a comment',
    'API_DOCS="on"#off',
  ];
  await writeFile(path.join(folder, '.env'), lines.join('\n'));
  const started = runProcess({ DATABASE_URL: url });
  await until(() => started.wrote.out.includes('"listening"'));
  const told = started.wrote.out.split('\n').filter((line) => line.includes('that nothing quotes'));
  expect(told.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ level: 40, key: 'ILIVE_API_KEY', line: 2 }),
  ]);
  expect(started.wrote.out + started.wrote.err).not.toContain('canary');

  await writeFile(path.join(folder, '.env'), 'PORT=80#canary\nILIVE_RATE_PER_MINUTE=many\n');
  const refused = runProcess({});
  expect(await refused.ended).toBe(78);
  expect(refused.wrote.err).toMatch(/^PORT: the value in line 1 of \.env ends at a # .*\n.*cannot be used/);
  expect(refused.wrote.err).not.toContain('canary');
});

test('secrets are read from the files that are named for them, by each process', async () => {
  const { url } = await databaseBehindWire();
  const files = {
    DATABASE_URL: url,
    ILIVE_WEBHOOK_SECRETS: 'whsec_of_a_file',
    BOOTSTRAP_API_KEY: 'the-key-of-a-file',
  };
  const env: Record<string, string> = { WEB_CONCURRENCY: '2' };
  for (const [key, value] of Object.entries(files)) {
    await writeFile(path.join(folder, key), `${value}\n`);
    Object.assign(env, { [key]: '', [`${key}_FILE`]: key });
  }
  const started = runProcess(env);
  const address = await until(() => /"address":"([^"]+)"/.exec(started.wrote.out)?.[1]);
  const asked = { headers: { authorization: `Bearer ${files.BOOTSTRAP_API_KEY}` } };
  expect((await fetch(`${address}/v1/ops/secrets`, asked)).status).toBe(200);
  expect(started.wrote.out + started.wrote.err).not.toMatch(/of.a.file/);

  await rm(path.join(folder, 'ILIVE_WEBHOOK_SECRETS'));
  const refused = runProcess(env);
  expect(await refused.ended).toBe(78);
  expect(refused.wrote.err).toContain(
    '  - ILIVE_WEBHOOK_SECRETS_FILE: ILIVE_WEBHOOK_SECRETS cannot be read (ENOENT)\n',
  );
});
