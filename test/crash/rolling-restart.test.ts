// Guarantee 12 as it is met in production: two processes behind a proxy that goes by readiness, restarted one after the
// other under load. `npm run bench:restart` does the same with a hundred thousand requests.
import { expect, inject, test } from 'vitest';
import { type Balancer, startBalancer } from '../support/balancer.ts';
import { connectTo } from '../support/connect-to.ts';
import { createTestDatabase } from '../support/database.ts';
import { findFreePort } from '../support/free-port.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { startTraffic } from '../support/settled-traffic.ts';
import { useUndo } from '../support/undo.ts';
import { until } from '../support/until.ts';

const undo = useUndo();

test('guarantee 12: two processes restarted in turn behind a proxy: no request fails, and nothing accepted is missing or doubled', async () => {
  const database = await createTestDatabase(inject('postgresUrl'));
  undo.push(database.drop);
  // The proxy has long taken out who is not ready any more, also where it is slow to look: it sends the traffic, too.
  const env = { DATABASE_URL: database.url, SHUTDOWN_DELAY_SECONDS: '3' };
  const ports = [await findFreePort(), await findFreePort()].map(String);
  const start = (port = '') => startServiceProcess({ ...env, PORT: port });
  const members: ServiceProcess[] = await Promise.all(ports.map(start));
  undo.push(() => Promise.all(members.map((member) => member.end('SIGKILL'))));
  const addresses = members.map(({ url }) => url);
  const balancer = await startBalancer(addresses, { checkEveryMs: 100, failuresToLeave: 2 });
  undo.push(balancer.close);
  await untilSentTo(balancer, addresses);
  const traffic = startTraffic(balancer.url, 4);
  undo.push(traffic.stop);
  for (const [index, url] of addresses.entries()) {
    await untilMore(traffic.accepted, 50);
    expect(await members[index]?.end('SIGTERM')).toBe(0);
    expect(balancer.isSentTo(url)).toBe(false);
    members[index] = await start(ports[index]);
    await untilSentTo(balancer, addresses);
  }
  await untilMore(traffic.accepted, 50);
  await traffic.stop();
  expect(traffic.refused).toEqual([]);
  const db = connectTo(database.url);
  undo.push(db.close);
  const settled = () =>
    db.query<{ sessionId: string; deliveryId: string; observations: number }>({
      text: `select session_id as "sessionId", settled_by::text as "deliveryId",
                    (select count(*)::int from observations o where o.session_id = s.session_id) as observations
             from sessions s where state = 'settled'`,
    });
  await until(async () => (await settled()).length >= traffic.accepted.size, { describe: 'all are settled' });
  const rows = await settled();
  expect(new Map(rows.map(({ sessionId, deliveryId }) => [sessionId, deliveryId]))).toEqual(traffic.accepted);
  expect(rows.filter(({ observations }) => observations !== 1)).toEqual([]);
});

function untilSentTo(balancer: Balancer, addresses: readonly string[]): Promise<unknown> {
  return until(() => addresses.every((address) => balancer.isSentTo(address)), {
    describe: 'both are sent to',
  });
}

function untilMore(accepted: ReadonlyMap<string, string>, count: number): Promise<unknown> {
  const before = accepted.size;
  return until(() => accepted.size >= before + count, { describe: `${count} more are accepted` });
}
