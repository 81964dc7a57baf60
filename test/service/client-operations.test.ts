// What goes over the wire, row by row: each operation in both dialects, against a real HTTP server.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from '../../src/ilive/client.ts';
import { InvalidRequestError, ResponseError } from '../../src/ilive/errors.ts';
import { type Asked, type FakeVendor, startFakeVendor } from '../support/fake-ilive-http.ts';

let vendor: FakeVendor;
let folder: string;

beforeAll(async () => {
  vendor = await startFakeVendor({ json: {} });
  folder = await mkdtemp(path.join(os.tmpdir(), 'ilive-images-'));
});
afterAll(async () => {
  await vendor[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]);
const png = Buffer.from('\x89PNG\r\n\x1a\nrest', 'latin1');

function clientFor(dialect?: 'reference' | 'managed') {
  return createClient({
    apiKey: 'iksk_test',
    baseUrl: `${vendor.url}/`,
    ...(dialect === undefined ? {} : { dialect }),
  });
}

function lastAsked(): Asked {
  const last = vendor.asked.at(-1);
  if (last === undefined) throw new Error('the vendor was not asked');
  expect(last.headers.authorization).toBe('Bearer iksk_test');
  return last;
}

async function formOf({ headers, body }: Asked) {
  const request = new Response(new Uint8Array(body), {
    headers: { 'content-type': headers['content-type'] ?? '' },
  });
  return Promise.all(
    [...(await request.formData())].map(async ([name, value]) => [
      name,
      typeof value === 'string'
        ? value
        : [value.type, Buffer.from(await value.arrayBuffer()).toString('hex')],
    ]),
  );
}

const created = {
  session_id: 's-1',
  session_url: 'https://verify.test/s-1',
  token: 'tok',
  expires_at: '2026-04-11T10:00:00+00:00',
};
const facts = {
  sessionId: 's-1',
  sessionUrl: 'https://verify.test/s-1',
  token: 'tok',
  expiresAt: '2026-04-11T10:00:00.000000Z',
};

describe('create', () => {
  test('in the reference dialect, which is the default', async () => {
    vendor.reply({ status: 201, json: created });
    expect(await clientFor().createSession({ referenceId: 'user_123', mode: 'passive' })).toEqual(facts);
    const { method, url, headers, body } = lastAsked();
    expect([method, url]).toEqual(['POST', '/v1/liveness/sessions']);
    expect(headers['content-type']).toBe('application/json');
    expect(JSON.parse(body.toString())).toEqual({ user_id: 'user_123', mode: 'passive' });
  });

  test('in the managed dialect', async () => {
    vendor.reply({ json: created });
    const input = {
      referenceId: 'user-12345',
      redirectUrl: 'https://your-app.com/verified',
      webhookUrl: 'https://your-app.com/webhooks/ilive',
    };
    expect(await clientFor('managed').createSession(input)).toEqual(facts);
    const { method, url, body } = lastAsked();
    expect([method, url]).toEqual(['POST', '/api/v1/managed-session']);
    expect(JSON.parse(body.toString())).toEqual({
      redirect_url: 'https://your-app.com/verified',
      webhook_url: 'https://your-app.com/webhooks/ilive',
      reference_id: 'user-12345',
    });
  });
});

describe('result', () => {
  const answer = '{"session_id": "s/1?", "verdict":"pass", "confidence":0.8732}';
  const result = {
    status: 'completed',
    verdict: 'pass',
    confidence: 0.8732,
    referenceId: null,
    occurredAt: null,
  };

  test('in the reference dialect, with the very bytes that came', async () => {
    vendor.reply({ text: answer });
    const read = await clientFor('reference').fetchResult({ sessionId: 's/1?', token: 'unused' });
    expect(read).toEqual({ ...result, body: Buffer.from(answer) });
    expect([lastAsked().method, lastAsked().url]).toEqual(['GET', '/v1/liveness/sessions/s%2F1%3F']);
  });

  test('in the managed dialect, by the session’s token', async () => {
    vendor.reply({ text: answer });
    const read = await clientFor('managed').fetchResult({ sessionId: 's/1?', token: 'a+b&c' });
    expect(read).toEqual({ ...result, body: Buffer.from(answer) });
    expect(lastAsked().url).toBe('/api/v1/session/s%2F1%3F/result?token=a%2Bb%26c');
  });

  test('is not asked for without a token, or with an id that would climb', async () => {
    const before = vendor.asked.length;
    await expect(clientFor('managed').fetchResult({ sessionId: 's-1' })).rejects.toMatchObject({
      name: 'InvalidRequestError',
      code: 'missing_token',
    });
    await expect(clientFor().fetchResult({ sessionId: '..' })).rejects.toThrow(InvalidRequestError);
    expect(vendor.asked).toHaveLength(before);
  });

  test('of another session is refused', async () => {
    vendor.reply({ json: { session_id: 's-2', verdict: 'pass' }, headers: { 'x-request-id': 'req_1' } });
    await expect(clientFor().fetchResult({ sessionId: 's-1' })).rejects.toMatchObject({
      name: 'ResponseError',
      code: 'wrong_session',
      status: 200,
      requestId: 'req_1',
    });
  });
});

describe('photo', () => {
  test('in the managed dialect', async () => {
    vendor.reply({ text: jpeg, headers: { 'content-type': 'image/jpeg' } });
    const photo = await clientFor('managed').fetchPhoto({ sessionId: 's-1', token: 'tok' });
    expect(photo).toEqual({ contentType: 'image/jpeg', bytes: jpeg });
    expect([lastAsked().method, lastAsked().url]).toEqual(['GET', '/api/v1/session/s-1/photo?token=tok']);
  });

  test('is none when the answer is a page', async () => {
    vendor.reply({ text: '<html>' });
    const photo = clientFor('managed').fetchPhoto({ sessionId: 's-1', token: 'tok' });
    await expect(photo).rejects.toThrow(ResponseError);
  });

  test('is a typed error in the reference dialect', async () => {
    const before = vendor.asked.length;
    await expect(clientFor('reference').fetchPhoto({ sessionId: 's-1', token: 'tok' })).rejects.toMatchObject(
      {
        name: 'InvalidRequestError',
        code: 'unsupported_by_dialect',
      },
    );
    expect(vendor.asked).toHaveLength(before);
  });
});

describe('compare', () => {
  const box = { left: 1, top: 2, width: 3, height: 4 };
  const answer = { similarity: 0.91, is_match: true, threshold: 0.45, source_face: box, target_face: null };
  const read = { similarity: 0.91, isMatch: true, threshold: 0.45, referenceFace: box, probeFace: null };

  test.each([
    ['reference', '/v2/face/compare', 'reference', 'probe'],
    ['managed', '/api/v2/faces:compare', 'source_image', 'target_image'],
  ] as const)('in the %s dialect', async (dialect, url, first, second) => {
    vendor.reply({ json: answer });
    const input = {
      reference: jpeg,
      probe: Readable.from([png.subarray(0, 5), png.subarray(5)]),
      threshold: 0.45,
    };
    expect(await clientFor(dialect).compareFaces(input)).toEqual(read);
    expect([lastAsked().method, lastAsked().url]).toEqual(['POST', url]);
    expect(await formOf(lastAsked())).toEqual([
      [first, ['image/jpeg', jpeg.toString('hex')]],
      [second, ['image/png', png.toString('hex')]],
      ['threshold', '0.45'],
    ]);
  });
});

describe('detect', () => {
  const answer = {
    faces: [
      {
        bounding_box: { left: 1, top: 2, width: 3, height: 4 },
        confidence: 0.99,
        landmarks: [{ type: 'nose', x: 1, y: 2 }],
        attributes: { eyes_open: true },
      },
    ],
    image_size: { width: 10, height: 20 },
  };
  const read = {
    faces: [
      {
        box: { left: 1, top: 2, width: 3, height: 4 },
        confidence: 0.99,
        landmarks: [{ type: 'nose', x: 1, y: 2 }],
        attributes: { eyesOpen: true },
      },
    ],
    imageSize: { width: 10, height: 20 },
  };

  test('in the reference dialect, from a path', async () => {
    vendor.reply({ json: answer });
    const image = path.join(folder, 'photo.png');
    await writeFile(image, png);
    expect(await clientFor('reference').detectFaces({ image })).toEqual(read);
    expect([lastAsked().method, lastAsked().url]).toEqual(['POST', '/v1/face/detect']);
    expect(await formOf(lastAsked())).toEqual([['image', ['image/png', png.toString('hex')]]]);
    expect(lastAsked().body.toString('latin1')).not.toContain('photo.png');
  });

  test('in the managed dialect, with attributes', async () => {
    vendor.reply({ json: answer });
    expect(await clientFor('managed').detectFaces({ image: jpeg, attributes: 'all' })).toEqual(read);
    expect([lastAsked().method, lastAsked().url]).toEqual(['POST', '/api/v2/faces:detect']);
    expect(await formOf(lastAsked())).toEqual([
      ['image', ['image/jpeg', jpeg.toString('hex')]],
      ['attributes', 'all'],
    ]);
  });
});
