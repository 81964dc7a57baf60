// What every caller of the API meets before a route does: rates, compression, pages of other origins, headers, time.
import { request } from 'node:http';
import { connect } from 'node:net';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Log } from '../../src/log.ts';
import { operatorOf } from '../support/operator.ts';
import { silent, startTestService, type TestService, verdictPayload } from '../support/service.ts';

const ratePerMinute = 20;
const unknownKeysPerMinute = 10;
const origin = 'https://desk.example.com';

let service: TestService;
const logged: Record<string, unknown>[] = [];
const log: Log = { ...silent, error: (line: unknown) => logged.push(line as Record<string, unknown>) };

beforeAll(async () => {
  service = await startTestService({
    env: {
      API_RATE_PER_MINUTE: String(ratePerMinute),
      API_UNKNOWN_KEYS_PER_MINUTE: String(unknownKeysPerMinute),
      CORS_ORIGINS: origin,
    },
    overrides: { log },
  });
  await Promise.all(Array.from({ length: 30 }, () => service.deliver(verdictPayload())));
  await service.settled();
});

afterAll(() => service.stop());

async function makeKey(): Promise<string> {
  const body = { name: `key ${Math.random()}`, role: 'reader', why: 'a test' };
  const made = await operatorOf(service.url).ops('POST', '/keys', body);
  expect(made.status).toBe(201);
  return made.body.key;
}

interface Raw {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly bytes: Buffer;
}

/** As it goes over the wire: `fetch` would decompress. */
function ask(path: string, headers: Record<string, string>, method = 'GET'): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const asked = request(`${service.url}${path}`, { method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          bytes: Buffer.concat(chunks),
        }),
      );
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe('a rate', () => {
  test('is each key’s own, is told in every answer, and ends in a 429 that says when to come back', async () => {
    const [busy, other] = [await makeKey(), await makeKey()];
    const first = await service.get('/v1/sessions?limit=1', busy);
    expect(first.headers.get('ratelimit-policy')).toMatch(
      new RegExp(`^"per-key"; q=${ratePerMinute}; w=60; pk=:[\\w+/=]+:$`),
    );
    expect(first.headers.get('ratelimit')).toMatch(new RegExp(`^"per-key"; r=${ratePerMinute - 1}; t=\\d+$`));
    // What is refused further on costs as much.
    expect((await service.get('/v1/sessions?limit=x', busy)).status).toBe(400);
    expect((await service.get('/v1/ops/status', busy)).status).toBe(403);
    expect((await service.get('/v1/nothing', busy)).status).toBe(404);
    for (let spent = 4; spent < ratePerMinute; spent += 1) {
      expect((await service.get('/v1/sessions?limit=1', busy)).status).toBe(200);
    }
    const refused = await service.get('/v1/sessions?limit=1', busy);
    expect(refused).toMatchObject({
      status: 429,
      body: { code: 'rate_limited', status: 429, request_id: refused.headers.get('x-request-id') },
    });
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    expect(refused.headers.get('ratelimit')).toMatch(/^"per-key"; r=0; t=\d+$/);
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(30);
    expect(seconds).toBeLessThanOrEqual(60);
    expect((await service.get('/v1/sessions?limit=1', other)).status).toBe(200);
  });

  test('does not touch deliveries, health or metrics', async () => {
    for (let index = 0; index <= ratePerMinute; index += 1) {
      const answers = [await service.deliver(verdictPayload()), await service.get('/healthz', null)];
      expect(answers.map(({ status }) => status)).toEqual([202, 200]);
      for (const { headers } of answers) expect(headers.get('ratelimit')).toBeNull();
    }
    await service.settled(); // the next tests ask for the same list several times
    const metrics = (await service.get('/metrics', null)).body as string;
    expect(metrics).toMatch(/ilive_api_limited_total\{limit="key"\} \d/);
  });

  test('of guesses is the address’s, and locks out nobody whose key is known', async () => {
    const key = await makeKey();
    const statuses = [];
    for (let index = 0; index < unknownKeysPerMinute; index += 1) {
      statuses.push((await service.get('/v1/sessions', `ilw_guess${index}`)).status);
    }
    expect(new Set(statuses)).toEqual(new Set([401]));
    const refused = await service.get('/v1/sessions', 'ilw_guess');
    expect(refused).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await service.get('/v1/sessions', key)).status).toBe(200);
    expect((await service.get('/v1/sessions', null)).status).toBe(401);
  });
});

describe('compression', () => {
  test('takes what is large and JSON, as the caller accepts it, and says what it depends on', async () => {
    const key = { authorization: `Bearer ${await makeKey()}` };
    const path = '/v1/sessions?limit=30';
    const plain = await ask(path, key);
    expect(plain.headers).toMatchObject({ vary: expect.stringContaining('Accept-Encoding') });
    expect(plain.headers['content-encoding']).toBeUndefined();
    for (const [accepted, decompress] of [
      ['gzip', gunzipSync],
      ['br', brotliDecompressSync],
    ] as const) {
      const small = await ask(path, { ...key, 'accept-encoding': accepted });
      expect(small.headers['content-encoding']).toBe(accepted);
      expect(small.bytes.length).toBeLessThan(plain.bytes.length / 4);
      expect(decompress(small.bytes).equals(plain.bytes)).toBe(true);
    }
  });

  test('leaves alone what is small, what is no JSON, and the webhook route', async () => {
    const all = { 'accept-encoding': 'br, gzip', authorization: `Bearer ${await makeKey()}` };
    for (const path of ['/v1/sessions?limit=1', '/v1/nothing', '/metrics', '/webhooks/ilive']) {
      expect([path, (await ask(path, all)).headers['content-encoding']]).toEqual([path, undefined]);
    }
  });
});

describe('pages of other origins', () => {
  const preflight = {
    'access-control-request-method': 'GET',
    'access-control-request-headers': 'authorization',
  };

  test('may ask where they are named, with a key and without cookies', async () => {
    const asked = await ask('/v1/sessions', { ...preflight, origin }, 'OPTIONS');
    expect(asked.status).toBe(204);
    expect(asked.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-headers': expect.stringContaining('Authorization'),
      vary: expect.stringContaining('Origin'),
    });
    const answer = await ask('/v1/sessions', { origin });
    expect(answer.status).toBe(401);
    expect(answer.headers['access-control-allow-origin']).toBe(origin);
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
    const exposed = String(answer.headers['access-control-expose-headers']);
    for (const name of ['RateLimit', 'RateLimit-Policy', 'ETag', 'X-Request-Id', 'traceresponse']) {
      expect(exposed).toContain(name);
    }
  });

  test.each([
    'https://evil.example.com',
    'https://desk.example.com.evil.org',
    'http://desk.example.com',
    'null',
  ])('are told nothing where they are not: %s', async (stranger) => {
    for (const method of ['OPTIONS', 'GET']) {
      const { headers } = await ask('/v1/sessions', { ...preflight, origin: stranger }, method);
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  test('are told nothing at all where none is named', async () => {
    const closed = await startTestService({ databaseUrl: service.databaseUrl });
    const answer = await fetch(`${closed.url}/v1/sessions`, {
      method: 'OPTIONS',
      headers: { ...preflight, origin },
    });
    await closed.stop();
    expect(answer.status).toBe(401);
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

test('no answer may be kept, framed or taken for anything but data', async () => {
  const key = { authorization: `Bearer ${await makeKey()}` };
  for (const path of ['/v1/sessions?limit=1', '/v1/nothing', '/healthz', '/metrics', '/elsewhere']) {
    expect([path, (await ask(path, key)).headers]).toEqual([
      path,
      expect.objectContaining({
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      }),
    ]);
  }
});

test('guarantee 18: a request that the database holds up is a 503 in time, and the service goes on', async () => {
  // A service of its own, since so little time is too little where nothing is held up.
  const hasty = await startTestService({
    databaseUrl: service.databaseUrl,
    env: { API_TIMEOUT_SECONDS: '1' },
    overrides: { log },
  });
  try {
    const late = await service.db.transaction(async (tx) => {
      await tx.query({ text: 'lock table face_matches in access exclusive mode' });
      return hasty.get('/v1/face-matches');
    });
    expect(late).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect(late.headers.get('retry-after')).toBe('5');
    expect((await hasty.get('/v1/face-matches')).status).toBe(200);
  } finally {
    await hasty.stop();
  }
  const codes = logged.map(({ err }) => (err as { code?: string } | undefined)?.code);
  expect(codes).not.toContain('ERR_HTTP_HEADERS_SENT');
});

describe('a head that cannot be read', () => {
  function raw(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = new URL(service.url);
      const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(text));
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      socket.on('end', () => resolve(answer));
      socket.on('error', reject);
    });
  }

  test.each([
    [
      'an address that is too long',
      `GET /v1/sessions?cursor=${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
      431,
    ],
    [
      'headers that are too long',
      `GET /v1/sessions HTTP/1.1\r\nhost: x\r\nx-a: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
    ],
    ['no HTTP at all', 'hello there\r\n\r\n', 400],
  ])('%s is a problem as any other', async (_, text, status) => {
    const [head = '', body = ''] = (await raw(text)).split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head).toContain('content-type: application/problem+json');
    expect(JSON.parse(body)).toMatchObject({
      status,
      code: expect.any(String),
      request_id: expect.any(String),
    });
  });
});
