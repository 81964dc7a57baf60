// The client and the pretend vendor, made apart from each other from the same pages, over real HTTP: every operation in both
// dialects, and every documented error code as the class that a caller can act on.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient, type IliveClient } from '../../src/ilive/client.ts';
import {
  AuthenticationError,
  InvalidRequestError,
  NotFoundError,
  PermissionError,
  RateLimitError,
  VendorUnavailableError,
} from '../../src/ilive/errors.ts';
import { startVendorApi, type VendorApi } from '../../src/simulator/api.ts';
import { createTestImage } from '../../src/simulator/api-images.ts';

const anna = createTestImage({ person: 'anna' });
const redirectUrl = 'https://app.example.com/done';
let vendor: VendorApi;

beforeAll(async () => {
  vendor = await startVendorApi({
    sessions: { abandonedShare: 0, medianSeconds: 3_600, spread: 0 },
    webhooks: { drop: 1 },
  });
});

afterAll(() => vendor.stop());

const clientOf = (dialect: 'reference' | 'managed'): IliveClient =>
  createClient({ apiKey: vendor.apiKey, baseUrl: vendor.url, dialect, maxRetries: 0, breaker: false });

describe.each(['reference', 'managed'] as const)('in the %s dialect', (dialect) => {
  const create = () => clientOf(dialect).createSession({ referenceId: 'anna', mode: 'passive', redirectUrl });

  test('creates a session and reads its result, before and after its end', async () => {
    const { sessionId, sessionUrl, token } = await create();
    expect(vendor.sessions.get(sessionId)).toMatchObject({ referenceId: 'anna', mode: 'passive', dialect });
    expect(sessionUrl).toContain('https://');
    const asked = dialect === 'managed' ? { sessionId, token: token ?? '' } : { sessionId };
    expect(await clientOf(dialect).fetchResult(asked)).toMatchObject({ status: 'pending', verdict: null });
    vendor.endSession(sessionId);
    const result = await clientOf(dialect).fetchResult(asked);
    const { verdict, confidence } = vendor.sessions.get(sessionId)?.plan ?? {};
    expect(result).toMatchObject({ status: 'completed', verdict, confidence, referenceId: 'anna' });
    expect(result.occurredAt).toMatch(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/);
  });

  test('compares two faces, that of one person and of two', async () => {
    const client = clientOf(dialect);
    const same = await client.compareFaces({
      reference: anna,
      probe: createTestImage({ person: 'anna' }),
      threshold: 0.6,
    });
    expect(same).toMatchObject({ isMatch: true, threshold: 0.6 });
    const other = await client.compareFaces({
      reference: anna,
      probe: createTestImage({ person: 'bert' }),
      threshold: 0.6,
    });
    expect(other).toMatchObject({ isMatch: false });
    expect(other.similarity).toBeLessThan(same.similarity);
  });

  test('detects faces', async () => {
    const { faces } = await clientOf(dialect).detectFaces({ image: createTestImage({ faces: 2 }) });
    expect(faces).toHaveLength(2);
    expect(faces[0]?.box).toBeDefined();
  });

  test.each([
    ['missing_api_key', AuthenticationError, 401],
    ['invalid_api_key', AuthenticationError, 401],
    ['account_inactive', PermissionError, 403],
    ['rate_limited', RateLimitError, 429],
    ['image_too_large', InvalidRequestError, 413],
    ['empty_image', InvalidRequestError, 400],
    ['invalid_image', InvalidRequestError, 400],
    ['invalid_attributes', InvalidRequestError, 400],
    ['no_face_in_source', InvalidRequestError, 422],
    ['no_face_in_target', InvalidRequestError, 422],
    ['collection_exists', InvalidRequestError, 409],
    ['collection_not_found', NotFoundError, 404],
    ['liveness.face_not_detected', InvalidRequestError, 422],
    ['internal_error', VendorUnavailableError, 500],
  ] as const)('%s is its typed error', async (code, kind, status) => {
    vendor.answerNext(code);
    const error = await clientOf(dialect)
      .detectFaces({ image: anna })
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ status, code, requestId: expect.stringMatching(/^req_/) });
  });
});

test('the photo is a JPEG after a pass, and the managed dialect’s alone', async () => {
  const client = clientOf('managed');
  for (let tries = 0; tries < 20; tries += 1) {
    const { sessionId, token } = await client.createSession({ referenceId: 'p', redirectUrl });
    if (vendor.sessions.get(sessionId)?.plan.verdict !== 'pass') continue;
    vendor.endSession(sessionId);
    const photo = await client.fetchPhoto({ sessionId, token: token ?? '' });
    expect(photo.contentType).toBe('image/jpeg');
    expect(photo.bytes.subarray(0, 2)).toEqual(Buffer.from([0xff, 0xd8]));
    await expect(client.fetchPhoto({ sessionId, token: 'wrong' })).rejects.toBeInstanceOf(
      AuthenticationError,
    );
    await expect(clientOf('reference').fetchPhoto({ sessionId, token: 'x' })).rejects.toMatchObject({
      code: 'unsupported_by_dialect',
    });
    return;
  }
  throw new Error('no session passed');
});

test('an unknown session is told as such, and so is a key that nobody knows', async () => {
  await expect(clientOf('reference').fetchResult({ sessionId: 'nobody' })).rejects.toBeInstanceOf(
    NotFoundError,
  );
  const stranger = createClient({ apiKey: 'iksk_live_stranger', baseUrl: vendor.url, maxRetries: 0 });
  await expect(stranger.fetchResult({ sessionId: 'x' })).rejects.toMatchObject({ code: 'invalid_api_key' });
});
