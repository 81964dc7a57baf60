// Guarantees 6, 7 and 11 through the front door: repeats at the same moment, repeats under other ids, any order.
import { describe, expect, test } from 'vitest';
import { queueBackends, startTestService, verdictPayload } from '../support/service.ts';

describe.each(queueBackends)('with the queue on %s', (queue) => {
  test('guarantee 11: fifty at once of one delivery are one row, one effect, one id and one answer that is no repeat', async () => {
    const service = await startTestService({ queue });
    try {
      const payload = verdictPayload();
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => service.deliver(payload, { webhookId: 'the-same' })),
      );
      expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
      expect(new Set(answers.map((answer) => answer.body.delivery_id)).size).toBe(1);
      expect(answers.filter((answer) => !answer.body.repeat)).toHaveLength(1);
      await service.settled();
      const { body } = await service.get(`/v1/sessions/${payload.session_id}`);
      expect(body).toMatchObject({
        state: 'settled',
        verdict: 'pass',
        settled_by: answers[0]?.body.delivery_id,
      });
      expect(body.observations).toHaveLength(1);
    } finally {
      await service.stop();
    }
  });

  test('guarantee 7: newer, older and contradicting verdicts, sent in any order, end in the same session', async () => {
    const service = await startTestService({ queue });
    try {
      const at = (second: number, changes: object) => ({
        timestamp: `2026-04-11T09:30:1${second}+00:00`,
        ...changes,
      });
      const histories = [
        [at(1, { verdict: 'retry' }), at(3, { verdict: 'pass' }), at(2, { verdict: 'fail' })],
        [at(2, { verdict: 'fail' }), at(3, { verdict: 'pass' }), at(1, { verdict: 'retry' })],
        [at(3, { verdict: 'pass' }), at(2, { verdict: 'fail' }), at(1, { verdict: 'retry' })],
      ];
      const sessionIds = [];
      for (const history of histories) {
        const { session_id } = verdictPayload();
        sessionIds.push(session_id);
        await Promise.all(
          history.map((changes) => service.deliver(verdictPayload({ ...changes, session_id }))),
        );
      }
      const disputed = verdictPayload();
      await service.deliver(disputed);
      await service.deliver({ ...disputed, verdict: 'fail' });
      await service.settled();
      for (const sessionId of sessionIds) {
        const { body } = await service.get(`/v1/sessions/${sessionId}`);
        expect(body).toMatchObject({
          state: 'settled',
          verdict: 'pass',
          verdict_at: '2026-04-11T09:30:13.000000Z',
        });
        expect(body.observations).toHaveLength(3);
      }
      const { body } = await service.get(`/v1/sessions/${disputed.session_id}`);
      expect(body).toMatchObject({ state: 'disputed', verdict: 'fail', confirmation: 'contradicted' });
    } finally {
      await service.stop();
    }
  });
});
