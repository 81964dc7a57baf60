// What is answered for iLive, or of one session alone, costs no other session its turn and none its verdict.
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { figureOf } from '../support/figures.ts';
import { apiKey, startTestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';
import { startTogether, type Together } from '../support/vendor.ts';

const quick = { medianSeconds: 60, spread: 0, abandonedShare: 0 };

async function sessionOf({ service }: Together, sessionId: string) {
  return (await service.get(`/v1/sessions/${sessionId}`)).body;
}

/** Resolves with the session once it has ended without a verdict. */
function untilEnded(together: Together, sessionId: string) {
  return until(async () => {
    const session = await sessionOf(together, sessionId);
    return session.ended_at && session;
  });
}

function timesAsked({ vendor }: Together, sessionId: string): number {
  return vendor.log.filter((call) => call.operation === 'result' && call.sessionId === sessionId).length;
}

test.each([
  ['reference', 404, 'not_found'],
  ['managed', 404, 'token_refused'],
  ['managed', 401, 'token_refused'],
] as const)(
  'guarantee 8: in the %s dialect a %i that is not iLive’s ends no session before its end',
  async (dialect, status, reason) => {
    const together = await startTogether({
      dialect,
      speed: 60, // a session is open for five seconds of ours
      vendor: { sessions: { ...quick, ttlSeconds: 300 }, webhooks: { drop: 1 } },
      service: { env: { SESSION_TTL_SECONDS: '300' } },
    });
    const { vendor } = together;
    const page = { status, body: '<h1>nginx</h1>', contentType: 'text/html' };
    try {
      vendor.answerNext(page, { operation: 'result', times: 2 });
      const [silenced = ''] = await together.create(1);
      await until(async () => (await sessionOf(together, silenced)).state === 'settled');
      expect(timesAsked(together, silenced)).toBeGreaterThan(2);

      // Nothing that iLive said is known of a session that never had another answer, so it has not expired.
      // The page for each call before the end. At the first after it iLive itself has forgotten the session.
      const isOver = () => {
        const [session] = [...vendor.sessions.values()].slice(1);
        return session !== undefined && vendor.clock.now() > session.expiresAtMs;
      };
      vendor.answerNext(() => (isOver() ? 'session_not_found' : page), { operation: 'result', times: 1_000 });
      const [unheard = ''] = await together.create(1);
      const ended = await untilEnded(together, unheard);
      expect(ended).toMatchObject({ state: 'unrecoverable', ended_reason: reason, pull_attempts: 1 });
      expect(Date.parse(ended.ended_at)).toBeGreaterThan(Date.parse(ended.expires_at));
      expect(timesAsked(together, unheard)).toBeGreaterThan(2);
    } finally {
      await together.stop();
    }
  },
);

test('guarantee 8: a session that iLive’s API takes for a mistake is asked about by the schedule, and ends at its end', async () => {
  const together = await startTogether({
    speed: 60,
    service: { env: { SESSION_TTL_SECONDS: '300', CONFIRM: 'unsigned' } },
  });
  const { vendor, service } = together;
  const body = { detail: [{ loc: ['path', 'session_id'], msg: 'Input should be a valid UUID' }] };
  try {
    vendor.answerNext({ status: 422, body }, { operation: 'result', times: 1_000 });
    // The second is one that is not even sent.
    for (const sessionId of ['test', '...']) {
      const hinted = await fetch(`${service.url}/webhooks/ilive`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(verdictPayload({ session_id: sessionId })),
      });
      expect(hinted.status).toBe(202);
      const ended = await untilEnded(together, sessionId);
      expect(ended).toMatchObject({ state: 'unrecoverable', ended_reason: 'unreadable_answer' });
      expect(Date.parse(ended.ended_at)).toBeGreaterThan(Date.parse(ended.expires_at));
      if (sessionId === 'test') expect(timesAsked(together, sessionId)).toBeGreaterThan(2);
      expect(timesAsked(together, sessionId)).toBeLessThan(12);
    }
  } finally {
    await together.stop();
  }
});

test('a session whose end iLive puts where it cannot lie is asked about for a day at most, and for no less than it lives', async () => {
  const together = await startTogether({ service: { env: { SESSION_TTL_SECONDS: '1800' } } });
  const day = 24 * 60 * 60_000;
  try {
    for (const [said, lives] of [
      ['9999-12-31T00:00:00Z', day],
      ['2001-01-01T00:00:00Z', 1_800_000],
    ] as const) {
      const body = { session_id: `ends-${said}`, session_url: 'https://example.com/s', expires_at: said };
      together.vendor.answerNext({ status: 201, body }, { operation: 'create' });
      const [created = ''] = await together.create(1);
      const session = await sessionOf(together, created);
      expect(Date.parse(session.expires_at) - Date.parse(session.expected_at)).toBe(lives);
    }
  } finally {
    await together.stop();
  }
});

test('who has a session created is told what of iLive stands in the way', async () => {
  const together = await startTogether({});
  const { vendor, service } = together;
  const detailOf = async () => {
    const response = await fetch(`${service.url}/v1/sessions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}` },
      body: JSON.stringify({ reference_id: 'anna' }),
    });
    const { code, detail } = (await response.json()) as { code: string; detail: string };
    return [response.status, code, detail];
  };
  try {
    for (const [status, code] of [
      [401, 'invalid_api_key'],
      [403, 'account_suspended'],
    ] as const) {
      vendor.answerNext({ status, body: { error: { code } } }, { operation: 'create' });
      const told = `iLive refuses the ILIVE_API_KEY of this service (${code}): its operators have to put that right.`;
      expect(await detailOf()).toEqual([503, 'unavailable', told]);
    }
    vendor.answerNext({ status: 500, body: '' }, { operation: 'create', times: 10 });
    expect(await detailOf()).toEqual([503, 'unavailable', 'iLive cannot be asked now; try again.']);
  } finally {
    await together.stop();
  }
});

test('guarantee 8: a session whose token does not open stays open until its key is back, and is told of as such', async () => {
  const together = await startTogether({
    dialect: 'managed',
    vendor: { sessions: { ...quick, medianSeconds: 1 }, webhooks: { drop: 1 } },
    service: { env: { PULL_INTERVAL_MS: '60000' } },
  });
  const { joining, service } = together;
  const [silenced = ''] = await together.create(1);
  const pulling = { ...joining.env, PULL_INTERVAL_MS: '20' };
  const otherKeys = `k2:${randomBytes(32).toString('base64')}`;
  const without = await startTestService({ ...joining, env: { ...pulling, ENCRYPTION_KEYS: otherKeys } });
  try {
    await until(async () => (await figureOf(without, 'ilive_pulls_total{outcome="token_unopened"}')) > 0);
    expect(await sessionOf(together, silenced)).toMatchObject({ state: 'expected', pull_attempts: 0 });
    expect(timesAsked(together, silenced)).toBe(0);
  } finally {
    await without.stop();
  }
  const back = await startTestService({
    ...joining,
    env: { ...pulling, ENCRYPTION_KEYS: `${otherKeys},${joining.env?.ENCRYPTION_KEYS}` },
  });
  try {
    await until(async () => (await service.get(`/v1/sessions/${silenced}`)).body.state === 'settled');
  } finally {
    await back.stop();
    await together.stop();
  }
});
