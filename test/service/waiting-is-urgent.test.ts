// Whoever waits has iLive asked sooner and more often, also for the second source; the limits stay as they are.
import { expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { startTogether, type Together } from '../support/vendor.ts';

function timesAsked({ vendor }: Together, sessionId: string): number {
  return vendor.log.filter((call) => call.operation === 'result' && call.sessionId === sessionId).length;
}

test('guarantee 23: a session that somebody waits for is asked about every few seconds, others by the schedule', async () => {
  const together = await startTogether({
    speed: 20,
    vendor: { sessions: { medianSeconds: 1_200, spread: 0, abandonedShare: 0 }, webhooks: { drop: 1 } },
  });
  try {
    const [waited = '', other = ''] = await together.create(2);
    const answer = together.service.get(`/v1/sessions/${waited}/verdict?wait=60s`);
    await until(() => timesAsked(together, waited) >= 8);
    expect(timesAsked(together, other)).toBeLessThan(4);
    together.vendor.endSession(waited);
    expect((await answer).body).toMatchObject({ status: 'final', settled_source: 'pull' });
  } finally {
    await together.stop();
  }
});

test('who asks for a second source before there is a first is told once both agree, without a policy to confirm', async () => {
  const together = await startTogether({
    speed: 20,
    vendor: { sessions: { medianSeconds: 40, spread: 0, abandonedShare: 0 } },
  });
  try {
    const [waited = ''] = await together.create(1);
    const { body } = await together.service.get(
      `/v1/sessions/${waited}/verdict?assurance=confirmed&wait=60s`,
    );
    expect(body).toMatchObject({ status: 'final', state: 'settled', confirmation: 'confirmed' });
  } finally {
    await together.stop();
  }
});
