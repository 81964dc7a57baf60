// What is answered for iLive, or of one session alone, costs no other session its turn and none its verdict.
import { expect, test } from 'vitest';
import { verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';
import { startTogether, type Together } from '../support/vendor.ts';

const quick = { medianSeconds: 60, spread: 0, abandonedShare: 0 };

async function sessionOf({ service }: Together, sessionId: string) {
  return (await service.get(`/v1/sessions/${sessionId}`)).body;
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
      speed: 120,
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
      vendor.answerNext(page, { operation: 'result', times: 1_000 });
      const [unheard = ''] = await together.create(1);
      const ended = await until(async () => {
        const session = await sessionOf(together, unheard);
        return session.state !== 'expected' && session;
      });
      expect(ended).toMatchObject({ state: 'unrecoverable', ended_reason: reason });
      expect(Date.parse(ended.ended_at)).toBeGreaterThan(Date.parse(ended.expires_at));
    } finally {
      await together.stop();
    }
  },
);

test('guarantee 8: a session that iLive’s API takes for a mistake is asked about by the schedule, and ends at its end', async () => {
  const together = await startTogether({
    speed: 120,
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
      const ended = await until(async () => {
        const session = await sessionOf(together, sessionId);
        return session.ended_at && session;
      });
      expect(ended).toMatchObject({ state: 'unrecoverable', ended_reason: 'unreadable_answer' });
      expect(ended.pull_attempts).toBeGreaterThan(2);
      expect(ended.pull_attempts).toBeLessThan(12);
      expect(timesAsked(together, sessionId)).toBe(sessionId === 'test' ? ended.pull_attempts : 0);
    }
  } finally {
    await together.stop();
  }
});
