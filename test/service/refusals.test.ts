// What is refused can be seen, read, admitted and purged, each by whoever may.
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { useServices } from '../support/operator.ts';
import { secret, type TestServiceOptions, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

const byAccount = JSON.stringify({ acme: ['whsec_acme_secret'] });
const wrongSecret = 'whsec_wrong';

const services = useServices();

async function start(options: TestServiceOptions = {}) {
  const service = await services.start({
    ...options,
    env: { ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT: byAccount, ...options.env },
  });
  const kept = async (count: number) =>
    until(
      async () => {
        const { data } = (await service.get('/v1/ops/refusals?limit=200')).body;
        return data.length === count ? data : undefined;
      },
      { describe: `${count} refusals are kept` },
    );
  return { ...service, kept };
}

test('each is listed with its reason, and found by every filter', async () => {
  const service = await start();
  const from = new Date().toISOString();
  await service.deliver(verdictPayload(), { secret: wrongSecret });
  await service.deliver(verdictPayload(), { account: 'acme' });
  await service.deliver(verdictPayload(), { account: 'nobody' });
  await service.deliver(verdictPayload(), { signedAt: new Date(Date.now() - 3_600_000) });
  const all = await service.kept(4);
  expect(all[0]).toMatchObject({
    address: expect.stringMatching(/127\.0\.0\.1$/),
    times: 1,
    delivery_id: null,
  });
  const listed = async (query: string) => {
    const { status, body } = await service.get(`/v1/ops/refusals?${query}`);
    expect({ query, status }).toEqual({ query, status: 200 });
    return body.data
      .map(({ account, reason }: { account: string; reason: string }) => `${account} ${reason}`)
      .sort();
  };
  expect(await listed('')).toEqual([
    'acme signature_mismatch',
    'default signature_mismatch',
    'default timestamp_too_old',
    'nobody unknown_account',
  ]);
  expect(await listed('reason=unknown_account')).toEqual(['nobody unknown_account']);
  expect(await listed('account=acme')).toEqual(['acme signature_mismatch']);
  expect(await listed('address=192.0.2.1')).toEqual([]);
  expect(await listed('state=admitted')).toEqual([]);
  expect(await listed(`to=${from}`)).toEqual([]);
  expect(await listed(`from=${from}`)).toHaveLength(4);
  const first = (await service.get('/v1/ops/refusals?limit=3')).body;
  const second = (await service.get(`/v1/ops/refusals?limit=3&cursor=${first.next_cursor}`)).body;
  expect([...first.data, ...second.data]).toHaveLength(4);
  expect(second.next_cursor).toBe(null);
});

test('its exact bytes are shown to who says why, and the audit keeps that', async () => {
  const service = await start();
  const body = Buffer.from([0x7b, 0x00, 0xff, 0x0a]);
  await service.deliver(body, {
    secret: wrongSecret,
    headers: { cookie: 'session=1', 'x-forwarded-for': '203.0.113.7' },
  });
  const [{ refusal_id: id }] = await service.kept(1);
  expect((await service.get(`/v1/ops/refusals/${id}/body`)).status).toBe(400);
  const shown = (await service.get(`/v1/ops/refusals/${id}/body?why=ticket%207`)).body;
  expect(Buffer.from(shown.body_base64, 'base64')).toEqual(body);
  expect(shown.headers).toMatchObject({
    'x-forwarded-for': '203.0.113.7',
    'content-type': 'application/json',
  });
  expect(shown.headers).not.toHaveProperty('cookie');
  const { data } = (await service.get('/v1/ops/audit?action=refusals.read_body')).body;
  expect(data).toMatchObject([{ why: 'ticket 7', rows: 1, details: { refusal_id: id }, outcome: 'done' }]);
  expect(JSON.stringify(data)).not.toContain(shown.body_base64);
  const missing = '01990000-0000-7000-8000-000000000000';
  expect((await service.get(`/v1/ops/refusals/${missing}`)).status).toBe(404);
  expect((await service.get(`/v1/ops/refusals/${missing}/body?why=x`)).status).toBe(404);
  const failed = (await service.get('/v1/ops/audit?action=refusals.read_body&limit=1')).body.data;
  expect(failed).toMatchObject([{ outcome: 'not_found', rows: 0 }]);
});

test('guarantee 13: more than one request admits is admitted piece by piece, and only what the filter names', async () => {
  const service = await start({ env: { REFUSALS_MAX_PER_SECOND: '5000' } });
  const payloads = Array.from({ length: 1_050 }, () => verdictPayload());
  for (let at = 0; at < payloads.length; at += 50) {
    await Promise.all(
      payloads.slice(at, at + 50).map((payload) => service.deliver(payload, { secret: 'whsec_the_new_one' })),
    );
  }
  await service.deliver(verdictPayload(), { account: 'acme', secret: wrongSecret });
  await until(async () => {
    const [row] = await service.db.query<{ count: string }>({ text: 'select count(*) from refusals' });
    return Number(row?.count) === payloads.length + 1;
  });
  const right = await start({
    databaseUrl: service.databaseUrl,
    env: { ILIVE_WEBHOOK_SECRETS: `${secret},whsec_the_new_one` },
  });
  const why = 'the new secret was not listed yet';
  const first = await right.ops('POST', '/refusals/reverify', { account: 'default', why });
  expect(first.body).toMatchObject({ checked: 1_000, admitted: 1_000 });
  const rest = { account: 'default', after: first.body.next_after, why };
  expect((await right.ops('POST', '/refusals/reverify', rest)).body).toMatchObject({
    checked: 50,
    admitted: 50,
    next_after: null,
  });
  expect((await right.ops('POST', '/refusals/reverify', { why })).body).toMatchObject({
    checked: 1,
    refused_by_reason: { signature_mismatch: 1 },
  });
  await right.settled();
  const audited = (await right.get('/v1/ops/audit?action=refusals.reverify')).body.data;
  expect(audited.map(({ rows }: { rows: number }) => rows)).toEqual([0, 50, 1_000]);
});

test('what had come in already is not stored twice', async () => {
  const service = await start();
  const payload = verdictPayload();
  const options = { webhookId: 'w-1', signedAt: new Date() };
  await service.deliver(payload, { ...options, secret: wrongSecret });
  await service.kept(1);
  await service.deliver(payload, options);
  const right = await start({
    databaseUrl: service.databaseUrl,
    env: { ILIVE_WEBHOOK_SECRETS: wrongSecret },
  });
  const { body } = await right.ops('POST', '/refusals/reverify', { why: 'both were right' });
  expect(body).toMatchObject({ admitted: 1, already_stored: 1 });
  const { data } = (await right.get('/v1/deliveries')).body;
  expect(data).toMatchObject([{ webhook_id: 'w-1', admission: null }]);
});

test('what a request gets wrong is told by its field, in plain words', async () => {
  const service = await start();
  const detailOf = async (body: object) =>
    (await service.ops('POST', '/refusals/reverify', { why: 'x', ...body })).body.detail;
  expect(await detailOf({ ids: ['x'] })).toBe('field "ids" must be ids of refusals (UUIDs).');
  expect(await detailOf({ ids: [] })).toBe('field "ids" must be 1 to 1000 ids.');
  expect(await detailOf({ clock_offset_seconds: 100_000 })).toBe(
    'field "clock_offset_seconds" must be a whole number from -86400 to 86400.',
  );
});

test('purging takes an admin and a filter, and leaves what was admitted', async () => {
  const service = await start();
  await service.deliver(verdictPayload(), { secret: wrongSecret });
  await service.kept(1);
  const right = await start({
    databaseUrl: service.databaseUrl,
    env: { ILIVE_WEBHOOK_SECRETS: wrongSecret },
  });
  await right.ops('POST', '/refusals/reverify', { why: 'it was right' });
  await service.deliver(verdictPayload(), { secret: 'junk' });
  await service.kept(2);
  const why = 'a scanner';
  expect((await right.ops('POST', '/refusals/purge', { why })).body.detail).toMatch(/^Say which refusals/);
  const { body: key } = await right.ops('POST', '/keys', { name: 'night', role: 'operator', why });
  const asOperator = await right.ops('POST', '/refusals/purge', { all: true, why }, key.key);
  expect(asOperator.status).toBe(403);
  const from = '2020-01-01T00:00:00Z';
  expect((await right.ops('POST', '/refusals/purge', { from, why, dry_run: true })).body).toEqual({
    dry_run: true,
    purged: 1,
  });
  expect((await right.ops('POST', '/refusals/purge', { from, why })).body).toMatchObject({ purged: 1 });
  expect(await right.kept(1)).toMatchObject([{ admission: 'signature' }]);
  expect((await right.ops('POST', '/refusals/purge', { all: true, why })).body).toMatchObject({ purged: 1 });
  expect((await right.get('/v1/deliveries')).body.data).toHaveLength(1);
});

test('one that is sealed with a key that is gone says so, stays refused, and holds up no other', async () => {
  const keyed = (id: string) => ({ ENCRYPTION_KEYS: `${id}:${randomBytes(32).toString('base64')}` });
  const before = await start({ env: keyed('k1') });
  await before.deliver(verdictPayload(), { secret: wrongSecret });
  const [{ refusal_id: id }] = await before.kept(1);
  const service = await start({ databaseUrl: before.databaseUrl, env: keyed('k2') });
  await service.deliver(verdictPayload(), { signedAt: new Date(Date.now() - 3_600_000) });
  await service.kept(2);
  const shown = await service.get(`/v1/ops/refusals/${id}`);
  expect(shown).toMatchObject({
    status: 200,
    body: { diagnosis: { findings: [expect.stringContaining('ENCRYPTION_KEYS')], is_complete: false } },
  });
  const body = await service.get(`/v1/ops/refusals/${id}/body?why=look`);
  expect(body).toMatchObject({
    status: 409,
    body: { code: 'conflict', detail: expect.stringContaining('ENCRYPTION_KEYS') },
  });
  const { data } = (await service.get('/v1/ops/audit?action=refusals.read_body')).body;
  expect(data).toMatchObject([{ outcome: 'conflict', rows: 0 }]);
  const why = 'our clock was an hour ahead';
  const reverified = await service.ops('POST', '/refusals/reverify', { why, clock_offset_seconds: 3_600 });
  expect(reverified).toMatchObject({
    status: 200,
    body: { checked: 2, admitted: 1, refused_by_reason: { unopened: 1 } },
  });
  const admitted = await service.ops('POST', '/refusals/admit', { why, account: 'default' });
  expect(admitted).toMatchObject({
    status: 200,
    body: { checked: 1, admitted: 0, not_proven_by_reason: { unopened: 1 } },
  });
});

test('what cannot be admitted by a pull says why, and is not', async () => {
  const service = await start();
  await service.deliver(verdictPayload(), { secret: wrongSecret });
  await service.kept(1);
  const why = 'try';
  expect((await service.ops('POST', '/refusals/admit', { why })).status).toBe(400);
  const { status, body } = await service.ops('POST', '/refusals/admit', { account: 'default', why });
  expect({ status, code: body.code }).toEqual({ status: 409, code: 'conflict' });
  expect(body.detail).toMatch(/ILIVE_API_KEY/);
  const { data } = (await service.get('/v1/ops/audit?action=refusals.admit')).body;
  expect(data).toMatchObject([{ outcome: 'conflict', rows: 0 }]);
});

test('guarantee 13: a flood under made-up accounts pushes out nothing that waits, or is kept, of an account with secrets', async () => {
  const service = await start({
    env: {
      REFUSALS_BUFFER_BYTES: '65536',
      REFUSALS_MAX_PER_SECOND: '4',
      REFUSALS_MAX_COUNT: '12',
    },
  });
  const filler = 'x'.repeat(3_000);
  const deliverFive = async () => {
    for (let index = 0; index < 5; index += 1) {
      await service.deliver(verdictPayload({ filler }), { secret: wrongSecret, account: 'acme' });
    }
  };
  await deliverFive();
  await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      service.deliver(verdictPayload({ filler }), { account: `made-up-${index}` }),
    ),
  );
  await deliverFive();
  const { body: metrics } = await service.get('/metrics', null);
  expect(metrics).toMatch(/^ilive_refusals_dropped_total [1-9]/m);
  const isKept = async () => {
    const kept = (await service.get('/v1/ops/refusals?limit=200')).body.data as { account: string }[];
    const ofAcme = kept.filter(({ account }) => account === 'acme').length;
    return ofAcme === 10 && kept.length > ofAcme;
  };
  await until(isKept);
});
