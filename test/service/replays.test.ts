// Stored deliveries are processed again: what is right stays as it is, what is missing is made, and an operator sees
// beforehand exactly what would change.
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/connect.ts';
import { operatorOf } from '../support/operator.ts';
import { startTestService, type TestServiceOptions, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

const started: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of started.splice(0).reverse()) await each.stop();
});

async function start(options: TestServiceOptions = {}) {
  const service = await startTestService(options);
  started.push(service);
  return { ...service, ...operatorOf(service.url) };
}
type Started = Awaited<ReturnType<typeof start>>;

const why = 'a test';
const faceMatch = (changes: object = {}) => ({
  event: 'face.matched',
  match_id: randomUUID(),
  session_id: randomUUID(),
  reference_id: 'user-face',
  similarity: 0.91,
  matched: true,
  timestamp: '2026-04-11T09:31:00.000000+00:00',
  ...changes,
});
const alert = (changes: object = {}) => ({
  event: 'compliance.alert',
  alert_id: randomUUID(),
  reference_id: 'user-alert',
  severity: 'high',
  timestamp: '2026-04-11T09:32:00.000000+00:00',
  ...changes,
});

/** Everything that a delivery can become. */
async function deliverAllKinds(service: Started): Promise<void> {
  const settled = verdictPayload();
  await service.deliver(settled);
  await service.deliver(settled); // a repeat under another webhook id
  const disputed = verdictPayload({ verdict: 'pass' });
  await service.deliver(disputed);
  await service.settled();
  await service.deliver({ ...disputed, verdict: 'fail' });
  const superseded = faceMatch();
  await service.deliver({ ...superseded, timestamp: '2026-04-11T09:30:00.000000+00:00' });
  await service.settled();
  await service.deliver(superseded);
  await service.deliver(faceMatch({ session_id: randomUUID() })); // of a session without a verdict
  await service.deliver(alert());
  await service.deliver(alert({ session_id: settled.session_id }));
  await service.deliver('{"event":"liveness.verdict"}'); // unreadable
  await service.deliver('no JSON');
  await service.deliver({ event: 'kind.of.tomorrow', session_id: randomUUID() });
  await service.deliver({ event: 'means.nothing' }); // ignored
  await service.settled();
}

const tables = ['deliveries', 'sessions', 'observations', 'face_matches', 'compliance_alerts'];

async function dump(db: Database): Promise<Record<string, unknown[]>> {
  const contents: Record<string, unknown[]> = {};
  for (const table of tables) {
    const rows = await db.query<{ row: string }>({
      text: `select t::text as row from ${table} t order by 1`,
    });
    contents[table] = rows.map(({ row }) => row);
  }
  return contents;
}

const over = (service: Started, id: string) =>
  until(
    async () => {
      const { body } = await service.ops('GET', `/replays/${id}`);
      return body.state === 'running' ? undefined : body;
    },
    { describe: 'the replay is over' },
  );

async function replay(service: Started, body: object) {
  const begun = await service.ops('POST', '/replays', { why, ...body });
  expect({ status: begun.status, detail: begun.body.detail ?? null }).toEqual({ status: 201, detail: null });
  return over(service, begun.body.replay_id);
}

const ignoring = { ILIVE_IGNORED_KINDS: 'means.nothing' };

test('replaying everything that is finished changes no row', async () => {
  const service = await start({ env: ignoring });
  await deliverAllKinds(service);
  const before = await dump(service.db);
  const rehearsed = await service.ops('POST', '/replays', { filter: {}, why, dry_run: true });
  expect(rehearsed.body).toMatchObject({ is_complete: true, changes: [], changes_count: 0, failed: 0 });
  const done = await replay(service, { filter: {} });
  expect(done).toMatchObject({
    state: 'done',
    matching: 13,
    replayed: 13,
    failed: 0,
    changes: {},
    outcomes: { done: 8, parked: 4, ignored: 1 },
  });
  expect(await dump(service.db)).toEqual(before);
  await replay(service, { filter: {} });
  expect(await dump(service.db)).toEqual(before);
});

test('a hint is not asked about again, and a confirmation not asked for again', async () => {
  const service = await start({
    env: {
      CONFIRM: 'always',
      ILIVE_API_KEY: 'iksk_none',
      ILIVE_API_URL: 'http://127.0.0.1:1',
      PULL_INTERVAL_MS: '60000',
    },
  });
  await service.deliver(verdictPayload());
  await service.settled();
  await service.db.query({ text: 'update sessions set next_pull_at = null' });
  const before = await dump(service.db);
  await replay(service, { filter: {} });
  expect(await dump(service.db)).toEqual(before);
});

test('rows that were lost are made again', async () => {
  const service = await start({ env: ignoring });
  await deliverAllKinds(service);
  const kept = await dump(service.db);
  for (const table of ['observations', 'sessions', 'face_matches']) {
    await service.db.query({ text: `delete from ${table}` });
  }
  const done = await replay(service, { filter: {} });
  expect(done.changes.sessions.created).toBe(kept.sessions?.length);
  const after = await dump(service.db);
  expect(after.deliveries).toEqual(kept.deliveries);
  expect(after.compliance_alerts).toEqual(kept.compliance_alerts);
  const states = async () =>
    service.db.query({ text: 'select state, verdict, count(*) from sessions group by 1, 2 order by 1, 2' });
  expect(await states()).toEqual([
    { state: 'disputed', verdict: 'fail', count: '1' },
    { state: 'expected', verdict: null, count: '2' },
    { state: 'settled', verdict: 'pass', count: '1' },
  ]);
  expect(after.observations).toHaveLength(kept.observations?.length ?? 0);
});

test('a dry run on parked deliveries of a kind that is learnt lists exactly what the real run then creates', async () => {
  const before = await start();
  const sessions: string[] = [];
  for (let index = 0; index < 30; index += 1) {
    const payload = verdictPayload({ event: 'session.finished' });
    sessions.push(payload.session_id);
    await before.deliver(payload);
  }
  await before.deliver({ ...verdictPayload({ event: 'session.finished' }), session_id: sessions[0] });
  await before.deliver({ event: 'still.unknown' });
  await before.settled();
  await before.service.stop();
  const service = await start({
    databaseUrl: before.databaseUrl,
    env: { ILIVE_KIND_ALIASES: '{"session.finished":"liveness.verdict"}' },
  });
  const filter = { state: 'parked', reason: 'unknown_kind' };
  const untouched = await dump(service.db);
  const { body: dry } = await service.ops('POST', '/replays', { filter, why, dry_run: true });
  expect(await dump(service.db)).toEqual(untouched);
  expect(dry).toMatchObject({
    matching: 32,
    tried: 32,
    is_complete: true,
    outcomes: { done: 31, parked: 1 },
  });

  const done = await replay(service, { filter });
  expect(done.outcomes).toEqual({ done: 31, parked: 1 });
  type Change = { table: string; change: string; key: object; columns: Record<string, { after: unknown }> };
  const changes: Change[] = dry.changes;
  const listed = (change: string, table: string) =>
    changes.filter((each) => each.change === change && each.table === table);
  expect(done.changes).toEqual({
    deliveries: { created: 0, updated: 31 },
    sessions: { created: 30, updated: 0 },
    observations: { created: 31, updated: 0 },
  });
  expect(listed('updated', 'deliveries')).toHaveLength(31);
  expect(changes).toHaveLength(31 + 30 + 31);
  // Each row, column by column, but for the times at which it was written.
  const ofProcessing = ['known_at', 'settled_at', 'finished_at'];
  for (const table of ['sessions', 'observations']) {
    const rows = await service.db.query<{ row: Record<string, unknown> }>({
      text: `select to_jsonb(t) - 'token' as row from ${table} t`,
    });
    const said = (row: Record<string, unknown>) =>
      JSON.stringify(
        Object.entries(row)
          .filter(([column, value]) => value !== null && !ofProcessing.includes(column))
          .sort(),
      );
    const rehearsed = listed('created', table).map(({ columns }) =>
      said(Object.fromEntries(Object.entries(columns).map(([column, { after }]) => [column, after]))),
    );
    expect(rehearsed.sort()).toEqual(rows.map(({ row }) => said(row)).sort());
  }
});

describe('what is replayed', () => {
  test('is found by every field of the filter, and by ids', async () => {
    const service = await start({ env: ignoring });
    await deliverAllKinds(service);
    const listed = async (query: string) => {
      const { status, body } = await service.get(`/v1/deliveries?limit=200&${query}`);
      expect({ query, status }).toEqual({ query, status: 200 });
      return body.data as Record<string, string>[];
    };
    const all = await listed('');
    const one = all.find(({ kind }) => kind === 'session_completed');
    for (const [query, count] of [
      ['state=parked', 4],
      ['state=parked&reason=unknown_kind', 1],
      ['kind=face_matched', 3],
      ['decision=record', 5],
      ['source=pull', 0],
      ['account=default', 13],
      ['account=acme', 0],
      ['admission=pull', 0],
      [`session_id=${one?.session_id}`, undefined],
      ['reference_id=user-face', 2],
      ['reference_id=user-alert', 2],
      ['from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z', 13],
      ['to=2020-01-01T00:00:00Z', 0],
    ] as const) {
      const found = await listed(query);
      if (count !== undefined) expect({ query, count: found.length }).toEqual({ query, count });
      const filter = Object.fromEntries(new URLSearchParams(query));
      const { body } = await service.ops('POST', '/replays', { filter, why, dry_run: true });
      expect({ query, matching: body.matching }).toEqual({ query, matching: found.length });
    }
    const ids = all.slice(0, 2).map(({ delivery_id }) => delivery_id);
    expect(await replay(service, { ids })).toMatchObject({ matching: 2, replayed: 2 });
    const unknown = await service.ops('POST', '/replays', { ids: [ids[0], randomUUID()], why });
    expect(unknown).toMatchObject({ status: 404, body: { detail: "1 of these ids are no delivery's." } });
  });

  test('above the named size asks for a confirmation, and says of how many', async () => {
    const service = await start({ env: { REPLAY_CONFIRM_ABOVE: '2' } });
    for (let count = 0; count < 3; count += 1) await service.deliver(verdictPayload());
    await service.settled();
    const refused = await service.ops('POST', '/replays', { filter: {}, why });
    expect(refused).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect(refused.body.detail).toMatch(/^3 deliveries match, more than REPLAY_CONFIRM_ABOVE \(2\)/);
    expect((await service.ops('POST', '/replays', { filter: {}, why, confirm: 2 })).status).toBe(409);
    expect(await replay(service, { filter: {}, confirm: 3 })).toMatchObject({ replayed: 3 });
    for (const body of [{}, { ids: [randomUUID()], filter: {} }, { filter: { colour: 'red' } }]) {
      expect((await service.ops('POST', '/replays', { why, ...body })).status).toBe(400);
    }
  });

  test('says when a dry run has not tried all of it', async () => {
    const service = await start({ env: { REPLAY_DRY_RUN_MAX: '2' } });
    for (let count = 0; count < 3; count += 1) await service.deliver(verdictPayload());
    await service.settled();
    const { body } = await service.ops('POST', '/replays', { filter: {}, why, dry_run: true });
    expect(body).toMatchObject({ matching: 3, tried: 2, is_complete: false });
  });

  test('that breaks is counted alone, and its neighbours go on', async () => {
    const service = await start();
    const payloads = Array.from({ length: 20 }, () => verdictPayload());
    for (const payload of payloads) await service.deliver(payload);
    await service.settled();
    await service.db.query({ text: 'delete from observations' });
    await service.db.query({ text: 'delete from sessions' });
    await service.db.query({
      text: `alter table sessions add constraint broken check (session_id <> '${payloads[7]?.session_id}')`,
    });
    const done = await replay(service, { filter: {} });
    expect(done).toMatchObject({ state: 'done', replayed: 19, failed: 1 });
    expect(done.detail).toMatch(/SQLSTATE 23514$/);
    expect(done.changes.sessions).toEqual({ created: 19, updated: 0 });
  });
});

test('a replay is paused, resumed and cancelled, and the audit has it', async () => {
  const service = await start({ env: { REPLAY_BATCH_DELIVERIES: '1', REPLAY_MAX_PER_SECOND: '20' } });
  for (let count = 0; count < 60; count += 1) await service.deliver(verdictPayload());
  await service.settled();
  const { body: begun } = await service.ops('POST', '/replays', { filter: {}, why });
  const id = begun.replay_id;
  const seen = async () => (await service.ops('GET', `/replays/${id}`)).body;
  await until(async () => (await seen()).replayed > 0);
  const paused = (await service.ops('POST', `/replays/${id}/pause`, { why })).body;
  expect(paused.state).toBe('paused');
  expect((await service.ops('POST', '/replays', { ids: [randomUUID()], why })).status).toBe(404);
  // Another one runs meanwhile: this one is not in its way.
  expect(await replay(service, { filter: { state: 'parked' } })).toMatchObject({ state: 'done' });
  expect((await seen()).replayed).toBe(paused.replayed);
  await service.ops('POST', `/replays/${id}/resume`, { why });
  await until(async () => (await seen()).replayed > paused.replayed);
  const cancelled = (await service.ops('POST', `/replays/${id}/cancel`, { why: 'enough' })).body;
  expect(cancelled).toMatchObject({ state: 'cancelled', finished_at: expect.any(String) });
  const again = await service.ops('POST', `/replays/${id}/resume`, { why });
  expect(again).toMatchObject({ status: 409, body: { detail: expect.stringContaining('is cancelled') } });
  expect((await service.get('/v1/ops/replays?state=cancelled')).body.data).toMatchObject([{ replay_id: id }]);
  const { data } = (await service.get('/v1/ops/audit')).body;
  const names = data.map(
    ({ action, outcome }: { action: string; outcome: string }) => `${action} ${outcome}`,
  );
  expect(names).toEqual(
    expect.arrayContaining([
      'replays.start done',
      'replays.start not_found',
      'replays.pause done',
      'replays.resume done',
      'replays.cancel done',
      'replays.resume conflict',
    ]),
  );
});

test('a replay whose worker is gone is taken over once the lease is over, and counts each delivery once', async () => {
  const service = await start({ env: { REPLAY_MAX_PER_SECOND: '5000' } });
  for (let count = 0; count < 30; count += 1) await service.deliver(verdictPayload());
  await service.settled();
  const ids = await service.db.query<{ id: string }>({ text: 'select id from deliveries order by id' });
  // As a worker leaves it that dies behind the tenth delivery.
  const id = '01990000-0000-7000-8000-00000000abcd';
  await service.db.query({
    text: `insert into replays (id, state, filter, created_at, created_by, why, matching, up_to, after, replayed, lease_until)
           values ($1, 'running', '{}', now(), 'night', 'x', 30, $2, $3, 10, now() + interval '2 seconds')`,
    values: [id, ids.at(-1)?.id, ids[9]?.id],
  });
  expect(await over(service, id)).toMatchObject({ state: 'done', replayed: 30, matching: 30 });
});
