// Guarantee 9: a result token is ciphertext in the database and shown nowhere again.
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { countSealed } from '../../src/db/sealed.ts';
import { startFakeVendor } from '../support/fake-ilive-http.ts';
import { apiKey, startTestService } from '../support/service.ts';
import { until } from '../support/until.ts';
import { startTogether } from '../support/vendor.ts';

test('guarantee 9: a token is not in the database, the log, an error or an answer, and is sent to iLive all the same', async () => {
  let written = '';
  const sink = new Writable({
    write: (chunk, _encoding, done) => {
      written += chunk;
      done();
    },
  });
  const together = await startTogether({
    dialect: 'managed',
    vendor: { webhooks: { drop: 1 }, sessions: { abandonedShare: 0, medianSeconds: 20, spread: 0 } },
    service: { overrides: { log: pino({ level: 'trace' }, sink) } },
  });
  const { service, vendor } = together;
  const answers: string[] = [];
  const send = async (method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
    const response = await fetch(`${service.url}${path}`, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
    });
    answers.push(await response.text());
    return response.status;
  };
  try {
    const [created = ''] = await together.create(1);
    const tokens = [...vendor.sessions.values()].map((session) => session.token);
    expect(await send('PUT', '/v1/sessions/other', { token: 'canary-token-other', reference_id: 'r' })).toBe(
      201,
    );
    expect(await send('PUT', '/v1/sessions/other', { token: 'canary-token-again' })).toBe(200);
    expect(await send('PUT', '/v1/sessions/other', { token: 'canary-token-odd', refrence_id: 'r' })).toBe(
      400,
    );
    expect(await send('PUT', '/v1/sessions/other', { token: `canary-token-${'x'.repeat(5_000)}` })).toBe(400);
    await vendor.setOutage('reset');
    await until(() => written.includes('a call to iLive failed'), {
      describe: 'a call failed',
    });
    await vendor.setOutage(null);
    await until(async () => (await service.get(`/v1/sessions/${created}`)).body.state === 'settled', {
      describe: 'the pull has settled it',
    });
    for (const path of [`/v1/sessions/${created}`, '/v1/sessions/other', '/v1/sessions', '/v1/deliveries'])
      await send('GET', path);

    const tables = ['sessions', 'deliveries', 'delivery_bodies', 'idempotency_keys'];
    const rows = await Promise.all(
      tables.map((table) => service.db.query({ text: `select to_jsonb(t)::text as row from ${table} t` })),
    );
    const everything = { answers: answers.join(), log: written, database: JSON.stringify(rows) };
    for (const [place, text] of Object.entries(everything)) {
      for (const token of [...tokens, 'canary-token']) {
        expect(text.includes(token), `${place} shows a token`).toBe(false);
        expect(text.includes(Buffer.from(token).toString('hex')), `${place} shows a token in hex`).toBe(
          false,
        );
      }
    }
    expect(vendor.log.some((call) => call.operation === 'result' && call.status === 200)).toBe(true);
  } finally {
    await together.stop();
  }
});

test('guarantee 9: the address that a person is sent to, which may hold the token, is ciphertext too, and a repeat is told it', async () => {
  const sessionUrl = 'https://verify.example.com/s/1?token=canary-token';
  await using vendor = await startFakeVendor({
    status: 201,
    json: { session_id: 's-1', token: 'canary-token', session_url: sessionUrl },
  });
  const env = {
    ILIVE_API_URL: vendor.url,
    ILIVE_API_KEY: 'k',
    ILIVE_DIALECT: 'managed',
    PULL_FIRST_AFTER_SECONDS: '3600',
    ENCRYPTION_KEYS: `one:${Buffer.alloc(32, 1).toString('base64')}`,
  };
  const service = await startTestService({ env });
  const create = () =>
    fetch(`${service.url}/v1/sessions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${apiKey}`,
        'content-type': 'application/json',
        'idempotency-key': 'i-1',
      },
      body: '{"reference_id":"r-1"}',
    });
  try {
    const first = await create();
    const again = await create();
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(await first.json()).toMatchObject({ session_url: sessionUrl });
    expect(await again.json()).toMatchObject({ session_url: sessionUrl });
    const rows = await service.db.query({ text: 'select session_url from idempotency_keys' });
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toMatch(/canary|verify/);
    // So that nobody takes the key out while a repeat may come.
    expect(await countSealed(service.db, '')).toContainEqual({
      what: 'addresses',
      key: 'one',
      isUnopened: false,
      count: 1,
    });
  } finally {
    await service.stop();
  }
});

test('a token without a key to seal it is refused, and so is creating without an API key', async () => {
  const together = await startTogether({ service: { env: { ENCRYPTION_KEYS: '' } } });
  try {
    const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
    const put = (id: string, body: object) =>
      fetch(`${together.service.url}/v1/sessions/${id}`, {
        method: 'PUT',
        headers,
        body: JSON.stringify(body),
      });
    expect((await put('s', { token: 'secret' })).status).toBe(409);
    expect((await put('s', { reference_id: 'r' })).status).toBe(201);
  } finally {
    await together.stop();
  }
});
