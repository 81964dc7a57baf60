// A Redis cluster with TLS whose nodes are known by name, as managed ones are: their certificates carry no address, so a node
// has to be asked, and believed, by its name. A name that no certificate carries is told of.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createDeliveryIds } from '../../src/http/delivery-id.ts';
import { createAnnouncer } from '../../src/queue/announce.ts';
import { createQueueBackend } from '../../src/queue/backend.ts';
import { makeCertificate } from '../support/certificate.ts';
import { findBusPort } from '../support/redis-cluster.ts';
import { type RedisServer, startProcess } from '../support/redis-server.ts';
import { silent } from '../support/service.ts';
import { until } from '../support/until.ts';

const name = 'localhost';
const slotCount = 16_384;
const trusted = getCACertificates('default');
let folder: string;
let redis: RedisServer;
let tlsPort: number;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'ilive-tls-'));
  const now = Date.now();
  const { cert, key } = makeCertificate(name, new Date(now - 60_000), new Date(now + 3_600_000));
  const [certFile, keyFile] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')];
  await writeFile(certFile, cert);
  await writeFile(keyFile, key);
  setDefaultCACertificates([...trusted, cert]);
  tlsPort = await findBusPort();
  const tls = ['--tls-port', String(tlsPort), '--tls-cert-file', certFile, '--tls-key-file', keyFile];
  const trust = ['--tls-ca-cert-file', certFile, '--tls-auth-clients', 'no'];
  // By the setting for an address, since Redis 6.2 has none for a name.
  const cluster = ['--cluster-enabled', 'yes', '--tls-cluster', 'yes', '--cluster-announce-ip', name];
  redis = await startProcess({ settings: [...tls, ...trust, ...cluster] });
  const client = new Redis(redis.url);
  await client.cluster('ADDSLOTS', ...Array.from({ length: slotCount }, (_, slot) => slot));
  await until(async () => (await client.cluster('INFO')).includes('cluster_state:ok'));
  client.disconnect();
});
afterAll(async () => {
  setDefaultCACertificates(trusted);
  await redis.stop();
  await rm(folder, { recursive: true, force: true });
});

function hang(host: string) {
  const told: string[] = [];
  const warn = ({ err }: { err?: Error }, message: string) => told.push(`${message}: ${err?.message}`);
  const log = { ...silent, warn } as unknown as typeof silent;
  const redisUrl = `rediss-cluster://${host}:${tlsPort}`;
  const backend = createQueueBackend({ redisUrl, databaseUrl: '', prefix: 'over-tls', log });
  const announcer = createAnnouncer(backend, {
    batchMaxIds: 10,
    lateAfterMs: Number.MAX_SAFE_INTEGER,
    now: () => new Date(),
    timeoutMs: 2_000,
    log,
    onFailure: () => {},
  });
  onTestFinished(async () => {
    await announcer.close();
    await backend.disconnect();
  });
  return { announcer, told };
}

test('its nodes are believed by the names in their certificates', async () => {
  const { announcer } = hang(name);
  const newId = createDeliveryIds();
  await until(() => announcer.announce([newId()]));
  await announcer.opened; // the other bell too
  await expect(announcer.inspect()).resolves.toMatchObject({ isUp: true, redis: { redis_mode: 'cluster' } });
});

test('a node that is called by another name is not believed, and the log says why', async () => {
  const { announcer, told } = hang('127.0.0.1');
  const saysWhy = (line: string) => /^Redis and we do not accept each other.*certificate/.test(line);
  await until(() => told.some(saysWhy));
  await expect(announcer.inspect()).resolves.toMatchObject({ isUp: false, trouble: 'certificate_refused' });
});
