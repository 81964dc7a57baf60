import { describe, expect, test } from 'vitest';
import { retryWaitMs } from '../../src/ilive/call-retry.ts';
import {
  ApiError,
  AuthenticationError,
  InvalidRequestError,
  NotFoundError,
  PermissionError,
  RateLimitError,
  ResponseError,
  VendorUnavailableError,
} from '../../src/ilive/errors.ts';
import { clean, readError } from '../../src/ilive/errors-read.ts';

const now = new Date('2026-04-11T09:30:00Z');

function errorOf(
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
  secrets: string[] = [],
) {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const answer = { status, headers: new Headers(headers), body: bytes };
  return readError('fetchResult', answer, { secrets, now });
}

describe('each documented code gives its error', () => {
  test.each([
    ['missing_api_key', 401, AuthenticationError],
    ['invalid_api_key', 401, AuthenticationError],
    ['account_inactive', 403, PermissionError],
    ['rate_limited', 429, RateLimitError],
    ['image_too_large', 413, InvalidRequestError],
    ['empty_image', 400, InvalidRequestError],
    ['invalid_image', 400, InvalidRequestError],
    ['invalid_attributes', 400, InvalidRequestError],
    ['no_face_in_source', 422, InvalidRequestError],
    ['no_face_in_target', 422, InvalidRequestError],
    ['collection_exists', 409, InvalidRequestError],
    ['collection_not_found', 404, NotFoundError],
    ['liveness.face_not_detected', 422, InvalidRequestError],
  ])('%s', (code, status, kind) => {
    const error = errorOf(status, { detail: { code, message: 'Because.', request_id: 'req_01J' } });
    expect(error.constructor).toBe(kind);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ name: kind.name, status, code, requestId: 'req_01J', retryAfterMs: null });
    expect(error.message).toBe(`fetchResult failed: Because. (${status} ${code}, request req_01J)`);
  });

  test.each([
    [500, VendorUnavailableError],
    [502, VendorUnavailableError],
    [503, VendorUnavailableError],
    [408, VendorUnavailableError],
    [405, InvalidRequestError],
    [302, ResponseError],
  ])('a bare %i does, too', (status, kind) => {
    const error = errorOf(status, '');
    expect(error.constructor).toBe(kind);
    expect(error).toMatchObject({ status, code: `http_${status}`, requestId: null });
  });
});

describe('every form of an error body is read', () => {
  test('a list of refused fields, without what was put into them', () => {
    const error = errorOf(422, {
      detail: [
        { type: 'missing', loc: ['body', 'user_id'], msg: 'Field required', input: { name: 'canary' } },
        { loc: ['body', 'tags', 0], msg: 'Not a string' },
        'nonsense',
      ],
    });
    expect(error).toBeInstanceOf(InvalidRequestError);
    expect(error).toMatchObject({ code: 'invalid_request' });
    expect(error.message).toContain('body.user_id: Field required; body.tags.0: Not a string');
    expect(error.message).not.toContain('canary');
  });

  test.each([
    [{ detail: 'Not Found' }, 'http_404', 'Not Found'],
    [{ code: 'session_not_found', message: 'No such session' }, 'session_not_found', 'No such session'],
    [{ error: { code: 'gone', message: 'Gone' } }, 'gone', 'Gone'],
    [{ error: 'not found' }, 'http_404', 'not found'],
    [{ detail: { code: 7, message: null } }, 'http_404', 'no reason'],
    [{ detail: [] }, 'invalid_request', 'no reason'],
    ['<html>Not here</html>', 'http_404', 'no reason'],
    ['[1]', 'http_404', 'no reason'],
  ])('%j', (body, code, message) => {
    const error = errorOf(404, body);
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
  });

  test('the id of the call is taken from wherever it stands', () => {
    expect(errorOf(502, '<html>', { 'X-Request-Id': 'req_h' }).requestId).toBe('req_h');
    expect(errorOf(500, { message: 'm', request_id: 'req_b' }).requestId).toBe('req_b');
  });

  test('the wait that was asked for is told', () => {
    expect(errorOf(503, '', { 'Retry-After': '9' }).retryAfterMs).toBe(9_000);
  });
});

describe('secrets', () => {
  const token = 'canary+/= token';

  test('of the call are in no text of an error, however the vendor spells them', () => {
    const spellings = `${token} ${encodeURIComponent(token)} canary%2B%2F%3D+token canary%2b%2f%3d%20token`;
    const error = errorOf(
      404,
      { detail: { code: `c ${token}`, message: `nothing at ?token=${spellings}`, request_id: token } },
      {},
      ['key', token],
    );
    expect(`${error.message} ${error.code} ${error.requestId}`).not.toContain('canary');
    expect(error.message).toContain('[secret] [secret] [secret] [secret]');
  });

  test('an empty secret cleans nothing, and control characters are never kept', () => {
    expect(clean('one\r\ntwo\u001b', ['', '\ud800'])).toBe('one two ');
  });
});

test('the waits between retries are the documented ones', () => {
  const least = [0, 1, 2, 3, 4, 5, 6].map((retries) => retryWaitMs(retries, 0));
  const most = [0, 1, 2, 3, 4, 5, 6].map((retries) => retryWaitMs(retries, 1));
  expect(least).toEqual([750, 1_750, 3_750, 7_750, 15_750, 30_000, 30_000]);
  expect(most).toEqual([1_250, 2_250, 4_250, 8_250, 16_250, 30_000, 30_000]);
  expect(retryWaitMs(10_000)).toBe(30_000);
});
