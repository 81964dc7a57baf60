// What `/metrics` tells to those who are to be woken by it: nothing that was not read, a beginning for each count, and whether
// iLive refuses our key or the token of one session.
import { expect, inject, test } from 'vitest';
import { createBodyPartitions } from '../../src/db/partitions.ts';
import { figureHelp } from '../../src/metrics-figures.ts';
import { connectTo } from '../support/connect-to.ts';
import { createTestDatabase } from '../support/database.ts';
import { figureOf, metricsOf } from '../support/figures.ts';
import { useServices } from '../support/operator.ts';
import { store } from '../support/replaying.ts';
import { verdictPayload } from '../support/service.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { startTogether } from '../support/vendor.ts';

const { start, stopAfterTest } = useServices();

/** A database, and the address of a wire to it that can be cut. */
async function layWire() {
  const database = await createTestDatabase(inject('postgresUrl'));
  const address = new URL(database.url);
  const wire = await startTcpProxy({ host: address.hostname, port: Number(address.port) });
  for (const stop of [database.drop, wire.close]) stopAfterTest({ stop });
  address.port = String(wire.port);
  return { wire, databaseUrl: address.href };
}

test('while the database cannot be read its figures are absent, and never 0', async () => {
  const { wire, databaseUrl } = await layWire();
  const service = await start({ databaseUrl });
  const named = Object.keys(figureHelp);
  const told = async () => {
    const text = await metricsOf(service);
    return named.filter((name) => new RegExp(`^${name} `, 'm').test(text));
  };
  expect(await told()).toEqual(named);
  await wire.cut();
  // What was read is told for five seconds.
  await until(async () => (await told()).length === 0);
  await wire.mend();
  await until(async () => (await told()).length === named.length);
});

test('a table that somebody holds keeps its own figures away, and not what is owed because of it', async () => {
  const service = await start();
  const ageOfOwed = () => figureOf(service, 'ilive_deliveries_oldest_owed_age_seconds');
  const isToldOfSessions = async () => /^ilive_sessions_open /m.test(await metricsOf(service));
  await service.db.transaction(async (tx) => {
    await tx.query({ text: 'lock table sessions in access exclusive mode' });
    expect((await service.deliver(verdictPayload())).status).toBe(202);
    await until(async () => !(await isToldOfSessions()) && (await ageOfOwed()) > 0);
    const age = await ageOfOwed();
    // Read anew, which what has not been answered yet is not.
    await until(async () => (await ageOfOwed()) > age && !(await isToldOfSessions()));
    const [waiting] = await service.db.query<{ count: string }>({
      text: `select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()
             and query like '%as overdue%'`,
    });
    expect(Number(waiting?.count)).toBe(1);
  });
  await until(isToldOfSessions);
});

test('what alerts go by moves with what happens: refusals, rings, days, what is owed or held back, the outage store', async () => {
  const { wire, databaseUrl } = await layWire();
  const db = connectTo(databaseUrl);
  stopAfterTest({ stop: db.close });
  await store(db, [verdictPayload()]); // what is old is told by the newest that iLive signed
  await createBodyPartitions(db, new Date(Date.now() - 100 * 24 * 60 * 60 * 1000), 0);
  const service = await start({
    databaseUrl,
    // A queue that is away, so that what is owed stays so.
    env: { REDIS_URL: 'redis://127.0.0.1:1', SWEEP_OVERDUE_SECONDS: '3600', BODIES_KEEP_DAYS: '90' },
  });
  const is = (series: string, fits: (value: number) => boolean) =>
    until(async () => fits(await figureOf(service, series)), { describe: series });

  await db.transaction(async (tx) => {
    await tx.query({ text: 'select pg_current_xact_id()' });
    await db.query({
      text: `insert into changes (generation, type, account, data) values (1, 'session.settled', 'default', '{}')`,
    });
    // No longer than this figure needs it: an open transaction holds back the changes of all databases of the server.
    await is('ilive_changes_held_back_seconds', (seconds) => seconds > 0);
  });
  expect((await service.deliver(verdictPayload(), { secret: 'whsec_of_nobody' })).status).toBe(401);
  expect((await service.deliver(verdictPayload())).status).toBe(202);
  expect((await service.get('/v1/sessions/nobody')).status).toBe(404);
  await is('ilive_deliveries_refused_total{reason="signature_mismatch"}', (count) => count === 1);
  await is('ilive_api_requests_total{operation="getSession",status="404"}', (count) => count === 1);
  await is('ilive_rings_failed_total', (count) => count > 0);
  await is('ilive_body_days_dropped_total', (count) => count === 1);
  await is('ilive_event_loop_delay_seconds', (seconds) => seconds > 0);
  await is('ilive_deliveries_owed', (count) => count === 2);
  await is('ilive_deliveries_oldest_owed_age_seconds', (seconds) => seconds > 0);

  expect(await figureOf(service, 'ilive_outage_kept_total')).toBe(0);
  await wire.cut();
  expect((await service.deliver(verdictPayload())).status).toBe(202);
  await is('ilive_outage_kept_total', (count) => count === 1);
  await is('ilive_outage_held_deliveries', (count) => count === 1);
  await is('ilive_outage_held_bytes', (bytes) => bytes > 0);
  await wire.mend();
});

test('each count begins with 0 for all that may come, so that the first of it is seen to grow', async () => {
  const service = await start({ env: { ILIVE_API_KEY: 'iksk_none', ILIVE_API_URL: 'http://127.0.0.1:1' } });
  const text = await metricsOf(service);
  for (const series of [
    'ilive_deliveries_received_total{result="new"}',
    'ilive_deliveries_refused_total{reason="signature_mismatch"}',
    'ilive_deliveries_processed_total{decision="park"}',
    'ilive_deliveries_processed_total{decision="dispute"}',
    'ilive_pulls_total{outcome="token_unopened"}',
    'ilive_pulls_total{outcome="unrecoverable"}',
    'ilive_pulls_total{outcome="vendor_away"}',
    'ilive_api_limited_total{limit="unknown_key"}',
    'ilive_deliveries_shed_total{reason="event_loop"}',
    'ilive_vendor_refused_total{about="key"}',
    'ilive_vendor_refused_total{about="token"}',
  ]) {
    expect(text).toContain(`\n${series} 0\n`);
  }
});

test.each([
  ['reference', 'invalid_api_key', 'key'],
  ['reference', 'account_inactive', 'key'],
  ['managed', 'invalid_api_key', 'key'],
  ['managed', 'account_inactive', 'key'],
  ['managed', 'invalid_token', 'token'],
  // Not iLive's: it says nothing about a session.
  ['managed', { status: 401, body: '<h1>nginx</h1>', contentType: 'text/html' }, 'key'],
] as const)(
  'in the %s dialect a pull that is refused with %j is counted as the %s’s',
  async (dialect, answer, about) => {
    const together = await startTogether({
      dialect,
      speed: 120,
      vendor: { sessions: { medianSeconds: 60, spread: 0, abandonedShare: 0 }, webhooks: { drop: 1 } },
    });
    stopAfterTest(together);
    const { service, vendor } = together;
    vendor.answerNext(answer, { operation: 'result', times: 1 });
    await together.create(1);
    const refused = async () =>
      (await metricsOf(service)).match(/^ilive_vendor_refused_total\{.* [1-9]\d*$/gm);
    await until(refused);
    expect(await refused()).toEqual([`ilive_vendor_refused_total{about="${about}"} 1`]);
    expect(await metricsOf(service)).toMatch(
      /^ilive_vendor_calls_total\{operation="fetchResult",status="40[13]"\} [1-9]/m,
    );
  },
);
