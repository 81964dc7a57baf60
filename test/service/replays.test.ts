// Stored deliveries are processed again: what is right stays as it is, what is missing is made, and an operator sees
// beforehand exactly what would change.
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { deliverAllKinds, dump } from '../support/all-kinds.ts';
import { useServices } from '../support/operator.ts';
import { ignoring, replay, why } from '../support/operator-replays.ts';
import { verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

const { start } = useServices();

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

test('guarantee 14: a dry run on parked deliveries of a kind that is learnt lists exactly what the real run then creates', async () => {
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
