// What is known of one person: nobody is let in on one field who should not be, and the past is told as it was.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

let service: TestService;

beforeAll(async () => {
  service = await startTestService({ env: { ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT: '{"acme":["whsec_acme"]}' } });
});
afterAll(() => service?.stop());

const at = (minute: number) => `2026-04-11T09:${String(minute).padStart(2, '0')}:00.000000Z`;
const subject = async (path: string) => (await service.get(`/v1/subjects/${path}`)).body;

async function deliver(...payloads: object[]): Promise<void> {
  for (const payload of payloads) {
    await service.deliver(payload);
    await service.settled();
  }
}

/** A time of ours between all that was done and all that comes. */
async function mark(): Promise<string> {
  const now = Date.now() + 1;
  await until(async () => Date.now() > now + 1);
  return new Date(now).toISOString();
}

test('a person who passed is verified; what names only their session is theirs too', async () => {
  const passed = verdictPayload({ reference_id: 'pia', timestamp: at(10) });
  const alert = { event: 'compliance.alert', alert_id: 'pia-1', severity: 'low', timestamp: at(11) };
  const match = { event: 'face.matched', match_id: 'pia-2', similarity: 0.5, timestamp: at(12) };
  await deliver(passed, { ...match, session_id: passed.session_id });
  const latest = {
    session_id: passed.session_id,
    verdict: 'pass',
    state: 'settled',
    confirmation: 'unconfirmed',
    verdict_at: at(10),
  };
  expect(await subject('pia')).toMatchObject({
    reference_id: 'pia',
    account: 'default',
    as_of: null,
    known_at: null,
    standing: { is_verified: true, obstacles: [], latest_verdict: latest, open_sessions_count: 0 },
    sessions: { data: [{ session_id: passed.session_id, reference_id: 'pia' }], is_complete: true },
    face_matches: { data: [{ match_id: 'pia-2', reference_id: null }], is_complete: true },
    compliance_alerts: { data: [], is_complete: true },
  });
  await deliver({ ...alert, session_id: passed.session_id });
  expect(await subject('pia')).toMatchObject({
    standing: { is_verified: false, obstacles: ['unresolved_alert'], open_alerts_count: 1 },
    compliance_alerts: { data: [{ alert_id: 'pia-1', status: 'open' }] },
  });
});

test.each([
  ['an older pass does not outlive a later fail', ['pass', 'fail'], ['not_passed']],
  ['a later retry counts as no pass', ['pass', 'retry'], ['not_passed']],
  ['a later pass counts', ['fail', 'pass'], []],
])('%s', async (name, verdicts, obstacles) => {
  const payloads = verdicts.map((verdict, index) =>
    verdictPayload({ verdict, reference_id: name, timestamp: at(10 + index) }),
  );
  // The latest comes first: it is the vendor's time that counts.
  await deliver(...payloads.reverse());
  const { standing } = await subject(encodeURIComponent(name));
  expect(standing).toMatchObject({ is_verified: obstacles.length === 0, obstacles });
});

test('guarantee 21: a disputed person is not verified, whichever field one reads', async () => {
  const passed = verdictPayload({ reference_id: 'dora', timestamp: at(10) });
  await deliver(passed, { ...passed, verdict: 'fail' });
  const { standing, compliance_alerts: alerts } = await subject('dora');
  expect(standing).toMatchObject({
    is_verified: false,
    obstacles: ['not_passed', 'disputed', 'unresolved_alert'],
    latest_verdict: { verdict: 'fail', state: 'disputed', confirmation: 'contradicted' },
    open_alerts_count: 1,
  });
  expect(alerts.data).toMatchObject([{ category: 'verdict_dispute', session_id: passed.session_id }]);
});

test('a person with a session and no verdict is not verified', async () => {
  const alone = { event: 'face.matched', match_id: 'wim-1', similarity: 0.5, reference_id: 'wim' };
  await deliver({ ...alone, session_id: 'wim-session' });
  // The session is known by its own id alone: nobody has said whose it is.
  expect(await subject('wim')).toMatchObject({
    standing: { is_verified: false, obstacles: ['no_verdict'], latest_verdict: null },
    sessions: { data: [] },
    face_matches: { data: [{ match_id: 'wim-1' }] },
  });
});

test('the newest 200 of each are shown, and all of them count', async () => {
  const failed = verdictPayload({ verdict: 'fail', reference_id: 'many', timestamp: at(50) });
  await deliver(failed);
  await Promise.all(
    Array.from({ length: 205 }, (_, index) =>
      service.deliver(verdictPayload({ reference_id: 'many', timestamp: at(index % 40) })),
    ),
  );
  await service.settled();
  const many = await subject('many');
  expect(many.sessions).toMatchObject({ is_complete: false, data: { length: 200 } });
  expect(many.standing).toMatchObject({
    is_verified: false,
    latest_verdict: { session_id: failed.session_id, verdict: 'fail' },
  });
});

test('a reference id of more than a thousand sessions is no person, and nobody is let in on it', async () => {
  await deliver(verdictPayload({ reference_id: 'anonymous' }));
  expect((await subject('anonymous')).standing.is_verified).toBe(true);
  await service.db.query({
    text: `insert into sessions (session_id, account, reference_id, state, confirmation, expected_at)
           select 'anonymous-' || number, 'default', 'anonymous', 'expected', 'unconfirmed', now() - interval '1 day'
           from generate_series(1, 1000) number`,
  });
  expect((await subject('anonymous')).standing).toMatchObject({
    is_verified: false,
    obstacles: ['incomplete'],
  });
});

test('one reference id in two accounts is a 409 that says how to choose', async () => {
  await deliver(verdictPayload({ reference_id: 'twin' }));
  const other = verdictPayload({ reference_id: 'twin', verdict: 'fail' });
  await service.deliver(other, { account: 'acme', secret: 'whsec_acme' });
  await service.settled();
  expect(await service.get('/v1/subjects/twin')).toMatchObject({
    status: 409,
    body: { code: 'conflict', detail: expect.stringContaining('?account=') },
  });
  expect((await subject('twin?account=acme')).standing.obstacles).toEqual(['not_passed']);
  expect((await subject('twin?account=default')).standing.is_verified).toBe(true);
});

test('guarantee 21: what we knew when we let somebody in, and what had happened by then', async () => {
  const passed = verdictPayload({ reference_id: 'late', timestamp: at(10) });
  const path = `/v1/sessions/${passed.session_id}`;
  const before = await mark();
  await deliver(passed);
  const letIn = await mark();
  await deliver(
    verdictPayload({
      session_id: passed.session_id,
      reference_id: 'late',
      verdict: 'fail',
      timestamp: at(12),
    }),
  );
  expect((await subject('late')).standing.is_verified).toBe(false);
  expect((await service.get(path)).body).toMatchObject({ verdict: 'fail', as_of: null, known_at: null });

  const then = await subject(`late?known_at=${letIn}`);
  expect(then.standing).toMatchObject({ is_verified: true, latest_verdict: { verdict: 'pass' } });
  expect(then.known_at).toBe(letIn.replace('Z', '000Z'));
  expect((await service.get(`${path}?known_at=${letIn}`)).body).toMatchObject({
    verdict: 'pass',
    state: 'settled',
    next_pull_at: null,
    pull_attempts: null,
    observations: [{ verdict: 'pass' }],
  });
  expect((await service.get(`${path}?as_of=${at(11)}`)).body).toMatchObject({
    verdict: 'pass',
    as_of: at(11),
  });
  expect((await service.get(`${path}?as_of=${at(12)}`)).body).toMatchObject({ verdict: 'fail' });
  expect((await service.get(`${path}?as_of=${at(12)}&known_at=${letIn}`)).body).toMatchObject({
    verdict: 'pass',
  });
  for (const [query, told] of [
    [`known_at=${before}`, 'not known here at that time'],
    [`as_of=${at(9)}`, 'Nothing of this session had happened by then'],
  ] as const) {
    const { status, body } = await service.get(`${path}?${query}`);
    expect({ status, detail: body.detail }).toEqual({
      status: 404,
      detail: expect.stringContaining(told),
    });
    expect((await service.get(`/v1/subjects/late?${query}`)).status).toBe(404);
  }
});

test.each([
  ['/v1/subjects/nobody', 404, 'Nobody with this reference id has been heard of'],
  ['/v1/subjects/late?known_at=2999-01-01T00:00:00Z', 400, '"known_at" must not lie in the future'],
  ['/v1/sessions/x?known_at=2999-01-01T00:00:00Z', 400, '"known_at" must not lie in the future'],
  ['/v1/subjects/late?as_of=yesterday', 400, '"as_of" must be a time such as'],
  ['/v1/subjects/late?asof=2026-01-01T00:00:00Z', 400, 'unknown query parameter "asof"'],
  ['/v1/subjects/a%00b', 400, 'must not hold NUL'],
])('%s → %i: %s', async (path, status, detail) => {
  const answer = await service.get(path);
  expect(answer).toMatchObject({ status, body: { detail: expect.stringContaining(detail) } });
});
