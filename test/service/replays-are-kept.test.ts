// A replay is there for whoever asks later: as it was asked for, with what came of it, whether or not a worker was there,
// and what an operator looked at or tried is in the audit.
import { expect, test } from 'vitest';
import { useServices } from '../support/operator.ts';
import { over, why } from '../support/operator-replays.ts';
import { verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

const { start } = useServices();

test('one that is begun while no worker is there is gone on with once one is, and shown as it was asked for', async () => {
  const service = await start();
  const payload = verdictPayload({ reference_id: 'anna' });
  await service.deliver(payload);
  await service.settled();
  await service.service.stop();
  const { databaseUrl } = service;
  const receiver = await start({ databaseUrl, env: { ROLE: 'receiver' } });
  const filter = {
    state: 'done',
    session_id: payload.session_id,
    reference_id: 'anna',
    from: '2020-01-01T00:00:00.000000Z',
  };
  const { body: begun } = await receiver.ops('POST', '/replays', { filter, why });
  expect(begun).toMatchObject({ state: 'running', replayed: 0, matching: 1 });
  expect(begun.filter).toEqual(filter);
  const worker = await start({ databaseUrl, env: { ROLE: 'worker' } });
  const done = await over(receiver, begun.replay_id);
  expect(done).toEqual({
    replay_id: begun.replay_id,
    state: 'done',
    filter,
    why,
    created_at: begun.created_at,
    created_by: 'bootstrap',
    finished_at: expect.any(String),
    matching: 1,
    replayed: 1,
    failed: 0,
    changes: {},
    outcomes: { done: 1 },
    detail: null,
  });
  const metrics = await worker.get('/metrics', null);
  expect(metrics.body).toContain('ilive_deliveries_replayed_total 1');
});

test('a cancelled one stays cancelled when the service starts anew', async () => {
  const slow = { REPLAY_BATCH_DELIVERIES: '1', REPLAY_MAX_PER_SECOND: '10' };
  const service = await start({ env: slow });
  for (let count = 0; count < 30; count += 1) await service.deliver(verdictPayload());
  await service.settled();
  const { body: begun } = await service.ops('POST', '/replays', { filter: {}, why });
  const path = `/replays/${begun.replay_id}`;
  await until(async () => (await service.ops('GET', path)).body.replayed > 0);
  const { body: cancelled } = await service.ops('POST', `${path}/cancel`, { why });
  await service.service.stop();
  const next = await start({ databaseUrl: service.databaseUrl });
  // The next one is taken up, and done: the cancelled one has had its chance.
  const { body: other } = await next.ops('POST', '/replays', { filter: {}, why });
  expect(await over(next, other.replay_id)).toMatchObject({ state: 'done', replayed: 30 });
  expect((await next.ops('GET', path)).body).toEqual(cancelled);
  const answers = await Promise.all(
    ['pause', 'resume'].map((verb) => next.ops('POST', `${path}/${verb}`, { why })),
  );
  expect(answers.map(({ status }) => status)).toEqual([409, 409]);
});

test('a delivery’s bytes are shown to who says why, and that is kept, as is a dry run', async () => {
  const service = await start();
  const { body: taken } = await service.deliver(verdictPayload());
  await service.settled();
  const id = taken.delivery_id;
  expect((await service.get(`/v1/ops/deliveries/${id}/body`)).status).toBe(400);
  expect((await service.get(`/v1/deliveries/${id}?include=body`)).status).toBe(400);
  const shown = (await service.get(`/v1/ops/deliveries/${id}/body?why=ticket%207`)).body;
  expect(shown).toMatchObject({ delivery_id: id, headers: { 'content-type': 'application/json' } });
  const { body: key } = await service.ops('POST', '/keys', { name: 'reader', role: 'reader', why });
  expect((await service.get(`/v1/ops/deliveries/${id}/body?why=x`, key.key)).status).toBe(403);
  const filter = { kind: 'session_completed', session_id: shown.session_id };
  await service.ops('POST', '/replays', { filter, why, dry_run: true });
  const audited = async (action: string) => (await service.get(`/v1/ops/audit?action=${action}`)).body.data;
  expect(await audited('deliveries.read_body')).toMatchObject([
    { why: 'ticket 7', rows: 1, details: { delivery_id: id }, outcome: 'done' },
  ]);
  expect(await audited('replays.rehearse')).toMatchObject([
    { rows: 0, details: { filter }, outcome: 'done' },
  ]);
  expect((await service.ops('GET', '/replays')).body.data).toEqual([]);
});
