// The change feed skips nothing and tells nothing twice, though numbers are given before transactions commit: writers commit
// in any order, readers in processes of their own are killed and go on, and so is a service that they read from.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../../src/db/connect.ts';
import { createRandom } from '../../src/simulator/random.ts';
import { connectTo } from '../support/connect-to.ts';
import { findFreePort } from '../support/free-port.ts';
import { apiKey } from '../support/service.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';

const changesCount = 10_000;
const killsAtLeast = 6;
const writersCount = 8;
const rowsAtOnce = 25;
// Open for so long that readers keep up: one who is behind reads when nothing is open any more, and could skip nothing.
const openMs = 100;

const testDatabase = useTestDatabase();
let folder: string;
/** A connection for each writer, so that all of them write at once. */
let db: Database;
const services: ServiceProcess[] = [];
const readers: Reader[] = [];

interface Reader {
  readonly file: string;
  readonly start: () => void;
  kill(): Promise<void>;
}

beforeAll(async () => {
  db = connectTo(testDatabase.url, { applicationName: 'writers', maxConnections: writersCount });
  folder = await mkdtemp(path.join(os.tmpdir(), 'changes-'));
  for (const port of [await findFreePort(), await findFreePort()]) services.push(await startService(port));
});
afterAll(async () => {
  await Promise.all(readers.map((reader) => reader.kill()));
  await Promise.all(services.map((service) => service.end('SIGTERM')));
  await db.close();
  await rm(folder, { recursive: true, force: true });
});

function startService(port: number): Promise<ServiceProcess> {
  return startServiceProcess({ DATABASE_URL: testDatabase.url, ROLE: 'receiver', PORT: String(port) });
}

function startReader(address: () => string, way: 'changes' | 'stream'): Reader {
  const file = path.join(folder, `${readers.length}-${way}`);
  const script = path.join(import.meta.dirname, '../support/change-reader.ts');
  let child: ChildProcess | undefined;
  const reader: Reader = {
    file,
    start: () => {
      child = spawn(process.execPath, [script, address(), apiKey, file, way], { stdio: 'inherit' });
    },
    kill: async () => {
      const ended = new Promise((resolve) => child?.once('exit', resolve) ?? resolve(undefined));
      child?.kill('SIGKILL');
      await ended;
    },
  };
  reader.start();
  readers.push(reader);
  return reader;
}

const bytesOf = ({ file }: Reader): Promise<number> =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  );

async function readIds({ file }: Reader): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1).trimEnd();
  return whole.split('\n').flatMap((line) => line.split(' ').slice(1));
}

/** Writes its share in transactions that take a random time between writing and committing, some of which are taken back. */
async function write(db: Database, writer: number, share: number): Promise<string[]> {
  const random = createRandom(writer, 'writes');
  const written: string[] = [];
  while (written.length < share) {
    const ids = Array.from(
      { length: rowsAtOnce },
      (_, row) => `w${writer}-${written.length + row}-${random.next()}`,
    );
    const isTakenBack = random.next() < 0.1;
    await db
      .transaction(async (tx) => {
        await tx.query({
          text: `insert into face_matches (match_id, account, delivery_id, occurred_at, known_at)
                 select id, 'default', gen_random_uuid(), now(), now() from unnest($1::text[]) id`,
          values: [ids],
        });
        await pause(random.next() * openMs);
        if (isTakenBack) throw new Error('taken back');
      })
      .catch((error: Error) => {
        if (error.message !== 'taken back') throw error;
      });
    if (!isTakenBack) written.push(...ids);
  }
  return written;
}

test(`guarantee 22: each reader sees each of ${changesCount} changes once, and all see them in one order`, {
  timeout: 240_000,
}, async () => {
  const [first, second] = services;
  const addresses = [() => first?.url ?? '', () => services[1]?.url ?? ''];
  for (const address of addresses) {
    startReader(address, 'changes');
    startReader(address, 'stream');
  }
  let isWriting = true;
  let kills = 0;
  const bytes = new Map<Reader, number>();
  const killing = (async () => {
    const random = createRandom(1, 'kills');
    for (let turn = 0; isWriting || kills < killsAtLeast; turn += 1) {
      await pause(200 + random.next() * 400);
      const reader = readers[turn % readers.length] as Reader;
      // One that is killed before it has read anything would never get on.
      const before = bytes.get(reader) ?? 0;
      await until(async () => (await bytesOf(reader)) > before || !isWriting, { deadlineMs: 60_000 });
      await reader.kill();
      bytes.set(reader, await bytesOf(reader));
      reader.start();
      kills += 1;
    }
  })();
  const writing = Promise.all(
    Array.from({ length: writersCount }, (_, writer) => write(db, writer, changesCount / writersCount)),
  );
  // A service that is killed with its readers waiting: they go on at the one that takes its place.
  await until(async () => (await readIds(readers[0] as Reader)).length > 1_000, { deadlineMs: 60_000 });
  await second?.end('SIGKILL');
  // At its address, where its readers look for it.
  services[1] = await startService(Number(new URL(second?.url ?? '').port));
  const written = (await writing).flat();
  isWriting = false;
  await killing;
  expect(written).toHaveLength(changesCount);
  expect(kills).toBeGreaterThanOrEqual(killsAtLeast);
  const seen: string[][] = [];
  for (const reader of readers) {
    await until(async () => (await readIds(reader)).length >= changesCount, {
      deadlineMs: 60_000,
      describe: `${reader.file} sees all`,
    });
    seen.push(await readIds(reader));
  }
  const [one = []] = seen;
  expect(new Set(one)).toEqual(new Set(written));
  for (const each of seen) {
    expect(each).toHaveLength(changesCount);
    expect(each.every((id, place) => id === one[place])).toBe(true);
  }
});
