// What is wrong with the outage store is told: by the status, on its screen and in its figures, and the service goes on.
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { renderStatus, shownStatus } from '../../src/cli/status-screen.ts';
import type { DeliveryId } from '../../src/events/event.ts';
import type { Log } from '../../src/log.ts';
import { packDelivery } from '../../src/operations/kept-delivery.ts';
import { describeDelivery } from '../../src/operations/webhook-delivery.ts';
import { openStore } from '../../src/outage/store.ts';
import { bytes, cipherOf } from '../support/outage-folder.ts';
import { silent, startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

let dataDir: string;
let service: TestService | undefined;

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'ilive-shows-'));
});
afterEach(async () => {
  await service?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

type Problem = { level: string; message: string; advice: string };

test('damage, a key that is missing, and what Postgres refuses are problems with advice; what is whole is recorded', async () => {
  const folder = path.join(dataDir, 'outage', '1');
  await mkdir(folder, { recursive: true });
  const settings = { folder, maxBytes: 2 ** 30, onFound: () => {} };
  const damaged = await openStore({ ...settings, cipher: undefined });
  await damaged.append(bytes('to be damaged', 'no delivery at all'));
  await damaged.close();
  const [name = ''] = await readdir(folder);
  const file = path.join(folder, name);
  await writeFile(file, String(await readFile(file, 'latin1')).replace('to be', 'TO BE'), 'latin1');
  const sealed = await openStore({ ...settings, cipher: cipherOf('lost') });
  await sealed.append(bytes('sealed'));
  await sealed.close();

  service = await startTestService({ env: { DATA_DIR: dataDir } });
  const running = service;
  expect((await running.deliver(verdictPayload())).status).toBe(202);
  await running.settled();
  const status = await until(async () => {
    const { body } = await running.get('/v1/ops/status');
    return body.outage_store.state === 'ready' && body.outage_store.unopened > 0 ? body : undefined;
  });
  // One whose bytes have changed, and one that cannot be recorded.
  expect(status.outage_store).toMatchObject({ state: 'ready', held_deliveries: 0, damaged: 2, unopened: 1 });
  expect(status.level).toBe('error');
  expect(status.problems.map(({ message }: Problem) => message)).toEqual([
    'In the outage store 2 parts were damaged, and set aside.',
    'In the outage store 1 record is sealed with a key that is not configured.',
  ]);
  expect(renderStatus(shownStatus.parse(status), new Date(), (_colour, text) => text)).toContain(
    'ready, holds 0 deliveries, 0 of 1024 MiB; 2 damaged, 1 unopened',
  );
  const metrics = (await running.get('/metrics', null)).body;
  expect(metrics).toMatch(/^ilive_outage_damaged 2$/m);
  expect(metrics).toMatch(/^ilive_outage_unopened 1$/m);
});

test('what a dead process left and the disk does not let go of is recorded once, and holds up nothing else that is left', async () => {
  const leave = async (slot: string) => {
    const folder = path.join(dataDir, 'outage', slot);
    await mkdir(folder, { recursive: true });
    const store = await openStore({ folder, maxBytes: 2 ** 30, onFound: () => {}, cipher: undefined });
    const delivery = describeDelivery({
      id: randomUUID() as DeliveryId,
      account: 'default',
      headers: {},
      body: Buffer.from(JSON.stringify(verdictPayload())),
      receivedAt: new Date(),
      isProven: true,
    });
    await store.append([packDelivery(delivery)]);
    await store.close();
    const names = () => readdir(folder);
    return {
      file: path.join(folder, (await names())[0] ?? ''),
      isDrained: async () => (await names()).length === 0,
    };
  };
  const lines: string[] = [];
  const error: Log['error'] = (...said: unknown[]) => void lines.push(String(said.at(-1)));
  service = await startTestService({ env: { DATA_DIR: dataDir }, overrides: { log: { ...silent, error } } });
  const { db } = service;
  const held = Promise.withResolvers<void>();
  const holding = db.transaction(async (tx) => {
    await tx.query({ text: 'lock table delivery_bodies in access exclusive mode' });
    await held.promise;
  });
  const stuck = await leave('7');
  const whole = await readFile(stuck.file);
  try {
    // Others may wait for the same table. Its segment has been read once what was in it waits, on the connections that record.
    const recording = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
                       and application_name = 'ilive-webhooks receive'`;
    await until(async () => (await db.query({ text: recording })).length > 0);
    await rm(stuck.file);
    await mkdir(stuck.file); // a folder under its name is not removed as a file is
  } finally {
    held.resolve();
    await holding;
  }
  await until(() => lines.some((line) => /cannot be taken away/.test(line)));
  await rmdir(stuck.file);
  await writeFile(stuck.file, whole);
  const next = await leave('8');
  await until(next.isDrained);
  const after = await leave('6');
  await until(after.isDrained);
  expect(await readFile(stuck.file)).toEqual(whole);
});

test('a folder that cannot be used costs the store and not the service, and is told', async () => {
  await writeFile(path.join(dataDir, 'outage'), 'a file stands where the folder should');
  service = await startTestService({ env: { DATA_DIR: dataDir } });
  expect((await service.deliver(verdictPayload())).status).toBe(202);
  const { body } = await service.get('/v1/ops/status');
  expect(body.outage_store.state).toBe('failing');
  expect(body.problems.map(({ message }: Problem) => message)).toEqual([
    'The outage store cannot be written: while Postgres cannot commit, deliveries are answered 503.',
  ]);
  expect(await service.get('/readyz', null)).toMatchObject({
    status: 200,
    body: { outage_store: 'failing' },
  });
});
