// Guarantee 7 with two sources: a pull confirms what a webhook said, or contradicts it, which is a dispute that stays.
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { noWebhook } from '../../src/simulator/api-sessions.ts';
import { verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';
import { startTogether, type Together } from '../support/vendor.ts';

const quick = { medianSeconds: 20, spread: 0.2, abandonedShare: 0 };

async function every(
  together: Together,
  ids: readonly string[],
  has: (body: Record<string, unknown>) => boolean,
) {
  await until(
    async () => {
      const answers = await Promise.all(ids.map((id) => together.service.get(`/v1/sessions/${id}`)));
      return answers.every((answer) => has(answer.body));
    },
    { deadlineMs: 40_000, describe: 'every session has come so far' },
  );
}

async function together(
  confirm: string,
  webhooks: object,
  check: (it: Together, ids: string[]) => Promise<void>,
  planned?: 'pass' | 'fail',
) {
  const told = planned === 'pass' ? ('fail' as const) : ('pass' as const);
  const plan = () => {
    const webhook = { ...noWebhook, isDropped: false, verdict: told };
    return {
      sessionId: randomUUID(),
      endsAfterMs: 20_000,
      verdict: planned ?? told,
      confidence: 0.5,
      webhook,
    };
  };
  const it = await startTogether({
    vendor: { sessions: quick, webhooks, ...(planned === undefined ? {} : { planSession: plan }) },
    service: { env: { CONFIRM: confirm, PULL_FIRST_AFTER_SECONDS: '600' } },
  });
  try {
    await check(it, await it.create(8));
  } finally {
    await it.stop();
  }
}

test('guarantee 7: always: every verdict of a webhook is confirmed by a pull, and both observations are kept', async () => {
  await together('always', {}, async (it, ids) => {
    await every(it, ids, (body) => body.confirmation === 'confirmed');
    for (const id of ids) {
      const { body } = await it.service.get(`/v1/sessions/${id}`);
      expect(body).toMatchObject({ state: 'settled', settled_source: 'webhook', next_pull_at: null });
      expect(body.observations.map((seen: { source: string }) => seen.source).sort()).toEqual([
        'pull',
        'webhook',
      ]);
    }
  });
});

test('guarantee 7: pass: only a pass is asked about', async () => {
  await together('pass', {}, async (it, ids) => {
    const isPass = (body: Record<string, unknown>) => body.verdict === 'pass';
    await every(
      it,
      ids,
      (body) => body.state === 'settled' && (!isPass(body) || body.confirmation === 'confirmed'),
    );
    const asked = new Set(
      it.vendor.log.filter((call) => call.operation === 'result').map((call) => call.sessionId),
    );
    for (const id of ids) {
      const { body } = await it.service.get(`/v1/sessions/${id}`);
      expect(asked.has(id)).toBe(isPass(body));
    }
  });
});

test.each(['pass', 'fail'] as const)(
  'guarantee 7: a pull that says %s against a webhook is a dispute: the kinder verdict never stands, and an alert of our own tells of it',
  async (planned) => {
    const check = async (it: Together, ids: string[]) => {
      await every(it, ids, (body) => body.confirmation === 'contradicted');
      for (const id of ids) {
        const { body } = await it.service.get(`/v1/sessions/${id}`);
        expect(body).toMatchObject({ state: 'disputed', verdict: 'fail' });
        expect(body.observations).toHaveLength(2);
        const alerts = await it.service.get(`/v1/compliance-alerts?session_id=${id}`);
        expect(alerts.body.data).toMatchObject([{ alert_id: `dispute:${id}`, category: 'verdict_dispute' }]);
      }
    };
    await together('always', {}, check, planned);
  },
);

test('guarantee 7: unsigned deliveries are refused by default; with CONFIRM=unsigned they are hints that only a pull settles', async () => {
  await together('never', { unsigned: 1 }, async (it, ids) => {
    await until(() => it.vendor.webhooks.length === ids.length, {
      deadlineMs: 40_000,
      describe: 'all were sent',
    });
    expect(it.vendor.webhooks.every((webhook) => webhook.fate === 'refused')).toBe(true);
  });
  await together('unsigned', { unsigned: 1 }, async (it, ids) => {
    await every(it, ids, (body) => body.state === 'settled');
    for (const id of ids) {
      const { body } = await it.service.get(`/v1/sessions/${id}`);
      expect(body.settled_source).toBe('pull');
      expect(body.observations).toHaveLength(1);
    }
    const { body } = await it.service.get('/v1/deliveries?limit=200');
    expect(
      body.data.some(
        (row: { decision: string; source: string }) => row.source === 'webhook' && row.decision === 'record',
      ),
    ).toBe(true);
  });
});

test('registering a session for another person than before is a 409, and changes nothing', async () => {
  await together('never', {}, async (it) => {
    const put = (reference: string) =>
      fetch(`${it.service.url}/v1/sessions/registered`, {
        method: 'PUT',
        headers: { authorization: 'Bearer test-api-key-0123456789' },
        body: JSON.stringify({ reference_id: reference }),
      });
    expect([(await put('anna')).status, (await put('anna')).status]).toEqual([201, 200]);
    const { body: before } = await it.service.get('/v1/sessions/registered');
    const refused = await put('bert');
    expect([refused.status, await refused.json()]).toMatchObject([409, { code: 'conflict' }]);
    expect((await it.service.get('/v1/sessions/registered')).body).toEqual(before);
  });
});

test('creating twice with one Idempotency-Key is one session; with another request it is a 409', async () => {
  await together('never', {}, async (it) => {
    const before = it.vendor.sessions.size;
    const post = (reference: string, key: string) =>
      fetch(`${it.service.url}/v1/sessions`, {
        method: 'POST',
        headers: { authorization: 'Bearer test-api-key-0123456789', 'idempotency-key': key },
        body: JSON.stringify({ reference_id: reference }),
      });
    const first = await post('anna', 'order-1');
    const again = await post('anna', 'order-1');
    expect([first.status, again.status]).toEqual([201, 200]);
    const [made, repeated] = [await first.json(), await again.json()] as { session_id: string }[];
    expect(repeated?.session_id).toBe(made?.session_id);
    expect((await post('bert', 'order-1')).status).toBe(409);
    await it.service.db.query({
      text: `insert into idempotency_keys (id, request_sha256, created_at)
             values ('order-3', sha256('{"reference_id":"dora"}'), $1)`,
      values: [new Date(it.vendor.clock.now()).toISOString()],
    });
    const underWay = await post('dora', 'order-3');
    expect([underWay.status, underWay.headers.get('retry-after')]).toEqual([409, '1']);
    expect(await underWay.json()).toMatchObject({ code: 'in_progress' });
    await it.vendor.setOutage(503);
    expect((await post('carl', 'order-2')).status).toBe(503);
    await it.vendor.setOutage(null);
    await until(async () => (await post('carl', 'order-2')).status === 201, {
      deadlineMs: 40_000,
      describe: 'iLive is back',
    });
    expect(it.vendor.sessions.size).toBe(before + 2);
  });
});

test('guarantee 7: a verdict that came before its session was registered with its token is confirmed once it is', async () => {
  const it = await startTogether({
    dialect: 'managed',
    vendor: { sessions: quick },
    service: { env: { CONFIRM: 'pass' } },
  });
  try {
    const sessionId = randomUUID();
    const truth = { verdict: 'pass', confidence: 0.9 } as const;
    it.vendor.admitSession({ sessionId, referenceId: 'anna', dialect: 'managed', truth });
    it.vendor.endSession(sessionId);
    const shown = async () => (await it.service.get(`/v1/sessions/${sessionId}`)).body;
    const webhook = { session_id: sessionId, reference_id: 'anna', ...truth, timestamp: null };
    await it.service.deliver(verdictPayload(webhook), { signedAt: new Date(it.vendor.clock.now()) });
    await until(async () => {
      const { state, next_pull_at: next, pull_attempts: attempts } = await shown();
      return state === 'settled' && next === null && attempts === 1;
    });
    const registered = await fetch(`${it.service.url}/v1/sessions/${sessionId}`, {
      method: 'PUT',
      headers: { authorization: 'Bearer test-api-key-0123456789' },
      body: JSON.stringify({ reference_id: 'anna', token: it.vendor.sessions.get(sessionId)?.token }),
    });
    expect(registered.status).toBe(200);
    await until(async () => (await shown()).confirmation === 'confirmed');
  } finally {
    await it.stop();
  }
});
