// DNS or TLS of iLive failing, with real names that do not exist and real servers whose certificates are wrong: what is
// wrong is named, nothing is marked lost, no attempt is spent, and all goes on by itself once it is mended.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../src/ilive/client.ts';
import { createVendorLook, explainTrouble } from '../../src/operations/look-at-vendor.ts';
import { type Certificate, makeCertificate } from '../support/certificate.ts';
import { apiKey, startTestService, type TestService } from '../support/service.ts';
import { useUndo } from '../support/undo.ts';
import { until } from '../support/until.ts';

const dayMs = 24 * 60 * 60 * 1000;
const at = (days: number) => new Date(Date.now() + days * dayMs);
const good = makeCertificate('localhost', at(-1), at(30));
const expired = makeCertificate('localhost', at(-30), at(-1));
const early = makeCertificate('localhost', at(10), at(30));
const elsewhere = makeCertificate('elsewhere.example', at(-1), at(30));
const untrusted = makeCertificate('localhost', at(-1), at(30));

const before = tls.getCACertificates('default');
beforeAll(() =>
  tls.setDefaultCACertificates([...before, good.cert, expired.cert, early.cert, elsewhere.cert]),
);
afterAll(() => tls.setDefaultCACertificates(before));

const undo = useUndo();

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket.on('error', () => {})));
  server.listen(0, 'localhost');
  await once(server, 'listening');
  undo.push(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

const startTls = async (certificate: Certificate) =>
  `https://localhost:${await listen(createHttpsServer({ ...certificate }, (_req, res) => res.end()))}`;
const startAndStop = async () => {
  const url = await startTls(good);
  await undo.pop()?.();
  return url;
};
const startSilent = async () => `https://localhost:${await listen(createServer())}`;
const startPlain = async () =>
  `https://localhost:${await listen(createServer((socket) => socket.end('no TLS\n')))}`;

const troubles = [
  [
    'a name that does not exist',
    async () => 'https://ilive.invalid',
    /^(ENOTFOUND|EAI_AGAIN)$/,
    /name is not found/,
  ],
  ['a port where nobody listens', startAndStop, /^ECONNREFUSED$/, /is refused/],
  ['a certificate that has expired', () => startTls(expired), /^CERT_HAS_EXPIRED$/, /has expired/],
  ['a certificate of the future', () => startTls(early), /^CERT_NOT_YET_VALID$/, /nobody we trust/],
  [
    'a certificate of another name',
    () => startTls(elsewhere),
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    /another name/,
  ],
  ['a certificate of nobody', () => startTls(untrusted), /SELF_SIGNED/, /nobody we trust/],
  ['a handshake that hangs', startSilent, /timeout/i, /in time/],
  ['no TLS at all', startPlain, /^(ERR_SSL|EPROTO|ECONNRESET|UND_ERR)/, /breaks/],
] as const;

test.each(troubles)(
  'guarantee 8: %s is told as what it is, and is iLive’s trouble',
  async (_name, start, code, words) => {
    const url = await start();
    const sight = await createVendorLook(
      url,
      () => null,
      () => new Date(),
    )();
    expect(sight).toEqual({
      isReachable: false,
      trouble: expect.stringMatching(code),
      ms: null,
      aheadMs: null,
      keyRefusal: null,
    });
    expect(explainTrouble(sight.trouble ?? '').what).toMatch(words);
    const client = createClient({
      apiKey: 'key',
      baseUrl: url,
      connectTimeoutMs: 500,
      responseTimeoutMs: 1_000,
      maxRetries: 0,
    });
    const error: unknown = await client.fetchResult({ sessionId: randomUUID() }).catch((reason) => reason);
    expect(error).toMatchObject({ name: 'VendorUnavailableError', status: null });
  },
);

test('guarantee 8: while iLive’s certificate has expired, sessions stay due and no attempt is spent; then they are settled', async () => {
  const answer = (req: IncomingMessage, res: ServerResponse) => {
    const sessionId = /sessions\/([^/?]+)/.exec(req.url ?? '')?.[1] ?? '';
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ session_id: sessionId, status: 'completed', verdict: 'pass', confidence: 0.9 }));
  };
  const server = createHttpsServer({ ...expired }, answer);
  const url = `https://localhost:${await listen(server)}`;
  // Played, so that a quarter of a minute until it is asked again costs nothing.
  let aheadMs = 0;
  const service = await startTestService({
    env: { ILIVE_API_URL: url, ILIVE_API_KEY: 'iksk_test', PULL_FIRST_AFTER_SECONDS: '1' },
    overrides: { now: () => new Date(Date.now() + aheadMs) },
  });
  undo.push(service.stop);
  const ids = await Promise.all(Array.from({ length: 8 }, () => expectSession(service)));
  const count = async (name: string) => {
    const text: string = (await service.get('/metrics', null)).body;
    return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
  };
  await until(async () => {
    aheadMs += 500;
    return (await count('ilive_pulls_total\\{outcome="vendor_away"\\}')) > ids.length;
  });
  const rows = await service.db.query({
    text: `select distinct state, pull_attempts as attempts, next_pull_at is not null as "isDue" from sessions
           where pull_lease_until is null`,
  });
  expect(rows).toEqual([{ state: 'expected', attempts: 0, isDue: true }]);
  // Far fewer calls than tries: the breaker leaves iLive alone.
  const calls = await count('ilive_vendor_calls_total\\{operation="[^"]+",status="0"\\}');
  expect(calls).toBeGreaterThan(0);
  expect(calls).toBeLessThan(ids.length * 2);
  const { problems } = (await service.get('/v1/ops/status')).body;
  expect(JSON.stringify(problems)).toMatch(
    /iLive cannot be reached: its certificate has expired \(CERT_HAS_EXPIRED\)/,
  );
  server.setSecureContext({ ...good });
  await until(
    async () => {
      aheadMs += 2_000;
      const states = await Promise.all(ids.map((id) => service.get(`/v1/sessions/${id}`)));
      return states.every(({ body }) => body.state === 'settled' && body.verdict === 'pass');
    },
    { deadlineMs: 40_000, describe: 'all are settled by pull' },
  );
});

async function expectSession(service: TestService): Promise<string> {
  const id = `sess-${randomUUID()}`;
  const answer = await fetch(`${service.url}/v1/sessions/${id}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ reference_id: 'anna' }),
  });
  expect(answer.status).toBe(201);
  return id;
}
