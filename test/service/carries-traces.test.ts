// A caller's trace goes on through the service: into the answer, the log and the calls to iLive. Bad ones are no error.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Log } from '../../src/log.ts';
import { startFakeVendor } from '../support/fake-ilive-http.ts';
import { apiKey, silent, startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

let service: TestService;
const logged: Record<string, unknown>[] = [];
const log: Log = { ...silent, error: (line: unknown) => logged.push(line as Record<string, unknown>) };

beforeAll(async () => {
  service = await startTestService({ overrides: { log } });
});

afterAll(() => service.stop());

function ask(path: string, headers: Record<string, string>): Promise<Response> {
  return fetch(`${service.url}${path}`, { headers });
}

test.each([
  ['is carried on', traceparent, new RegExp(`^00-${traceId}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`)],
  [
    'of a later version is carried on',
    `cc-${traceId}-00f067aa0ba902b7-09-more`,
    new RegExp(`^00-${traceId}-`),
  ],
  ['that is malformed is begun anew', 'nonsense', new RegExp(`^00-(?!${traceId})[0-9a-f]{32}-`)],
  ['of zeros is begun anew', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, /^00-(?!0{32})[0-9a-f]{32}-/],
  ['in capitals is begun anew', traceparent.toUpperCase(), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/],
  ['that ends in more than its version has is begun anew', `${traceparent}-x`, /-00$/],
])('a trace %s: %s', async (_, given, expected) => {
  const answer = await ask('/v1/nothing', { traceparent: given });
  expect([answer.status, answer.headers.get('traceresponse')]).toEqual([
    401,
    expect.stringMatching(expected),
  ]);
});

test('a trace stands in the log beside the request id where something fails', async () => {
  await service.db.query({ text: 'alter table face_matches rename to face_matches_away' });
  const headers = { authorization: `Bearer ${apiKey}`, traceparent, 'x-request-id': 'request-1' };
  expect((await ask('/v1/face-matches', headers)).status).toBe(500);
  await service.db.query({ text: 'alter table face_matches_away rename to face_matches' });
  expect(logged).toContainEqual(expect.objectContaining({ requestId: 'request-1', traceId }));
});

test('the trace of a delivery stands in the log where the delivery is named', async () => {
  await service.db.query({ text: 'alter table observations rename to observations_away' });
  await service.deliver(verdictPayload(), { headers: { traceparent } });
  await until(() => logged.some((line) => 'delivery' in line && line.traceId === traceId));
  await service.db.query({ text: 'alter table observations_away rename to observations' });
});

test('a trace goes along to iLive with the call that a request causes', async () => {
  await using vendor = await startFakeVendor({ status: 503 });
  const asking = await startTestService({
    databaseUrl: service.databaseUrl,
    env: { ILIVE_API_URL: vendor.url, ILIVE_API_KEY: 'iksk_test', PULL_FIRST_AFTER_SECONDS: '3600' },
  });
  const created = await fetch(`${asking.url}/v1/sessions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', traceparent },
    body: JSON.stringify({ reference_id: 'anna' }),
  });
  await asking.stop();
  expect(created.status).toBe(503);
  const create = vendor.asked.find(({ method }) => method === 'POST');
  expect(create?.headers.traceparent).toBe(created.headers.get('traceresponse'));
  expect(create?.headers.traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
});
