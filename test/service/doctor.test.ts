// The doctor says before traffic comes what would go wrong, and how to mend it.
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { expect, inject, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { figureOf } from '../support/figures.ts';
import { operatorOf, useServices } from '../support/operator.ts';
import { startRedis } from '../support/redis-server.ts';
import { verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';
import { startTogether } from '../support/vendor.ts';

const { start, stopAfterTest } = useServices();
const why = 'a test';
type Problem = { level: string; message: string; advice: string | null };

const findingsOf = (body: {
  findings: { check: string; level: string; message: string; advice: string | null }[];
}) =>
  body.findings
    .filter(({ level }) => level !== 'ok')
    .map(({ check, level, message }) => `${level} ${check}: ${message}`);

test('finds nothing to mend in a service that is well, and its probe goes all the way', async () => {
  const together = await startTogether();
  stopAfterTest(together);
  const operator = operatorOf(together.service.url);
  await operator.ops('POST', '/keys', { name: 'a', role: 'reader', why });
  const { body } = await operator.ops('POST', '/doctor', { why: 'before go-live', probe: false });
  const checks = body.findings.map(({ check }: { check: string }) => check);
  expect(checks).toEqual(
    expect.arrayContaining([
      'postgres version',
      'schema',
      'partitions',
      'queue',
      'dialect',
      'encryption',
      'API keys',
    ]),
  );
  const dialect = body.findings.find(({ check }: { check: string }) => check === 'dialect');
  expect(dialect).toMatchObject({ level: 'ok', message: expect.stringContaining('the reference dialect') });
  expect(checks).not.toContain('ilive encryption');
  const inClear = { ILIVE_API_KEY: 'a-key', ILIVE_API_URL: 'http://ilive.invalid' };
  const inTheClear = await (await start({ env: inClear })).ops('POST', '/doctor', { why, probe: false });
  expect(findingsOf(inTheClear.body)).toContainEqual(
    expect.stringMatching(/^warning ilive encryption: calls go to another machine without TLS/),
  );
  const own = await start({ env: { ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}` } });
  const probed = await own.ops('POST', '/doctor', { why });
  const probe = probed.body.findings.find(({ check }: { check: string }) => check === 'probe');
  expect(probe).toMatchObject({
    level: 'ok',
    message: expect.stringMatching(/was processed within \d+ ms$/),
  });
  const { data } = (await own.get('/v1/ops/audit?action=doctor.run')).body;
  expect(data).toMatchObject([{ outcome: 'done', details: { probe: true, actor_key_id: 'bootstrap' } }]);
});

test('counts the partitions of the days that follow each other, and no other', async () => {
  const service = await start();
  const partitions = async () => {
    const { body } = await service.ops('POST', '/doctor', { why, probe: false });
    return body.findings.find(({ check }: { check: string }) => check === 'partitions');
  };
  expect((await partitions()).message).toBe('those of 8 days from today on are there');
  const tomorrow = new Date(Date.now() + 24 * 60 * 60 * 1000).toISOString().slice(0, 10).replaceAll('-', '');
  await service.db.query({ text: `drop table delivery_bodies_${tomorrow}` });
  expect(await partitions()).toMatchObject({
    level: 'warning',
    message: 'only those of 1 day from today on are there',
  });
});

test('names what is wrong with an address, a key, a Redis, and how to mend it', async () => {
  const redis = await startRedis();
  stopAfterTest(redis);
  const { Redis } = await import('ioredis');
  const client = new Redis(redis.url);
  await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
  await client.config('SET', 'appendonly', 'no');
  client.disconnect();
  const service = await start({
    env: {
      REDIS_URL: redis.url,
      QUEUE_PREFIX: `t-${randomUUID()}`,
      PUBLIC_WEBHOOK_URL: 'http://hooks.invalid/elsewhere',
      ILIVE_API_KEY: 'iksk_none',
      ILIVE_API_URL: 'http://127.0.0.1:1',
    },
  });
  await until(async () => (await service.status()).queue.is_up);
  const { body } = await service.ops('POST', '/doctor', { why });
  expect(body.ok).toBe(false);
  const found = findingsOf(body);
  for (const expected of [
    /^error redis eviction: maxmemory-policy is allkeys-lru/,
    /^warning redis persistence: appendonly is off and no snapshots are made/,
    /^error webhook address: is not HTTPS/,
    /^warning webhook address: does not end in/,
    /^error webhook address: nothing answers at http:\/\/hooks\.invalid\/elsewhere/,
    /^error ilive: nothing answers at http:\/\/127\.0\.0\.1:1/,
    /^warning encryption: ENCRYPTION_KEYS is not set/,
    /^warning API keys: everybody uses BOOTSTRAP_API_KEY/,
    /^error probe: /,
  ]) {
    expect(
      found.filter((line) => expected.test(line)),
      String(expected),
    ).toHaveLength(1);
  }
  const advised = body.findings.filter(({ level, advice }: Problem) => level !== 'ok' && advice === null);
  expect(advised).toEqual([]);
});

test('of a Redis that does not tell its settings it is not said that it makes snapshots', async () => {
  const redis = await startRedis();
  stopAfterTest(redis);
  const { Redis } = await import('ioredis');
  const client = new Redis(redis.url);
  await client.config('SET', 'appendonly', 'no');
  // As managed ones do.
  await client.acl('SETUSER', 'default', '-config');
  const service = await start({ env: { REDIS_URL: redis.url, QUEUE_PREFIX: `t-${randomUUID()}` } });
  await until(async () => (await service.status()).queue.is_up);
  const persistence = async () => {
    const { body } = await service.ops('POST', '/doctor', { why, probe: false });
    return body.findings.find(({ check }: { check: string }) => check === 'redis persistence');
  };
  expect(await persistence()).toMatchObject({
    level: 'warning',
    message: expect.stringContaining('not known'),
  });
  await client.bgsave();
  await until(async () => (await persistence()).message === 'snapshots are made');
  client.disconnect();
});

test.each([
  ['managed', 'reference', 'error', 'iLive answers to the reference dialect and not to the managed one'],
  ['reference', 'managed', 'error', 'iLive answers to the managed dialect and not to the reference one'],
] as const)(
  'tells that %s is configured where iLive answers to %s',
  async (configured, served, level, message) => {
    const together = await startTogether({ dialect: configured, vendor: { served: [served] } });
    stopAfterTest(together);
    const { body } = await operatorOf(together.service.url).ops('POST', '/doctor', { why, probe: false });
    const dialect = body.findings.find(({ check }: { check: string }) => check === 'dialect');
    expect(dialect).toMatchObject({ level, message, advice: `set ILIVE_DIALECT=${served}` });
  },
);

test.each(['reference', 'managed'] as const)(
  'tells a key that iLive refuses, also of an account that it has shut, from the wrong dialect; %s',
  async (dialect) => {
    const key = { name: 'shut', key: 'iksk_live_shut', isActive: false };
    const together = await startTogether({ dialect, vendor: { keys: [key] } });
    stopAfterTest(together);
    const { body } = await operatorOf(together.service.url).ops('POST', '/doctor', { why, probe: false });
    const found = body.findings.find(({ check }: { check: string }) => check === 'dialect');
    const message = 'iLive refuses ILIVE_API_KEY (account_inactive)';
    if (dialect === 'reference') expect(found).toMatchObject({ level: 'error', message });
    else expect(found).toMatchObject({ level: 'ok' }); // nobody's token says nothing of the key
  },
);

test('what is refused and undecided, and a probe that waits in a pause, are told with the next step', async () => {
  const service = await start();
  await service.deliver(verdictPayload(), { secret: 'a stranger' });
  await service.ops('POST', '/pause', { what: 'processing', why });
  await until(async () => {
    const { refusals, pauses } = await service.status();
    return refusals.diagnoses.length === 1 && pauses.length === 1;
  });
  // It is held within two seconds.
  await until(async () => (await figureOf(service, 'ilive_paused{what="processing"}')) === 1);
  const { body } = await service.ops('POST', '/doctor', { why });
  const of = (wanted: string) => body.findings.find(({ check }: { check: string }) => check === wanted);
  expect(of('refusals')).toMatchObject({
    level: 'warning',
    message: expect.stringMatching(
      /^1 refused request is undecided, the newest \d+ s old: nothing that we know/,
    ),
    advice: expect.stringContaining('refusals purge'),
  });
  expect(of('probe')).toMatchObject({
    level: 'warning',
    message: expect.stringMatching(/: It was taken, and waits: processing is paused$/),
    advice: "ilive-webhooks resume processing --why '…'",
  });
});

test('a Postgres with fsync off is told: this one is the tests’ own', async () => {
  const service = await start();
  const { body } = await service.ops('POST', '/doctor', { why, probe: false });
  const durability = body.findings.find(({ check }: { check: string }) => check === 'postgres durability');
  expect(durability).toMatchObject({ level: 'error', message: expect.stringContaining('fsync is off') });
});

const findingOf = (body: { findings: { check: string }[] }, wanted: string) =>
  body.findings.find(({ check }) => check === wanted);

test('a commit that does not wait for the disk is told: something on the way leaves out what connections ask for', async () => {
  const database = await createTestDatabase(inject('postgresUrl'));
  stopAfterTest({ stop: database.drop });
  const url = new URL(database.url);
  const own = { host: url.hostname, port: Number(url.port) };
  // Of the same length, so that the message that opens a connection stays whole.
  const leaveOut = (bytes: Buffer) =>
    Buffer.from(bytes.toString('latin1').replace('synchronous_commit=on', 'enable_bitmapscan=off'), 'latin1');
  const pooler = createServer((client) => {
    const server = createConnection(own);
    client.on('data', (bytes) => server.write(leaveOut(bytes)));
    server.pipe(client);
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const)
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
  });
  pooler.listen(0, '127.0.0.1');
  await once(pooler, 'listening');
  stopAfterTest({ stop: async () => void pooler.close() });
  const direct = await start({ databaseUrl: database.url });
  const asked = { why, probe: false };
  const kept = findingOf((await direct.ops('POST', '/doctor', asked)).body, 'postgres commit');
  expect(kept).toMatchObject({ level: 'ok', message: 'synchronous_commit is on' });
  url.port = String((pooler.address() as AddressInfo).port);
  const behind = await start({ databaseUrl: url.href });
  const lost = findingOf((await behind.ops('POST', '/doctor', asked)).body, 'postgres commit');
  expect(lost).toMatchObject({
    level: 'error',
    message: expect.stringMatching(/^synchronous_commit is off /),
  });
});

test('connections of all processes on one database count, and those to this machine need no TLS', async () => {
  const env = { DATABASE_POOL_MAX: '50' };
  const first = await start({ env });
  const look = async () => (await first.ops('POST', '/doctor', { why, probe: false })).body;
  const alone = await look();
  expect(findingOf(alone, 'postgres connections')).toMatchObject({ level: 'ok' });
  expect(findingOf(alone, 'postgres encryption')).toMatchObject({ level: 'ok' });
  await start({ env, databaseUrl: first.databaseUrl });
  expect(findingOf(await look(), 'postgres connections')).toMatchObject({
    level: 'warning',
    message: expect.stringMatching(/^2 of ROLE=all may open 520 connections/),
  });
});
