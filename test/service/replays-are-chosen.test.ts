// What is replayed is chosen by ids or by the very filter that lists take, and much of it only after a confirmation.
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { deliverAllKinds } from '../support/all-kinds.ts';
import { useServices } from '../support/operator.ts';
import { ignoring, replay, why } from '../support/operator-replays.ts';
import { verdictPayload } from '../support/service.ts';

const { start } = useServices();

test('what is replayed is found by every field of the filter, and by ids', async () => {
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
    ['reference_id=user-face', 3],
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
  expect(unknown).toMatchObject({ status: 404, body: { detail: "1 of these 2 ids are no delivery's." } });
  const alone = await service.ops('POST', '/replays', { ids: [randomUUID()], why });
  expect(alone).toMatchObject({ status: 404, body: { detail: 'No delivery has this id.' } });
});

test('a replay above the named size asks for a confirmation, and says of how many', async () => {
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

test('it says when a dry run has not tried all of it', async () => {
  const service = await start({ env: { REPLAY_DRY_RUN_MAX: '2' } });
  for (let count = 0; count < 3; count += 1) await service.deliver(verdictPayload());
  await service.settled();
  const { body } = await service.ops('POST', '/replays', { filter: {}, why, dry_run: true });
  expect(body).toMatchObject({ matching: 3, tried: 2, is_complete: false });
});

test('a delivery that breaks is counted alone, and its neighbours go on', async () => {
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
