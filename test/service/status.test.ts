// One look says what is wrong and what to do about it; a pause holds and is resumed.
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { figureOf } from '../support/figures.ts';
import { type OperatedService, operatorOf, useServices } from '../support/operator.ts';
import { startRedis } from '../support/redis-server.ts';
import { queueBackends, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';
import { startTogether } from '../support/vendor.ts';

const { start, stopAfterTest } = useServices();
const why = 'a test';
/** Resolves once the process at `url` holds still what was paused. */
const holds = (url: string, what: string) =>
  until(async () => (await figureOf({ url }, `ilive_paused{what="${what}"}`)) === 1);
type Problem = { level: string; message: string; advice: string };
const sum = (rows: { count: number }[]) => rows.reduce((total, { count }) => total + count, 0);
const messages = ({ problems }: { problems: Problem[] }) => problems.map(({ message }) => message);

test.each(queueBackends)('a service that is well says so; queue on %s', async (queue) => {
  const service = await start({ queue });
  await service.deliver(verdictPayload());
  await service.settled();
  const status = await until(async () => {
    const seen = await service.status();
    return seen.queue.is_up ? seen : undefined;
  });
  expect(status).toMatchObject({
    level: 'ok',
    problems: [],
    role: 'all',
    deliveries: { owed: 0, oldest_owed_at: null, parked: 0 },
    refusals: { refused: 0, max_count: 20_000 },
    sessions: { open: 0, overdue: 0 },
    queue: { kind: queue, is_up: true, trouble: null },
    ilive: { is_configured: false, is_reachable: null },
    secrets: [{ account: 'default', state: 'active' }],
    replays: { running: 0, paused: 0 },
    pauses: [],
  });
  expect(status.schema).toMatch(/^\d{4}_/);
  expect(Math.abs(status.clock.ahead_of_database_ms)).toBeLessThan(5_000);
  expect(status.database).toMatchObject({
    version: expect.stringMatching(/^\d+/),
    max_connections: expect.any(Number),
  });
});

test('an API key that iLive refuses is told, by the doctor too, until a call of the same kind succeeds', async () => {
  const together = await startTogether({ dialect: 'managed' });
  stopAfterTest(together);
  const { service, vendor } = together;
  const operator = operatorOf(service.url);
  const refusal = /^iLive refused our API key \d+ s ago \(createSession, invalid_api_key\)/;
  const status = async () => (await service.get('/v1/ops/status')).body;
  const told = async () => messages(await status()).filter((message) => refusal.test(message));
  const found = async () => {
    const { body } = await operator.ops('POST', '/doctor', { why, probe: false });
    return body.findings.filter(({ message }: { message: string }) => refusal.test(message));
  };
  expect(await told()).toEqual([]);
  vendor.answerNext('invalid_api_key', { operation: 'create', times: 1 });
  await expect(together.create(1)).rejects.toThrow();
  expect((await status()).level).toBe('error');
  expect(await told()).toHaveLength(1);
  expect(await found()).toMatchObject([{ level: 'error', check: 'ilive key' }]);
  await together.create(1);
  expect(await told()).toEqual([]);
  expect(await found()).toEqual([]);
});

test('each thing that is wrong is named, the worst first, with what to do', async () => {
  const service = await start({ env: { REFUSALS_MAX_COUNT: '10' } });
  await service.deliver('no JSON');
  // As many as are kept without letting one go: what is let go depends on what comes in the same second.
  for (let count = 0; count < 9; count += 1) await service.deliver(verdictPayload(), { secret: 'wrong' });
  await service.settled();
  for (const what of ['processing', 'pulling']) {
    await service.ops('POST', '/pause', { what, why });
    await holds(service.url, what);
  }
  await until(async () => {
    const { refusals } = await service.status();
    return refusals.refused === 9 && refusals.undiagnosed === 0;
  });
  await service.db.query({ text: `update refusals set times = times, last_received_at = now()` });
  await service.db.query({
    text: `insert into sessions (session_id, account, state, confirmation, expected_at, expires_at)
           values ('late', 'default', 'expected', 'unconfirmed', now() - interval '1 hour', now() - interval '10 minutes'),
                  ('near', 'default', 'expected', 'unconfirmed', now(), now() + interval '2 minutes')`,
  });
  const status = await service.status();
  expect(status.level).toBe('error');
  expect(status.problems.map(({ level }: Problem) => level)).toEqual(
    status.problems.map(({ level }: Problem) => level).toSorted(),
  );
  expect(messages(status)).toEqual(
    expect.arrayContaining([
      '1 session is open although iLive has forgotten it.',
      expect.stringMatching(/^9 requests were refused in the last 15 minutes: nothing that we know matches/),
      'The store of refusals is 90 % full, and lets go of its oldest.',
      '1 delivery is parked.',
      expect.stringMatching(/^Processing is paused since \S+Z by bootstrap \(a test\)\.$/),
    ]),
  );
  expect(status.sessions).toMatchObject({ open: 2, near_deadline: 1, overdue: 1 });
  expect(status.deliveries.parked_by_reason).toEqual({ invalid_json: 1 });
  // A sentence, or something that ends in a command which can be pasted as it is.
  for (const { advice } of status.problems as Problem[]) {
    expect(advice).toMatch(/^[A-Z][^:]*[.]$|(^|: )ilive-webhooks [^.]*[^.]$/);
  }
  // Figures are read at most every five seconds.
  for (const figure of ['ilive_deliveries_parked', 'ilive_sessions_overdue']) {
    await until(async () => (await figureOf(service, figure)) === 1);
  }
});

test('what is owed too long is an error, but not while processing is paused', async () => {
  const service = await start();
  await service.ops('POST', '/pause', { what: 'processing', why });
  await holds(service.url, 'processing');
  for (let count = 0; count < 4; count += 1) await service.deliver(verdictPayload());
  // A body is found by the time of its delivery.
  for (const table of ['delivery_bodies', 'deliveries']) {
    await service.db.query({ text: `update ${table} set received_at = received_at - interval '2 minutes'` });
  }
  const paused = await service.status();
  expect(paused.level).toBe('warning');
  expect(messages(paused)).toEqual([
    expect.stringMatching(/^Processing is paused since .*; 4 deliveries are owed\.$/),
  ]);
  expect(paused.deliveries.oldest_owed_age_seconds).toBeGreaterThan(100);
  await service.db.query({ text: 'delete from pauses' });
  await service.settled();
  expect(messages(await service.status())).toEqual([]);
});

test('what has failed is told of as such, and nothing is older for it; much of it is an error', async () => {
  const service = await start();
  await service.ops('POST', '/pause', { what: 'processing', why });
  const fail = (count: number) =>
    service.db.query({
      text: `
        insert into deliveries (id, account, source, body_sha256, received_at, state, attempts, tried_at)
        select gen_random_uuid(), 'default', 'webhook', sha256(n::text::bytea), now() - interval '5 minutes', 'received', 1, now()
        from generate_series(1, $1::int) n`,
      values: [count],
    });
  await fail(1);
  const { level, deliveries, ...one } = await service.status();
  expect(level).toBe('warning');
  expect(messages(one)).toContainEqual(
    expect.stringMatching(
      /^1 delivery has failed and is tried again, up to PROCESS_MAX_ATTEMPTS times in all\.$/,
    ),
  );
  expect(deliveries).toMatchObject({ owed: 1, failing: 1, oldest_owed_at: null });
  await service.db.query({ text: 'truncate deliveries' });
  await fail(100);
  expect(await service.status()).toMatchObject({ level: 'error', deliveries: { failing: 100 } });
});

test('what was refused is told until it is admitted or let go, with the next step that fits', async () => {
  const wrong = await start({ env: { ILIVE_WEBHOOK_SECRETS: 'whsec_mistyped' } });
  for (let count = 0; count < 3; count += 1) await wrong.deliver(verdictPayload());
  await wrong.deliver(verdictPayload(), { secret: 'a stranger' });
  const problemOf = async (service: Pick<OperatedService, 'status'>) =>
    ((await service.status()).problems as Problem[]).find(({ message }) => /undecided/.test(message));
  const told = (service: OperatedService, wanted: Partial<Problem>) =>
    until(
      async () => {
        const seen = await problemOf(service);
        return seen?.level === wanted.level && seen?.message === wanted.message ? seen : undefined;
      },
      { describe: `${wanted.message}` },
    );
  await until(async () => (await wrong.status()).refusals.refused === 4);
  await wrong.db.query({
    text: `update refusals set received_at = received_at - interval '19 minutes',
                               last_received_at = last_received_at - interval '19 minutes'`,
  });
  const junk = await told(wrong, {
    level: 'warning',
    message:
      '4 refused requests are undecided, the newest 19 min old: ' +
      'nothing that we know matches: the secret is another one, or it does not come from iLive.',
  });
  expect(junk.advice).toMatch(/: ilive-webhooks refusals purge --reason signature_mismatch --why '…'$/);
  const { refusals } = await wrong.status();
  expect([sum(refusals.diagnoses), refusals.undiagnosed]).toEqual([4, 0]);

  // The diagnosis was made with a secret that is gone; with the right one each is made anew.
  const right = await start({ databaseUrl: wrong.databaseUrl });
  const clock = await told(right, {
    level: 'error',
    message:
      '4 refused requests are undecided, the newest 19 min old: ' +
      'mostly "the signature is right; our clock was 19 minutes behind iLive\'s".',
  });
  expect(clock.advice).toBe("ilive-webhooks refusals reverify --clock-offset=-19m --why '…'");
  await until(async () => (await figureOf(right, 'ilive_refusals_with_remedy')) === 3);
  const without = await right.ops('POST', '/refusals/reverify', { why });
  expect(without.body).toMatchObject({ admitted: 0, clock_offset_seconds: -1_140 });
  await right.ops('POST', '/refusals/reverify', { why, clock_offset_seconds: -1_140 });
  expect(await problemOf(right)).toMatchObject({ level: 'warning', message: expect.stringMatching(/^1 /) });
  await right.ops('POST', '/refusals/purge', { why, all: true });
  expect(messages(await right.status())).toEqual([]);
});

test('a Redis that is gone is a warning: the sweep does its work', async () => {
  const redis = await startRedis();
  stopAfterTest(redis);
  const queue = { REDIS_URL: redis.url, QUEUE_PREFIX: `t-${randomUUID()}` };
  // Nothing is in flight, so at the end there is nothing to wait for with a queue that is gone.
  const service = await start({ env: { ...queue, SHUTDOWN_GRACE_SECONDS: '1' } });
  await until(async () => (await service.status()).queue.is_up);
  await redis.kill();
  const status = await service.status();
  expect(status).toMatchObject({
    level: 'warning',
    queue: { kind: 'redis', is_up: false, trouble: 'away', waiting: null },
  });
  expect(messages(status)).toEqual([expect.stringMatching(/^The queue \(redis\) does not answer/)]);
});

describe.each(queueBackends)('a pause of processing, queue on %s,', (queue) => {
  test('holds in every process, and all that came is processed once it is resumed', async () => {
    const one = await start({ queue });
    const two = await start({ queue, databaseUrl: one.databaseUrl });
    const { body } = await one.ops('POST', '/pause', { what: 'processing', why });
    expect(body.pauses).toMatchObject([{ what: 'processing', by: 'bootstrap', why }]);
    const owed = async () => (await one.status()).deliveries.owed;
    for (const { url } of [one, two]) await holds(url, 'processing');
    const sent = await Promise.all(Array.from({ length: 300 }, () => two.deliver(verdictPayload())));
    // A machine that is at its end sheds some.
    const taken = sent.filter(({ status }) => status === 202).length;
    expect(taken).toBeGreaterThan(0);
    expect(await owed()).toBe(taken);
    await two.ops('POST', '/resume', { what: 'processing', why });
    await one.settled();
    expect((await one.status()).pauses).toEqual([]);
    const { data } = (await one.get('/v1/ops/audit')).body;
    expect(data.map(({ action }: { action: string }) => action)).toEqual(['resume', 'pause']);
  });
});

test('a pause of pulling asks nothing of iLive until it is resumed', async () => {
  const together = await startTogether({
    vendor: { webhooks: { drop: 1 }, sessions: { medianSeconds: 25, spread: 0.1, abandonedShare: 0 } },
  });
  stopAfterTest(together);
  const operator = operatorOf(together.service.url);
  await operator.ops('POST', '/pause', { what: 'pulling', why });
  await holds(together.service.url, 'pulling');
  const [id] = await together.create(1);
  await until(() => together.vendor.sessions.get(id ?? '')?.endsAtMicros !== null);
  const dueAt = (await together.service.get(`/v1/sessions/${id}`)).body.next_pull_at;
  await until(
    async () => new Date((await together.service.get('/v1/ops/status')).body.now) > new Date(dueAt),
  );
  expect((await together.service.get(`/v1/sessions/${id}`)).body).toMatchObject({ pull_attempts: 0 });
  await operator.ops('POST', '/resume', { what: 'pulling', why });
  await until(async () => (await together.service.get(`/v1/sessions/${id}`)).body.state === 'settled');
});
