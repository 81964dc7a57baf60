// The bundled Postgres keeps what it acknowledged, whoever dies and in whatever order, and belongs to one process at a
// time. Everything here runs real processes on real folders, durable as in production.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded.ts';
import { createLog } from '../../src/log.ts';
import { silent } from '../support/service.ts';
import { until } from '../support/until.ts';

const log = createLog('silent');
const ownerScript = path.join(import.meta.dirname, '..', 'support', 'embedded-owner.ts');
const enoughRows = 200;
const onEmptyFolder = 'on an empty folder: ';
let madeDir: string;
let dataDir: string;
let children: ChildProcess[];
let started: EmbeddedPostgres[];

// One cluster is made; all tests but those about making one begin with a copy, which takes a tenth of the time.
beforeAll(async () => {
  madeDir = await mkdtemp(path.join(os.tmpdir(), 'ilive-embedded-made-'));
  await chmod(madeDir, 0o711);
  await (await startEmbeddedPostgres({ dataDir: madeDir, log })).stop();
});
afterAll(() => rm(madeDir, { recursive: true, force: true }));

beforeEach(async ({ task }) => {
  dataDir = await mkdtemp(path.join(os.tmpdir(), 'ilive-embedded-'));
  await chmod(dataDir, 0o711);
  if (!task.name.startsWith(onEmptyFolder))
    await cp(madeDir, dataDir, { recursive: true, preserveTimestamps: true });
  children = [];
  started = [];
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(started.map((postgres) => postgres.stop()));
  await until(async () => (await readPostmasterPid()) === undefined, {
    describe: 'every Postgres has stopped',
  });
  await rm(dataDir, { recursive: true, force: true });
});

async function start(settings: Record<string, string> = {}): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dataDir, log, settings });
  started.push(postgres);
  return postgres;
}

async function query<R extends pg.QueryResultRow>(url: string, text: string): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<R>(text)).rows;
  } finally {
    await client.end();
  }
}

/** The pid of the Postgres that runs on a data folder now. */
async function readPostmasterPid(dir = dataDir): Promise<number | undefined> {
  const text = await readFile(path.join(dir, 'pg18', 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number(text.split('\n')[0]);
  return pid > 0 && isAlive(pid) ? pid : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== 'linux') return true;
  // A process whose parent died first may stay in the table as a zombie for as long as pid 1 likes.
  return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

async function startOwner(task: 'wait' | 'write') {
  const child = spawn(process.execPath, [ownerScript, dataDir, task], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const first = await until(() => lines[0], {
    describe: 'the owner says that it is ready',
  });
  return {
    child,
    first: JSON.parse(first) as { url?: string; failed?: string },
    acknowledged: () => lines.slice(1),
  };
}

async function startWritingOwner() {
  const owner = await startOwner('write');
  await until(() => owner.acknowledged().length >= enoughRows, {
    describe: 'rows are written',
  });
  return owner;
}

async function killAndWait(child: ChildProcess): Promise<void> {
  const closed = new Promise((resolve) => child.once('close', resolve)); // "close" comes after its last output
  child.kill('SIGKILL');
  await closed;
}

async function expectKept(acknowledged: string[]): Promise<void> {
  const { url } = await start();
  const rows = await query<{ id: number }>(url, 'SELECT id FROM kept');
  const kept = new Set(rows.map((row) => String(row.id)));
  expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
}

test(`${onEmptyFolder}starts as whoever runs it, durable and closed to strangers`, async () => {
  const { url } = await start();
  const shown = 'SELECT current_setting($1) AS value';
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const [name, value] of [
    ['fsync', 'on'],
    ['full_page_writes', 'on'],
    ['synchronous_commit', 'on'],
    ['listen_addresses', '127.0.0.1'],
    ['unix_socket_directories', ''],
    ['server_encoding', 'UTF8'],
  ]) {
    expect((await client.query(shown, [name])).rows).toEqual([{ value }]);
  }
  await client.end();
  const wrong = new URL(url);
  wrong.password = 'guess';
  await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
  expect(url).toMatch(/^postgres:\/\/ilive:[^@]+@127\.0\.0\.1:\d+\/ilive\?sslmode=disable$/);
  const password = path.join(dataDir, 'pg18.password');
  expect((await stat(password)).mode & 0o777).toBe(0o600);
  expect((await stat(path.join(dataDir, 'pg18'))).mode & 0o777).toBe(0o700);
});

test('keeps data, address parts and password between runs, and stops twice without harm', async () => {
  const first = await start();
  await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS id');
  await Promise.all([first.stop(), first.stop()]);
  await expect(query(first.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
  const second = await start({ fsync: 'off' });
  expect(await query(second.url, 'SELECT id FROM kept')).toEqual([{ id: 1 }]);
  expect(await query(second.url, 'SHOW fsync')).toEqual([{ fsync: 'off' }]);
  expect(new URL(second.url).password).toBe(new URL(first.url).password);
});

test('stops by itself when its owner is killed, and has every acknowledged row', async () => {
  const owner = await startWritingOwner();
  await killAndWait(owner.child);
  await until(async () => (await readPostmasterPid()) === undefined, {
    describe: 'Postgres followed its owner',
  });
  await expectKept(owner.acknowledged());
});

test('waits for a Postgres that is still stopping after its owner was killed', async () => {
  const owner = await startWritingOwner();
  await killAndWait(owner.child);
  await expectKept(owner.acknowledged());
});

test('stops a Postgres that outlived both its owner and its supervisor', async () => {
  const owner = await startWritingOwner();
  const left = await until(() => readPostmasterPid());
  owner.child.kill('SIGSTOP'); // it must not see its supervisor die first
  const { members } = await findGroup(left);
  for (const pid of members.filter((member) => member !== left)) process.kill(pid, 'SIGKILL');
  await killAndWait(owner.child);
  expect(isAlive(left)).toBe(true);
  await expectKept(owner.acknowledged());
  expect(isAlive(left)).toBe(false);
});

test('guarantee 1: recovers every acknowledged row when all of its processes are killed at once', async () => {
  const owner = await startWritingOwner();
  const postmaster = await until(() => readPostmasterPid());
  owner.child.kill('SIGSTOP'); // it must not see its Postgres die first
  process.kill(-(await findGroup(postmaster)).leader, 'SIGKILL');
  await killAndWait(owner.child);
  await expectKept(owner.acknowledged());
});

test('restarts a Postgres that died under it, on the same address, and says so once that takes connections', async () => {
  const { promise: answered, resolve } = Promise.withResolvers<unknown>();
  // Asked at once: the file that the killed one left behind says that it is ready.
  const warn = (_facts: unknown, text?: unknown) =>
    text === 'the bundled Postgres was restarted' && resolve(query(postgres.url, 'SELECT id FROM kept'));
  const postgres = await startEmbeddedPostgres({ dataDir, log: { ...silent, warn } });
  started.push(postgres);
  await query(postgres.url, 'CREATE TABLE kept AS SELECT 1 AS id');
  const died = await until(() => readPostmasterPid());
  process.kill(died, 'SIGKILL');
  expect(await answered).toEqual([{ id: 1 }]);
  expect(await readPostmasterPid()).not.toBe(died);
});

test('refuses a data folder that another live process owns, and names that process', async () => {
  const owner = await startOwner('wait');
  await expect(start()).rejects.toMatchObject({
    code: 'embedded_postgres_failed',
    message: expect.stringContaining(`pid ${owner.child.pid}`),
  });
  // As in two containers on one volume, where neither sees the other's processes.
  for (const name of await readdir(dataDir))
    if (name.startsWith('pg18.owner')) await writeFile(path.join(dataDir, name), 'pid 1 on a host');
  await expect(start()).rejects.toThrow('is in use by an ilive-webhooks process (pid 1 on a host)');
  expect(await query(owner.first.url ?? '', 'SELECT 1 AS alive')).toEqual([{ alive: 1 }]);
});

test(`${onEmptyFolder}belongs to exactly one of several that start at once`, async () => {
  const owners = await Promise.all([1, 2, 3].map(() => startOwner('wait')));
  const failures = owners.filter(({ first }) => first.failed !== undefined);
  expect(owners.length - failures.length).toBe(1);
  for (const { first } of failures) expect(first.failed).toContain('is in use by');
});

test('is not fooled by files of a dead process whose pid belongs to somebody else now', async () => {
  await (await start()).stop();
  // The hardest stranger: a Postgres of the same user, on another folder.
  const strangerDir = path.join(dataDir, 'stranger');
  const stranger = await startEmbeddedPostgres({ dataDir: strangerDir, log, settings: { fsync: 'off' } });
  started.push(stranger);
  const pid = await readPostmasterPid(strangerDir);
  const stale = [pid, path.join(dataDir, 'pg18'), 1, 5432, '', '127.0.0.1', '', 'ready', ''].join('\n');
  await writeFile(path.join(dataDir, 'pg18', 'postmaster.pid'), stale);
  const { url } = await start();
  expect(await query(url, 'SELECT 1 AS alive')).toEqual([{ alive: 1 }]);
  expect(await readPostmasterPid(strangerDir)).toBe(pid);
});

test('refuses the data of another major version and leaves it alone', async () => {
  await (await start()).stop();
  const version = path.join(dataDir, 'pg18', 'PG_VERSION');
  await writeFile(version, '17\n');
  await expect(start()).rejects.toThrow('written by PostgreSQL 17');
  expect(await readFile(version, 'utf8')).toBe('17\n');
});

test('says what Postgres said when it cannot start, and never the password', async () => {
  await (await start()).stop();
  const password = (await readFile(path.join(dataDir, 'pg18.password'), 'utf8')).trim();
  const failure = await start({ shared_buffers: 'plenty' }).catch((error: Error) => error);
  expect(failure).toMatchObject({ code: 'embedded_postgres_failed' });
  expect(String(failure)).toContain('invalid value for parameter "shared_buffers"');
  expect(String(failure)).not.toContain(password);
  await start(); // nothing holds the folder
});

/** The processes in the group of a postmaster: its supervisor leads it, with a reader and the postmaster itself. */
async function findGroup(postmaster: number): Promise<{ leader: number; members: number[] }> {
  const rows = await listProcesses();
  const leader = rows.find(({ pid }) => pid === postmaster)?.group;
  if (leader === undefined) throw new Error(`There is no process ${postmaster}.`);
  return { leader, members: rows.filter(({ group }) => group === leader).map(({ pid }) => pid) };
}

async function listProcesses(): Promise<{ pid: number; group: number }[]> {
  if (process.platform === 'linux') {
    // Small images have no ps.
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const texts = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
    const fields = texts.map((text) => text.slice(text.lastIndexOf(')') + 2).split(' '));
    return pids.map((pid, index) => ({ pid: Number(pid), group: Number(fields[index]?.[2]) }));
  }
  const child = spawn('ps', ['-axo', 'pid=,pgid='], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of child.stdout) text += String(chunk);
  const pairs = text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  return pairs.map(([pid = 0, group = 0]) => ({ pid, group }));
}
