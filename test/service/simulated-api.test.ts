// The pretend vendor's REST API over real HTTP, asked with plain fetch: each operation in both dialects, and who may ask.
// What is tried here is the ground that the tests of our own client and of the pull stand on.
import { describe, expect, test } from 'vitest';
import { createTestImage } from '../../src/simulator/api-images.ts';
import { createManualClock } from '../support/manual-clock.ts';
import {
  ask,
  create,
  createBody,
  createPath,
  form,
  type Json,
  key,
  planOf,
  result,
  resultPath,
  send,
  start,
  useApis,
} from './simulated-api-caller.ts';

const { open } = useApis();

const facePaths = {
  reference: { compare: '/v2/face/compare', detect: '/v1/face/detect', names: ['reference', 'probe'] },
  managed: {
    compare: '/api/v2/faces:compare',
    detect: '/api/v2/faces:detect',
    names: ['source_image', 'target_image'],
  },
} as const;

describe.each(['reference', 'managed'] as const)('in the %s dialect', (dialect) => {
  const envelope = dialect === 'reference' ? { request_id: expect.stringMatching(/^req_/) } : {};

  test('a session is created, pending, and completed', async () => {
    const clock = createManualClock(start);
    const api = await open({ clock, planSession: planOf() });
    const created = await create(api, dialect);
    expect(created).toMatchObject({
      session_id: 'session-1',
      session_url: expect.stringMatching(/^https:\/\//),
      token: expect.any(String),
      expires_at: '2026-04-11T10:00:00.000Z',
    });
    expect(await result(api, dialect, created)).toEqual({
      http: 200,
      session_id: 'session-1',
      status: 'pending',
    });
    clock.advance(25_000);
    expect(await result(api, dialect, created)).toEqual({
      http: 200,
      session_id: 'session-1',
      status: 'completed',
      verdict: 'pass',
      confidence: 0.8732,
      [dialect === 'reference' ? 'user_id' : 'reference_id']: 'user_123',
      completed_at: '2026-04-11T09:30:25.000000+00:00',
    });
  });

  test('a session that nobody ends is expired after its TTL, as a state or as not found', async () => {
    const sessions = { tokenLifetimeSeconds: 7_200 };
    for (const expiredAs of ['status', 'not_found'] as const) {
      const clock = createManualClock(start);
      const api = await open({ clock, expiredAs, sessions, planSession: planOf({ endsAfterMs: null }) });
      const created = await create(api, dialect);
      clock.advance(1_799_999);
      expect(await result(api, dialect, created)).toMatchObject({ status: 'pending' });
      clock.advance(1);
      expect(await result(api, dialect, created)).toMatchObject(
        expiredAs === 'status' ? { http: 200, status: 'expired' } : { http: 404 },
      );
    }
  });

  test('two faces are compared', async () => {
    const api = await open();
    const { compare, names } = facePaths[dialect];
    const anna = createTestImage({ person: 'anna' });
    const images = (probe: Buffer) => ({ [names[0]]: anna, [names[1]]: probe });
    const same = await ask(
      api,
      compare,
      form({ ...images(createTestImage({ person: 'anna', width: 64 })), threshold: '0.45' }),
    );
    expect(same.status).toBe(200);
    const said = (await same.json()) as Json;
    expect(said).toMatchObject({ is_match: true, threshold: 0.45, source_face: { width: 240, height: 300 } });
    expect(said.similarity).toBeGreaterThan(0.45);
    const other = await ask(api, compare, form(images(createTestImage({ person: 'berta' }))));
    expect(await other.json()).toMatchObject({ is_match: false });
    const nobody = createTestImage({ faces: 0 });
    for (const [source, target, code] of [
      [nobody, anna, 'no_face_in_source'],
      [anna, nobody, 'no_face_in_target'],
    ] as const) {
      const refused = await ask(api, compare, form({ [names[0]]: source, [names[1]]: target }));
      expect(refused.status).toBe(422);
      expect(await refused.json()).toEqual({ detail: { code, message: expect.any(String), ...envelope } });
    }
  });

  test('faces are detected, and images that are none are refused', async () => {
    const api = await open();
    const { detect } = facePaths[dialect];
    const two = await ask(api, detect, form({ image: createTestImage({ faces: 2 }), attributes: 'all' }));
    expect(two.status).toBe(200);
    expect(await two.json()).toMatchObject({
      faces: [{ attributes: { pose: { roll: 0.5 } } }, { bounding_box: { left: expect.any(Number) } }],
      image_size: { width: 480, height: 600 },
    });
    const refusals: [Record<string, string | Buffer>, number, string][] = [
      [{ image: Buffer.alloc(0) }, 400, 'empty_image'],
      [{ image: Buffer.from('no image') }, 400, 'invalid_image'],
      [{ image: Buffer.alloc(8 * 1024 * 1024 + 1) }, 413, 'image_too_large'],
      [{ image: createTestImage(), attributes: 'some' }, 400, 'invalid_attributes'],
    ];
    for (const [fields, status, code] of refusals) {
      const refused = await ask(api, detect, form(fields));
      expect(refused.status).toBe(status);
      expect(await refused.json()).toEqual({ detail: { code, message: expect.any(String), ...envelope } });
    }
    const without = await ask(api, detect, form({ picture: createTestImage() }));
    expect(without.status).toBe(422);
    expect(await without.json()).toMatchObject({ detail: [{ loc: ['body', 'image'] }] });
  });

  test('only a good key of an active account may ask', async () => {
    const keys = [
      { name: 'test', key },
      { name: 'suspended', key: 'iksk_live_suspended', isActive: false },
    ];
    const api = await open({ keys });
    const post = (headers: Record<string, string>) =>
      fetch(`${api.url}${createPath[dialect]}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(createBody[dialect]),
      });
    const answers = [
      [await post({}), 401, 'missing_api_key'],
      [await post({ authorization: 'Bearer iksk_live_unknown' }), 401, 'invalid_api_key'],
      [await post({ authorization: 'Bearer iksk_live_suspended' }), 403, 'account_inactive'],
    ] as const;
    for (const [response, status, code] of answers) {
      expect(response.status).toBe(status);
      expect(response.headers.get('x-ratelimit-limit')).toBe('600');
      expect(await response.json()).toMatchObject({ detail: { code, ...envelope } });
    }
  });

  test('what is not there, and what cannot be read, is refused', async () => {
    const api = await open();
    const unknown = { session_id: 'nobody', token: 'none' };
    expect(await result(api, dialect, unknown)).toMatchObject({
      http: 404,
      detail: { code: 'session_not_found' },
    });
    expect((await ask(api, '/v3/anything')).status).toBe(404);
    expect((await ask(api, createPath[dialect])).status).toBe(405);
    const field = dialect === 'reference' ? 'user_id' : 'reference_id';
    const refused = await send(api, createPath[dialect], { [field]: 7 });
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({ detail: [{ loc: ['body', field] }] });
    const strict = await open({ isHttpsOnly: true });
    const plain = await send(strict, createPath[dialect], {
      ...createBody[dialect],
      webhook_url: 'http://a.example',
    });
    expect(plain.status).toBe(422);
  });
});

test('a server that plays one dialect knows nothing of the other', async () => {
  const api = await open({ served: ['managed'] });
  expect((await send(api, createPath.reference, createBody.reference)).status).toBe(404);
  await create(api, 'managed');
});

describe('tokens', () => {
  test.each([401, 404] as const)(
    'guard the managed result and photo; refused with %i',
    async (tokenRefusal) => {
      const clock = createManualClock(start);
      const planSession = planOf({ endsAfterMs: 1 });
      const api = await open({ clock, tokenRefusal, planSession, sessions: { tokenLifetimeSeconds: 60 } });
      const created = await create(api, 'managed');
      clock.advance(10);
      const wrong = { ...created, token: 'ist_wrong' };
      expect((await ask(api, resultPath('managed', wrong))).status).toBe(tokenRefusal);
      expect((await fetch(`${api.url}${resultPath('managed', created)}`)).status).toBe(200);
      const photoPath = resultPath('managed', created).replace('/result', '/photo');
      const photo = await ask(api, photoPath);
      expect(photo.headers.get('content-type')).toBe('image/jpeg');
      const bytes = Buffer.from(await photo.arrayBuffer());
      expect([bytes.readUInt16BE(0), bytes.readUInt16BE(bytes.length - 2)]).toEqual([0xffd8, 0xffd9]);
      clock.advance(60_000);
      expect((await ask(api, resultPath('managed', created))).status).toBe(tokenRefusal);
      expect((await ask(api, photoPath)).status).toBe(tokenRefusal);
    },
  );

  test('there is no photo before the end, and none of a session that was not passed', async () => {
    const clock = createManualClock(start);
    const api = await open({ clock, planSession: planOf({ verdict: 'retry' }) });
    const path = resultPath('managed', await create(api, 'managed')).replace('/result', '/photo');
    expect((await ask(api, path)).status).toBe(404);
    clock.advance(30_000);
    expect((await ask(api, path)).status).toBe(404);
  });

  test('a session’s JWT reads its own result in the reference dialect, and no other, and not for ever', async () => {
    const clock = createManualClock(start);
    const api = await open({ clock });
    const [mine, other] = [await create(api, 'reference'), await create(api, 'reference')];
    const headers = { authorization: `Bearer ${mine.token}` };
    const read = (created: Json) => ask(api, resultPath('reference', created), { headers });
    expect((await read(mine)).status).toBe(200);
    expect((await read(other)).status).toBe(401);
    clock.advance(1_800_000);
    expect((await read(mine)).status).toBe(401);
  });
});
