// What the command line says of a service that is up and whose database is not: what is away, what becomes of the deliveries, and
// which chapter helps. Who is woken up asks for the status first.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, inject, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { useServices } from '../support/operator.ts';
import { apiKey, verdictPayload } from '../support/service.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { runCli } from './run-cli.ts';

const { start, stopAfterTest } = useServices();

async function startBehindWire(env: Record<string, string>) {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'ilive-cli-away-'));
  stopAfterTest({ stop: () => rm(dataDir, { recursive: true, force: true }) });
  const database = await createTestDatabase(inject('postgresUrl'));
  const address = new URL(database.url);
  const wire = await startTcpProxy({ host: address.hostname, port: Number(address.port) });
  for (const stop of [database.drop, wire.close]) stopAfterTest({ stop });
  address.port = String(wire.port);
  const service = await start({ databaseUrl: address.href, env: { DATA_DIR: dataDir, ...env } });
  const own = { ILIVE_WEBHOOKS_URL: service.url, ILIVE_WEBHOOKS_API_KEY: apiKey };
  return { service, wire, cli: (...args: string[]) => runCli(args, { env: own }) };
}

test.each([
  [{}, 202, 'Its database is away; deliveries are kept in the outage store.'],
  [
    { OUTAGE_STORE_MAX_BYTES: '0' },
    503,
    'Its database is away, and the outage store is off: deliveries are answered 503.',
  ],
] as const)(
  'while its database is away (%j) each command says so, and where to read on',
  async (env, answer, sentence) => {
    const { service, wire, cli } = await startBehindWire(env);
    await wire.cut();
    expect((await service.deliver(verdictPayload())).status).toBe(answer);
    const says = `${sentence} See "Postgres is gone" in the runbook.`;
    for (const args of [['status'], ['doctor', '--why', 'a test'], ['deliveries', 'list']]) {
      const ran = await until(async () => {
        const tried = await cli(...args);
        return tried.code === 1 && tried.err.includes('503') ? tried : undefined;
      });
      expect(ran.err).toContain(says);
    }
    await wire.mend();
  },
);

test('where its database answers and this does not, nothing is said of an outage', async () => {
  const { service, cli } = await startBehindWire({ API_TIMEOUT_SECONDS: '1' });
  await service.db.transaction(async (tx) => {
    await tx.query({ text: 'lock table sessions in access exclusive mode' });
    const ran = await cli('status');
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('The answer took too long');
    expect(ran.err).toContain(
      'Its database answers. See "Callers are answered 429 or 503" in the runbook for what may hold this up.',
    );
  });
});
