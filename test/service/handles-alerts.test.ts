// Compliance alerts are acknowledged and resolved by people: the first one stands, the audit has it, and only something new
// about the alert opens it again.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Operator, operatorOf } from '../support/operator.ts';
import { apiKey, type Sent, startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';
import { runCli } from './run-cli.ts';

let service: TestService & Operator;
let anna: string;

beforeAll(async () => {
  const started = await startTestService({
    env: { ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT: '{"acme":["whsec_acme"]}' },
  });
  service = { ...started, ...operatorOf(started.url) };
  const made = await service.ops('POST', '/keys', { name: 'anna', role: 'operator', why: 'a test' });
  anna = made.body.key;
});
afterAll(() => service?.stop());

let alertCount = 0;
const alertOf = (changes: object = {}) => ({
  event: 'compliance.alert',
  alert_id: `alert-${++alertCount}`,
  severity: 'high',
  reference_id: 'rita',
  timestamp: '2026-04-11T09:30:00.000000Z',
  ...changes,
});

async function deliver(payload: object): Promise<string> {
  const { body } = await service.deliver(payload);
  await service.settled();
  return body.delivery_id;
}

async function handle(
  id: string,
  verb: string,
  body: object,
  key = apiKey,
): Promise<Pick<Sent, 'status' | 'body'>> {
  const response = await fetch(`${service.url}/v1/compliance-alerts/${encodeURIComponent(id)}/${verb}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

const find = async (id: string) =>
  (await service.get(`/v1/compliance-alerts/${encodeURIComponent(id)}`)).body;

test('the first one to acknowledge stands, with name and note, and the audit has each try', async () => {
  const alert = alertOf();
  await deliver(alert);
  expect(await find(alert.alert_id)).toMatchObject({
    status: 'open',
    acknowledged_at: null,
    acknowledged_by: null,
    resolved_note: null,
  });
  const first = await handle(alert.alert_id, 'acknowledge', { note: 'I am on it' }, anna);
  expect(first).toMatchObject({
    status: 200,
    body: { status: 'acknowledged', acknowledged_by: 'anna', acknowledged_note: 'I am on it' },
  });
  const again = await handle(alert.alert_id, 'acknowledge', { note: 'so am I' });
  expect(again).toEqual(first);
  const { data } = (await service.ops('GET', '/audit?action=alerts.acknowledge')).body;
  expect(data.slice(0, 2)).toMatchObject([
    { actor: 'bootstrap', why: 'so am I', rows: 0, outcome: 'done' },
    { actor: 'anna', why: 'I am on it', rows: 1, details: { alert_id: alert.alert_id } },
  ]);
});

test('resolving an open alert acknowledges it; what was done before stays', async () => {
  const [open, seen] = [alertOf(), alertOf()];
  await deliver(open);
  await deliver(seen);
  expect((await handle(open.alert_id, 'resolve', { note: 'checked by hand' }, anna)).body).toMatchObject({
    status: 'resolved',
    resolved_by: 'anna',
    acknowledged_by: 'anna',
    acknowledged_note: 'checked by hand',
  });
  await handle(seen.alert_id, 'acknowledge', { note: 'seen' }, anna);
  const resolved = await handle(seen.alert_id, 'resolve', { note: 'done' });
  expect(resolved.body).toMatchObject({
    status: 'resolved',
    acknowledged_by: 'anna',
    acknowledged_note: 'seen',
    resolved_by: 'bootstrap',
    resolved_note: 'done',
  });
  expect(await handle(seen.alert_id, 'resolve', { note: 'again' }, anna)).toEqual(resolved);
  expect(await handle(seen.alert_id, 'acknowledge', { note: 'again' }, anna)).toEqual(resolved);
});

test('a newer statement opens an alert again; a repeat, an older one and a replay do not', async () => {
  const alert = alertOf();
  const id = await deliver(alert);
  await handle(alert.alert_id, 'resolve', { note: 'done' }, anna);
  const resolved = await find(alert.alert_id);
  await deliver(alert); // the same under another webhook id
  await deliver({ ...alert, severity: 'low', timestamp: '2026-04-11T09:29:00.000000Z' });
  const replay = await service.ops('POST', '/replays', { ids: [id], why: 'a test' });
  await until(async () => {
    const { body } = await service.ops('GET', `/replays/${replay.body.replay_id}`);
    return body.state === 'done';
  });
  expect(await find(alert.alert_id)).toEqual(resolved);
  const newer = await deliver({ ...alert, severity: 'low', timestamp: '2026-04-11T09:31:00.000000Z' });
  expect(await find(alert.alert_id)).toMatchObject({
    delivery_id: newer,
    severity: 'low',
    status: 'open',
    acknowledged_at: null,
    resolved_by: null,
    resolved_note: null,
  });
  // Whoever has seen the first statement alone cannot mean the second.
  const blind = await handle(alert.alert_id, 'acknowledge', { note: 'seen', delivery_id: id }, anna);
  expect(blind).toMatchObject({ status: 409, body: { detail: expect.stringContaining('something newer') } });
  expect((await find(alert.alert_id)).status).toBe('open');
  const knowing = await handle(alert.alert_id, 'acknowledge', { note: 'seen', delivery_id: newer }, anna);
  expect(knowing.body.status).toBe('acknowledged');
});

test('the alert of a dispute keeps what was done about it while nothing new contradicts', async () => {
  const passed = verdictPayload({ reference_id: 'doris', timestamp: '2026-04-11T09:30:00.000000Z' });
  const id = `dispute:${passed.session_id}`;
  await deliver(passed);
  await deliver({ ...passed, verdict: 'fail' });
  await handle(id, 'resolve', { note: 'the same person' }, anna);
  const resolved = await find(id);
  await deliver({ ...passed, verdict: 'fail' }); // repeated
  await deliver({ event: 'face.matched', match_id: 'm', similarity: 0.5, session_id: passed.session_id });
  // A newer verdict ends the dispute and leaves the record of it.
  await deliver({ ...passed, timestamp: '2026-04-11T09:40:00.000000Z' });
  expect(await find(id)).toEqual(resolved);
  expect((await service.get('/v1/subjects/doris')).body.standing).toMatchObject({
    is_verified: true,
    obstacles: [],
  });
  await deliver({ ...passed, verdict: 'fail', timestamp: '2026-04-11T09:40:00.000000Z' });
  expect(await find(id)).toMatchObject({ status: 'open', resolved_at: null });
});

test('disputes of sessions whose ids differ at the end of 512 characters alone have an alert each', async () => {
  const sessionIds = ['a', 'b'].map((end) => `${'x'.repeat(511)}${end}`);
  for (const session_id of sessionIds) {
    const passed = verdictPayload({ session_id, timestamp: '2026-04-11T09:30:00.000000Z' });
    await deliver(passed);
    await deliver({ ...passed, verdict: 'fail' });
  }
  for (const session_id of sessionIds) {
    const { data } = (await service.get(`/v1/compliance-alerts?session_id=${session_id}`)).body;
    expect(data).toMatchObject([{ session_id, category: 'verdict_dispute' }]);
    expect(await find(data[0].alert_id)).toMatchObject({ session_id });
  }
});

test('guarantee 21: an unresolved alert keeps a person out, also once it is acknowledged', async () => {
  const alert = alertOf({ reference_id: 'lena' });
  await deliver(verdictPayload({ reference_id: 'lena' }));
  await deliver(alert);
  const standing = async () => (await service.get('/v1/subjects/lena')).body.standing;
  expect(await standing()).toMatchObject({ is_verified: false, open_alerts_count: 1 });
  await handle(alert.alert_id, 'acknowledge', { note: 'seen' }, anna);
  expect(await standing()).toMatchObject({ is_verified: false, acknowledged_alerts_count: 1 });
  await handle(alert.alert_id, 'resolve', { note: 'done' }, anna);
  expect(await standing()).toMatchObject({ is_verified: true, acknowledged_alerts_count: 0 });
});

test('what cannot be done says why', async () => {
  const alert = alertOf();
  await deliver(alert);
  await service.deliver(alert, { account: 'acme', secret: 'whsec_acme' });
  await service.settled();
  expect(await handle('nobody', 'resolve', { note: 'x' })).toMatchObject({ status: 404 });
  expect(await handle(alert.alert_id, 'resolve', {})).toMatchObject({
    status: 400,
    body: { detail: expect.stringContaining('"note" is missing') },
  });
  expect(await handle(alert.alert_id, 'resolve', { note: 'x' })).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining('?account=') },
  });
  const path = `/v1/compliance-alerts/${alert.alert_id}?account=acme`;
  expect((await service.get(path)).body).toMatchObject({ account: 'acme', status: 'open' });
});

test('from the command line: listed, shown, acknowledged, resolved, and the person with them', async () => {
  const env = { ILIVE_WEBHOOKS_URL: service.url, ILIVE_WEBHOOKS_API_KEY: anna };
  const cli = (...args: string[]) => runCli(args, { env });
  await deliver(verdictPayload({ reference_id: 'clara', session_id: 'clara-session' }));
  const alert = alertOf({ reference_id: 'clara' });
  await deliver(alert);
  const shown = await cli('subjects', 'show', 'clara');
  expect(shown).toMatchObject({ code: 0, err: '' });
  expect(shown.out).toMatch(/^verified +no: unresolved_alert$/m);
  expect(shown.out).toContain('clara-session');
  expect((await cli('alerts', 'list', '--reference', 'clara')).out).toContain(alert.alert_id);
  expect((await cli('alerts', 'show', alert.alert_id)).out).toMatch(/^status +open$/m);
  const unsaid = await cli('alerts', 'acknowledge', alert.alert_id);
  expect(unsaid).toMatchObject({ code: 2, err: expect.stringMatching(/^--note is needed/) });
  const seen = await cli('alerts', 'acknowledge', alert.alert_id, '--note', 'seen');
  expect(seen.out).toMatch(/^acknowledged +\S+ by anna: seen$/m);
  const resolved = await cli('alerts', 'resolve', alert.alert_id, '--note', 'done', '--json');
  expect(JSON.parse(resolved.out)).toMatchObject({ status: 'resolved', resolved_note: 'done' });
  expect(resolved.err).toBe('');
  const again = await cli('alerts', 'resolve', alert.alert_id, '--note', 'again');
  expect(again).toMatchObject({
    code: 0,
    err: 'It was resolved already, by anna; your note is in the audit alone.\n',
  });
  expect((await cli('audit', 'list', '--json')).out).toContain('"again"');
  expect(JSON.parse((await cli('subjects', 'show', 'clara', '--json')).out).standing.is_verified).toBe(true);
  const past = await cli('sessions', 'show', 'clara-session', '--known-at', '2020-01-01T00:00:00Z');
  expect(past).toMatchObject({ code: 1, err: expect.stringContaining('not known here at that time') });
  expect(await cli('subjects', 'show', 'nobody')).toMatchObject({ code: 1 });
  expect(await cli('subjects', 'show', 'clara', '--as-of', 'then')).toMatchObject({ code: 2 });
});

test('what several accounts have is told on the command line with the flag that chooses', async () => {
  const env = { ILIVE_WEBHOOKS_URL: service.url, ILIVE_WEBHOOKS_API_KEY: apiKey };
  const cli = (...args: string[]) => runCli(args, { env });
  const verdict = verdictPayload({ reference_id: 'dora' });
  const alert = alertOf({ reference_id: 'dora' });
  for (const payload of [verdict, alert]) {
    await deliver(payload);
    await service.deliver(payload, { account: 'acme', secret: 'whsec_acme' });
  }
  await service.settled();
  const commands = [
    ['sessions', 'show', verdict.session_id],
    ['subjects', 'show', 'dora'],
    ['alerts', 'show', alert.alert_id],
    ['alerts', 'resolve', alert.alert_id, '--note', 'done'],
  ];
  for (const { code, err } of await Promise.all(commands.map((command) => cli(...command)))) {
    expect(code).toBe(1);
    expect(err).toMatch(/^Several accounts .+: (acme, default|default, acme)\. .*--account/);
  }
  expect(await cli('subjects', 'show', 'dora', '--account', 'acme')).toMatchObject({ code: 0, err: '' });
});
