// WEB_CONCURRENCY: several processes behind one port from one start. One that dies is started anew and nothing is lost, and
// all of them stop together, the embedded Postgres last.
import { setTimeout as wait } from 'node:timers/promises';
import { expect, inject, test, vi } from 'vitest';
import { connectTo } from '../support/connect-to.ts';
import { createTestDatabase } from '../support/database.ts';
import { deliver, get, verdictPayload } from '../support/service.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { useUndo } from '../support/undo.ts';
import { until } from '../support/until.ts';

// Six processes start side by side here, where others are at work already.
const startDeadlineMs = 60_000;
vi.setConfig({ testTimeout: 2 * startDeadlineMs });

const answerMs = 5_000;

const undo = useUndo();

async function start(env: Record<string, string>): Promise<ServiceProcess> {
  const started = await startServiceProcess({ WEB_CONCURRENCY: '2', ...env });
  undo.push(() => started.end('SIGKILL'));
  return started;
}

const isAlive = (pid: unknown) => {
  try {
    return process.kill(Number(pid), 0);
  } catch {
    return false;
  }
};
const allListen = (service: ServiceProcess, count: number) =>
  until(() => service.said('listening').length >= count, {
    deadlineMs: startDeadlineMs,
    describe: `${count} processes listen`,
  });

// A connection that a killed process held, or was being handed, breaks or hangs: then nothing was promised.
const tryDelivering = (url: string, payload: ReturnType<typeof verdictPayload>) =>
  Promise.race([
    deliver(url, payload, { headers: { connection: 'close' } }).catch(() => undefined),
    wait(answerMs, undefined, { ref: false }),
  ]);

test('both receive behind one port; one that is killed loses nothing that was accepted and is started anew', async () => {
  const database = await createTestDatabase(inject('postgresUrl'));
  undo.push(database.drop);
  const db = connectTo(database.url);
  undo.push(() => db.close());
  const service = await start({ DATABASE_URL: database.url });
  await allListen(service, 2);
  const [first, second] = service.said('listening');
  expect(first?.address).toBe(second?.address);
  expect([first?.process, second?.process].sort()).toEqual([1, 2]);
  expect(new Set([service.pid, first?.pid, second?.pid]).size).toBe(3);

  let isOver = false;
  const accepted: string[] = [];
  const senders = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      const payload = verdictPayload();
      const answer = await tryDelivering(service.url, payload);
      if (answer?.status === 202) accepted.push(payload.session_id);
    }
  });
  await until(() => accepted.length > 40);
  process.kill(Number(first?.pid), 'SIGKILL');
  const killedAfter = accepted.length;
  await until(() => accepted.length > killedAfter + 40);
  isOver = true;
  await Promise.all(senders);
  await allListen(service, 3);
  const [ended] = service.said('a process has ended and is started anew');
  expect(ended).toMatchObject({ process: first?.process, how: 'SIGKILL' });
  expect(service.said('listening').at(-1)).toMatchObject({
    process: first?.process,
    address: first?.address,
  });
  await until(
    async () => {
      const settled = await db.query({
        text: `select from sessions where state = 'settled' and session_id = any($1)`,
        values: [accepted],
      });
      return settled.length === accepted.length;
    },
    { describe: 'all that was accepted is processed' },
  );

  const readMetrics = async () => String((await get(service.url, '/metrics', null)).body);
  const countOf = (text: string, number: number) =>
    Number(
      new RegExp(`^ilive_deliveries_received_total{.*process="${number}".*} (\\d+)`, 'm').exec(text)?.[1] ??
        0,
    );
  const text = await until(async () => {
    // They take turns at connections, and the look below is one of these.
    for (let count = 0; count < 3; count += 1) await tryDelivering(service.url, verdictPayload());
    const told = await readMetrics();
    return Math.min(countOf(told, 1), countOf(told, 2)) > 0 ? told : undefined;
  });
  expect(text.match(/^# TYPE ilive_group_commit_seconds histogram$/gm)).toHaveLength(1);
  expect(text).toMatch(/^ilive_group_commit_seconds_bucket{.*process="2".*} \d/m);

  const pids = service.said('listening').map(({ pid }) => pid);
  expect(await service.end('SIGTERM')).toBe(0);
  expect(pids.filter(isAlive)).toEqual([]);
  expect((await fetch(`${service.url}/healthz`).catch(() => undefined))?.status).toBeUndefined();
});

test('the parent owns the one embedded Postgres, stops it last, and none outlives the parent', async () => {
  const service = await start({ ROLE: 'all' });
  await allListen(service, 2);
  const [postgres, ...others] = service.said('the bundled Postgres is running');
  expect(others).toEqual([]);
  expect(postgres?.pid).toBe(service.pid);
  expect((await deliver(service.url, verdictPayload())).status).toBe(202);
  const pids = service.said('listening').map(({ pid }) => pid);
  expect(await service.end('SIGKILL')).toBe('SIGKILL');
  await until(() => ![...pids, postgres?.postgresPid].some(isAlive), {
    describe: 'nothing of it runs any more',
  });
});
