// A stop takes nothing new, however long what is under way takes: who comes meanwhile goes elsewhere.
import { afterEach, expect, test } from 'vitest';
import { countBlocked } from '../support/blocked.ts';
import { startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

let service: TestService | undefined;
afterEach(() => service?.stop());

test('while a batch at work is waited for, the door is shut, and the batch is done', async () => {
  service = await startTestService({ env: { SHUTDOWN_GRACE_SECONDS: '60' } });
  const { db, service: running, deliver } = service;
  let stopped: Promise<void> | undefined;
  await db.transaction(async (tx) => {
    // What only a batch writes to: sessions are written to by what looks for those to ask about, too.
    await tx.query({ text: 'lock table observations in share row exclusive mode' });
    expect((await deliver(verdictPayload())).status).toBe(202);
    await until(async () => (await countBlocked(db)) > 0, { describe: 'a batch is at work' });
    stopped = running.stop();
    const isRefused = () =>
      deliver(verdictPayload()).then(
        () => false,
        (error) => error.cause?.code === 'ECONNREFUSED',
      );
    await until(isRefused, { describe: 'nothing new is taken' });
    expect(await countBlocked(db)).toBeGreaterThan(0);
  });
  await stopped;
  const [first] = await db.query({ text: 'select state from deliveries order by id' });
  expect(first).toEqual({ state: 'done' });
});
