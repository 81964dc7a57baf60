// The crash explorer's look at the tables goes red for each thing that must not be: a look that finds nothing is only worth
// something when it finds what there is. The rows are made by the service's own functions and then broken by hand.
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { process as processNow, store } from '../support/replaying.ts';
import { verdictPayload } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { type Acknowledged, checkNothingHeld, checkTables } from './explorer/check-tables.ts';
import { checkSetAside, damagedMark } from './explorer/refused-data.ts';

const database = useTestDatabase();
let client: pg.Client;
const acknowledged: Acknowledged[] = [];

beforeAll(async () => {
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const payloads = Array.from({ length: 3 }, () => verdictPayload());
  const match = { event: 'face.matched', match_id: randomUUID(), session_id: randomUUID(), similarity: 0.9 };
  const ids = await store(database.db, [...payloads, { ...match, timestamp: payloads[0]?.timestamp }]);
  await processNow(database.db, ids);
  const { rows } = await client.query<{ id: string; webhook_id: string; sha: string }>(
    `select id, webhook_id, encode(body_sha256, 'hex') as sha from deliveries where state = 'done'`,
  );
  expect(rows).toHaveLength(4);
  acknowledged.push(
    ...rows.map(({ id, webhook_id: webhookId, sha }) => ({ deliveryId: id, webhookId, bodySha256: sha })),
  );
});
afterAll(() => client.end());

test('rows that are as they must be are no breach', async () => {
  expect(await checkTables(client, acknowledged)).toEqual([]);
});

const oneOf = (table: string, condition = 'true') => `(select ctid from ${table} where ${condition} limit 1)`;
const breaking: Readonly<Record<string, { readonly by: string; readonly says: RegExp }>> = {
  'an acknowledged delivery that is gone': {
    by: `delete from deliveries where ctid = ${oneOf('deliveries')}`,
    says: /was answered 202 and is missing/,
  },
  'a delivery whose bytes are gone': {
    by: `delete from delivery_bodies where ctid = ${oneOf('delivery_bodies')}`,
    says: /not exactly one body/,
  },
  'a delivery with two rows': {
    by: `insert into deliveries (id, account, source, webhook_id, body_sha256, received_at)
         select gen_random_uuid(), account, source, webhook_id, body_sha256, received_at from deliveries limit 1`,
    says: /same bytes under the same webhook id have two rows/,
  },
  'a delivery that nobody processes': {
    by: `update deliveries set state = 'received', finished_at = null, received_at = now() - interval '1 minute'
         where ctid = ${oneOf('deliveries')}`,
    says: /still owed/,
  },
  'a delivery that is done without its effect': {
    by: `delete from observations where ctid = ${oneOf('observations')}`,
    says: /there is no observation of it/,
  },
  'an effect that was had twice': {
    by: `insert into observations (session_id, account, delivery_id, source, verdict, occurred_at, known_at)
         select 'another', account, delivery_id, source, verdict, occurred_at, known_at from observations limit 1`,
    says: /two observations/,
  },
  'an effect of a delivery that is not done': {
    by: `update deliveries set state = 'received' where id = (select delivery_id from observations limit 1)`,
    says: /did not take effect/,
  },
  'a session that shows what nobody told': {
    by: `update sessions set verdict = 'retry' where ctid = ${oneOf('sessions', `verdict = 'pass'`)}`,
    says: /a verdict that no observation tells/,
  },
  'a change that was told twice': {
    by: `insert into changes (generation, type, account, session_id, reference_id, data)
         select generation, type, account, session_id, reference_id, data from changes where type = 'session_settled' limit 1`,
    says: /told twice in the feed/,
  },
  'a face match that was told twice': {
    by: `insert into changes (generation, type, account, session_id, reference_id, data)
         select generation, type, account, session_id, reference_id, data from changes where type = 'face_match_recorded' limit 1`,
    says: /a face match was told twice/,
  },
  'a change that was never told': {
    by: `delete from changes where type = 'session_settled'`,
    says: /not what its row says/,
  },
  'a person whose session was told as nobody’s': {
    by: `update changes set reference_id = null where type = 'session_settled'`,
    says: /not what its row says/,
  },
  'a lease for ever': {
    by: `update sessions set pull_lease_until = now() + interval '1 hour'`,
    says: /longer than any lease/,
  },
};

test.each(Object.entries(breaking))('%s is a breach', async (_what, { by, says }) => {
  await client.query('begin');
  try {
    await client.query(by);
    expect((await checkTables(client, acknowledged)).join('\n')).toMatch(says);
  } finally {
    await client.query('rollback');
  }
});

test('a delivery that was answered 202 for other bytes is a breach', async () => {
  const [one] = acknowledged;
  const bodySha256 = createHash('sha256').update('other bytes').digest('hex');
  const wrong = [{ deliveryId: one?.deliveryId ?? '', webhookId: one?.webhookId ?? '', bodySha256 }];
  expect((await checkTables(client, wrong)).join()).toMatch(/is another one's/);
});

test('a lock and a connection that outlive the service are breaches', async () => {
  const left = new pg.Client({ connectionString: database.url, application_name: 'left behind' });
  await left.connect();
  await left.query('select pg_advisory_lock(1)');
  const held = (await checkNothingHeld(client)).join('\n');
  expect(held).toMatch(/left behind/);
  expect(held).toMatch(/advisory lock is still held/);
  await left.end();
});

test('what was promised and cannot be stored must be set aside, what was damaged too, and nothing else', async () => {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'ilive-notices-'));
  try {
    const slot = path.join(dataDir, 'outage', '1');
    await mkdir(slot, { recursive: true });
    const setAside = (name: string, text: string) => writeFile(path.join(slot, `${name}.damaged`), text);
    const promised = [{ deliveryId: randomUUID(), webhookId: 'unstorable-1', bodySha256: '' }];
    await setAside('damaged', damagedMark);
    expect((await checkSetAside(dataDir, promised, 1, undefined)).join()).toMatch(
      /unstorable-1 .* is not set aside/,
    );
    await setAside('refused', '{"webhookId":"unstorable-1"}');
    expect(await checkSetAside(dataDir, promised, 1, undefined)).toEqual([]);
    expect((await checkSetAside(dataDir, promised, 2, undefined)).join()).toMatch(
      /2 records were damaged .* 1 are/,
    );
    await setAside('strange', '{"webhookId":"a good one"}');
    expect((await checkSetAside(dataDir, promised, 1, undefined)).join()).toMatch(
      /neither damaged nor refused/,
    );
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});
