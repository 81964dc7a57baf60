import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ResponseError } from '../../src/ilive/errors.ts';
import { readResult } from '../../src/ilive/results.ts';
import { readComparison, readDetection } from '../../src/ilive/results-faces.ts';
import { readCreatedSession } from '../../src/ilive/results-session.ts';

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
const read = (value: unknown) => readResult(bytes(value));

describe('the result of a session', () => {
  test('is read in whole', () => {
    const body = bytes({
      session_id: 's-1',
      status: 'completed',
      verdict: 'retry',
      confidence: 0.61,
      reference_id: 'user-1',
      completed_at: '2026-04-11T09:30:12.456789+00:00',
      photo_sha256: 'unheard of',
    });
    expect(readResult(body, 'S-1')).toEqual({
      status: 'completed',
      verdict: 'retry',
      confidence: 0.61,
      referenceId: 'user-1',
      occurredAt: '2026-04-11T09:30:12.456789Z',
    });
  });

  test.each(['pass', 'retry', 'fail'])('ends with the verdict %s whatever its state says', (verdict) => {
    expect(read({ verdict, status: 'pending' })).toMatchObject({ status: 'completed', verdict });
  });

  test.each([
    [{ status: 'pending' }, 'pending'],
    [{ status: 'created' }, 'pending'],
    [{ state: 'in_progress' }, 'pending'],
    [{ state: 'processing' }, 'pending'],
    [{ status: 'expired' }, 'expired'],
    [{ state: 'Abandoned' }, 'expired'],
    [{ status: 'completed' }, 'pending'],
    [{ status: 'expired', verdict: 'maybe' }, 'expired'],
    [{ verdict: 'PASS' }, 'pending'],
    [{ verdict: null }, 'pending'],
    [{ status: 7 }, 'pending'],
    [{}, 'pending'],
  ])('%j has no verdict and is %s', (value, status) => {
    expect(read(value)).toMatchObject({ status, verdict: null });
  });

  test('has no verdict lost over a field that cannot be read', () => {
    const value = {
      verdict: 'pass',
      confidence: 'high',
      status: [],
      reference_id: {},
      completed_at: 'today',
    };
    expect(read(value)).toEqual({
      status: 'completed',
      verdict: 'pass',
      confidence: null,
      referenceId: null,
      occurredAt: null,
    });
  });

  test('takes the second names where the first are missing', () => {
    const time = '2026-04-11T11:30:12+02:00';
    expect(read({ user_id: 'u', timestamp: time })).toMatchObject({
      referenceId: 'u',
      occurredAt: '2026-04-11T09:30:12.000000Z',
    });
    expect(read({ verdict_at: time }).occurredAt).toBe('2026-04-11T09:30:12.000000Z');
  });

  test('is refused when it is about another session', () => {
    const body = bytes({ session_id: 's-2', verdict: 'pass' });
    expect(() => readResult(body, 's-1')).toThrow(expect.objectContaining({ code: 'wrong_session' }));
    expect(readResult(body).verdict).toBe('pass');
  });

  test.each(['', 'null', '[]', '"pass"', '<html>', '{"verdict":'])('%j is no answer', (text) => {
    expect(() => readResult(Buffer.from(text))).toThrow(ResponseError);
  });

  test('any bytes are read or refused, and a refusal repeats none of them', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string({ minLength: 20 })), (text) => {
        try {
          expect(['completed', 'pending', 'expired']).toContain(readResult(Buffer.from(text)).status);
        } catch (error) {
          expect(error).toBeInstanceOf(ResponseError);
          if (text.length >= 20) expect((error as Error).message).not.toContain(text);
        }
      }),
    );
  });
});

describe('a created session', () => {
  test('needs an id and nothing else', () => {
    expect(readCreatedSession(bytes({ id: 's-1', token: null, session_url: 4 }))).toEqual({
      sessionId: 's-1',
      sessionUrl: null,
      token: null,
      expiresAt: null,
    });
    expect(() => readCreatedSession(bytes({ token: 't' }))).toThrow(ResponseError);
  });

  test('tells its end where the vendor does', () => {
    const { expiresAt } = readCreatedSession(
      bytes({ session_id: 's-1', expires_at: '2026-04-11T10:00:00.123456+00:00' }),
    );
    expect(expiresAt).toBe('2026-04-11T10:00:00.123456Z');
  });
});

describe('faces', () => {
  test('a comparison without a decision is decided by the threshold that was asked for', () => {
    expect(readComparison(bytes({ similarity: 0.5 }), 0.45)).toMatchObject({
      isMatch: true,
      threshold: 0.45,
    });
    expect(readComparison(bytes({ similarity: 0.4 }), 0.45)).toMatchObject({ isMatch: false });
    expect(readComparison(bytes({ similarity: 0.9, is_match: false }), 0.45).isMatch).toBe(false);
  });

  test.each([{ similarity: 0.5 }, { is_match: true }, { similarity: 0.9, is_match: 'yes' }])(
    '%j decides nothing',
    (value) => {
      expect(() => readComparison(bytes(value), undefined)).toThrow(ResponseError);
    },
  );

  test('attributes come in our spelling, and deep ones do not exhaust the stack', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`);
    const { faces, imageSize } = readDetection(
      bytes({
        faces: [
          {
            bounding_box: { left: 1, top: 2, width: 3, height: 4 },
            attributes: { eyes_open: { is_open: true }, pose: { roll: -3 }, deep },
          },
        ],
        image_size: { pixel_width: 480, height: 600 },
      }),
    );
    expect(faces[0]).toMatchObject({
      box: { left: 1, top: 2, width: 3, height: 4 },
      confidence: null,
      landmarks: [],
      attributes: { eyesOpen: { isOpen: true }, pose: { roll: -3 } },
    });
    expect(imageSize).toEqual({ pixelWidth: 480, height: 600 });
    expect(() => readDetection(bytes({ faces: [{ confidence: 1 }] }))).toThrow(ResponseError);
  });
});
