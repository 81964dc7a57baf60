// A wrong refusal can be undone: what was refused for a reason of ours is kept, explained, and let in once it is proven.
// The vendor is the simulator where its answers matter; elsewhere deliveries are signed by the code that verifies them.
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseTemplate, sign, signingKey } from '../../src/ilive/signature.ts';
import { startNewlineProxy } from '../support/newline-proxy.ts';
import { type Operator, operatorOf, useServices } from '../support/operator.ts';
import { secret, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';
import { startTogether } from '../support/vendor.ts';

const { start, stopAfterTest } = useServices();

const count = 300;
const payloads = () => Array.from({ length: count }, () => verdictPayload());

async function refusedBecomes(service: TestService, wanted: number): Promise<void> {
  const stored = async () => {
    const [row] = await service.db.query<{ count: string }>({
      text: 'select count(*) from refusals', // each once: one that was answered too late is sent again
    });
    return Number(row?.count);
  };
  await until(async () => (await stored()) === wanted, {
    deadlineMs: 90_000, // some are of sessions that take a while
    describe: `${wanted} refusals`,
  });
}

async function expectAllSettled(service: TestService & Operator, sessions: readonly string[]): Promise<void> {
  await service.settled();
  const rows = await service.db.query<{ state: string; count: string }>({
    text: 'select state, count(*) from sessions where session_id = any($1) group by 1',
    values: [sessions],
  });
  expect(rows).toEqual([{ state: 'settled', count: String(sessions.length) }]);
  const { body } = await service.get('/v1/completeness');
  expect(body).toMatchObject({ expected: sessions.length, open: 0, adds_up: true });
  expect((await service.get('/v1/ops/audit/verification')).body).toMatchObject({ is_whole: true, flaws: [] });
}

test('guarantee 13: 300 deliveries refused for a wrong secret are admitted once the right one is there', async () => {
  const wrong = await start({ env: { ILIVE_WEBHOOK_SECRETS: 'whsec_mistyped' } });
  const sent = payloads();
  const answers = await Promise.all(sent.map((payload) => wrong.deliver(payload)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
  await refusedBecomes(wrong, count);
  const before = await wrong.ops('POST', '/refusals/reverify', { why: 'try' });
  expect(before.body).toMatchObject({
    checked: count,
    admitted: 0,
    refused_by_reason: { signature_mismatch: count },
  });

  const right = await start({ databaseUrl: wrong.databaseUrl });
  const rehearsed = await right.ops('POST', '/refusals/reverify', { why: 'look', dry_run: true });
  expect(rehearsed.body).toMatchObject({ dry_run: true, admitted: count });
  expect((await right.get('/v1/ops/refusals?state=admitted')).body.data).toEqual([]);
  const { body } = await right.ops('POST', '/refusals/reverify', { why: 'the secret was mistyped' });
  expect(body).toEqual({
    dry_run: false,
    checked: count,
    admitted: count,
    already_stored: 0,
    refused: 0,
    refused_by_reason: {},
    clock_offset_seconds: null,
    next_after: null,
  });
  await expectAllSettled(
    right,
    sent.map(({ session_id }) => session_id),
  );
  const { data } = (await right.get('/v1/ops/refusals?state=admitted&limit=1')).body;
  const delivery = (await right.get(`/v1/deliveries/${data[0].delivery_id}`)).body;
  expect(delivery).toMatchObject({ admission: 'signature', state: 'done', received_at: data[0].received_at });
  const again = await right.ops('POST', '/refusals/reverify', { why: 'again' });
  expect(again.body).toMatchObject({ checked: 0, admitted: 0 });
});

test('300 deliveries refused for a wrong signed string are admitted under the right one', async () => {
  const template = '{id}.{timestamp}.{body}';
  const parsed = parseTemplate(template);
  if (typeof parsed === 'string') throw new Error(parsed);
  const wrong = await start();
  const sent = payloads();
  for (const payload of sent) {
    const body = Buffer.from(JSON.stringify(payload));
    const signing = { key: signingKey(secret, 'utf8'), template: parsed, webhookId: randomUUID() };
    const headers = sign(body, { ...signing, timestamp: Math.floor(Date.now() / 1000) });
    const answer = await fetch(`${wrong.url}/webhooks/ilive`, { method: 'POST', headers, body });
    expect(answer.status).toBe(401);
  }
  await refusedBecomes(wrong, count);
  const diagnosed = await until(
    async () => {
      const { data } = (await wrong.get('/v1/ops/refusals?limit=1')).body;
      return data[0].diagnosis;
    },
    { describe: 'a diagnosis' },
  );
  expect(diagnosed.findings.join()).toContain(template);
  const right = await start({ databaseUrl: wrong.databaseUrl, env: { ILIVE_SIGNATURE_TEMPLATE: template } });
  const { body } = await right.ops('POST', '/refusals/reverify', {
    why: 'ILIVE_SIGNATURE_TEMPLATE was wrong',
  });
  expect(body).toMatchObject({ admitted: count, refused: 0 });
  await expectAllSettled(
    right,
    sent.map(({ session_id }) => session_id),
  );
});

test('300 deliveries refused by a clock 10 minutes off are admitted when told how far it was', async () => {
  const offsetSeconds = 600;
  const wrong = await start({ overrides: { now: () => new Date(Date.now() + offsetSeconds * 1000) } });
  const sent = payloads();
  const answers = await Promise.all(sent.map((payload) => wrong.deliver(payload)));
  expect(new Set(answers.map(({ body }) => body.code))).toEqual(new Set(['timestamp_too_old']));
  await refusedBecomes(wrong, count);
  const { data } = (await wrong.get('/v1/ops/refusals?limit=1')).body;
  const shown = (await wrong.get(`/v1/ops/refusals/${data[0].refusal_id}`)).body;
  expect(shown.diagnosis.findings.join()).toMatch(/clock was 10 minutes ahead .*--clock-offset=10m/);

  const right = await start({ databaseUrl: wrong.databaseUrl });
  const without = await right.ops('POST', '/refusals/reverify', { why: 'as it is' });
  expect(without.body).toMatchObject({
    admitted: 0,
    refused_by_reason: { timestamp_too_old: count },
    clock_offset_seconds: offsetSeconds,
  });
  const { body } = await right.ops('POST', '/refusals/reverify', {
    why: 'NTP had stopped; our clock was 10 minutes ahead',
    clock_offset_seconds: offsetSeconds,
  });
  expect(body).toMatchObject({ admitted: count, refused: 0 });
  await expectAllSettled(
    right,
    sent.map(({ session_id }) => session_id),
  );
});

test('guarantee 13: 300 deliveries to which a proxy appended a newline are admitted only by what iLive answers', async () => {
  const together = await startTogether({
    vendor: { sessions: { medianSeconds: 25, spread: 0.5, abandonedShare: 0 } },
    between: async (route) => {
      const proxy = await startNewlineProxy(route);
      stopAfterTest(proxy);
      return proxy.url;
    },
  });
  stopAfterTest(together);
  const service = { ...together.service, ...operatorOf(together.service.url) };
  const sessions = await together.create(count);
  await refusedBecomes(service, count);
  const { data } = (await service.get('/v1/ops/refusals?limit=1')).body;
  const shown = (await service.get(`/v1/ops/refusals/${data[0].refusal_id}`)).body;
  expect(shown.diagnosis.findings.join()).toMatch(/without the newline at the end of the body/);
  const reverified = await service.ops('POST', '/refusals/reverify', { why: 'try' });
  expect(reverified.body).toMatchObject({ checked: count, admitted: 0 });

  // Somebody who knows a session's id, and says of it what iLive does not.
  const known = together.vendor.sessions.get(sessions[0] ?? '');
  const forged = verdictPayload({
    session_id: sessions[0],
    verdict: known?.plan.verdict === 'pass' ? 'fail' : 'pass',
    reference_id: known?.referenceId,
  });
  expect((await service.deliver(forged, { secret: 'a guess' })).status).toBe(401);
  await refusedBecomes(service, count + 1);

  const why = 'the proxy appended a newline; it no longer does';
  let after: string | null = null;
  let admitted = 0;
  const unproven: Record<string, number> = {};
  do {
    const piece = { reason: 'signature_mismatch', why, ...(after === null ? {} : { after }) };
    const { status, body } = await service.ops('POST', '/refusals/admit', piece);
    expect(status).toBe(200);
    admitted += body.admitted;
    for (const [reason, times] of Object.entries<number>(body.not_proven_by_reason)) {
      unproven[reason] = (unproven[reason] ?? 0) + times;
    }
    after = body.next_after;
  } while (after !== null);
  expect({ admitted, unproven }).toEqual({ admitted: count, unproven: { contradicted: 1 } });
  await expectAllSettled(service, sessions);
  const admittedOnes = await service.get('/v1/ops/refusals?state=admitted&limit=1');
  const { delivery_id } = admittedOnes.body.data[0];
  expect((await service.get(`/v1/deliveries/${delivery_id}`)).body).toMatchObject({ admission: 'pull' });
  const [session] = await service.db.query({
    text: 'select confirmation, settled_source, count(*) from sessions group by 1, 2',
  });
  // What was admitted agrees with iLive's answer because it had to: it is no second source.
  expect(session).toEqual({ confirmation: 'unconfirmed', settled_source: 'pull', count: String(count) });
});
