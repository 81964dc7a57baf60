import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { commonVendorKinds } from '../../src/db/schema-look-ups.ts';
import { catalogueKinds } from '../../src/ilive/translate.ts';
import { pulled, read, verdict } from '../support/translating.ts';

function fixture(name: string): Buffer {
  return readFileSync(new URL(`../fixtures/ilive/${name}.json`, import.meta.url));
}

test('reads the documented verdict, field by field', () => {
  expect(read(fixture('documented/liveness.verdict'))).toEqual({
    ok: true,
    vendorKind: 'liveness.verdict',
    event: {
      kind: 'session_completed',
      deliveryId: '0199-id',
      source: 'webhook',
      sessionId: 'a1b2c3d4-e5f6-7890-abcd-ef1234567890',
      verdict: 'pass',
      confidence: 0.8732,
      referenceId: 'user-12345',
      occurredAt: '2026-04-11T09:30:12.456789Z',
      fingerprint: createHash('sha256').update(fixture('documented/liveness.verdict')).digest('hex'),
    },
  });
});

test('reads the assumed face match and compliance alert', () => {
  expect(read(fixture('assumed/face.matched'))).toMatchObject({
    event: {
      kind: 'face_matched',
      matchId: 'match-1',
      faceId: 'face-9',
      collectionId: 'customers',
      similarity: 0.91,
      threshold: 0.45,
      isMatch: true,
      occurredAt: '2026-04-11T09:30:13.000001Z',
    },
  });
  expect(read(fixture('assumed/compliance.alert'))).toMatchObject({
    event: {
      kind: 'compliance_alert',
      alertId: 'alert-1',
      severity: 'high',
      category: 'duplicate_identity',
      details: { other_reference_id: 'user-777', scores: [0.91, 0.88] },
    },
  });
});

describe('is tolerant where it costs no meaning', () => {
  test('fields that we do not know are let through, optional ones may be absent, null or of a wrong type', () => {
    const odd = { ...verdict, confidence: 'high', reference_id: null, timestamp: 12, extra: { deep: [1] } };
    expect(read(odd)).toMatchObject({
      ok: true,
      event: { verdict: 'pass', confidence: null, referenceId: null },
    });
    expect(read(verdict)).toMatchObject({ ok: true, event: { verdict: 'pass', confidence: null } });
  });

  test('a match needs a similarity or an answer, an alert any one thing that says what it is about', () => {
    expect(read({ event: 'face.matched', is_match: false })).toMatchObject({
      ok: true,
      event: { isMatch: false },
    });
    for (const field of ['alert_id', 'severity', 'category', 'message']) {
      expect(read({ event: 'compliance.alert', [field]: 'x' })).toMatchObject({
        ok: true,
        event: { details: null },
      });
    }
  });

  test('without a time in the payload the signed header counts, and without that the receipt', () => {
    expect(read(verdict, 1_775_900_000)).toMatchObject({
      event: { occurredAt: '2026-04-11T09:33:20.000000Z' },
    });
    expect(read(verdict)).toMatchObject({ event: { occurredAt: '2026-04-11T10:00:00.000000Z' } });
  });

  test.each([
    ['9999-12-31T23:59:59Z', '2026-04-11T09:33:20.000000Z'],
    ['2026-04-11T09:38:20.001000Z', '2026-04-11T09:33:20.000000Z'],
    ['2026-04-11T09:38:20.000000Z', '2026-04-11T09:38:20.000000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000000Z'],
  ])('nothing has happened long after it was told: %s is %s', (timestamp, occurredAt) => {
    expect(read({ ...verdict, timestamp }, 1_775_900_000)).toMatchObject({ event: { occurredAt } });
  });

  test('nor after iLive has answered it', () => {
    expect(pulled('{"verdict":"pass","completed_at":"9999-12-31T23:59:59Z"}')).toMatchObject({
      event: { occurredAt: '2026-04-11T10:00:00.000000Z' },
    });
  });

  test.each(['session.completed', 'session.finished'])('%s is another name of the verdict', (event) => {
    expect(read({ ...verdict, event })).toMatchObject({
      ok: true,
      vendorKind: event,
      event: { verdict: 'pass' },
    });
  });

  test('a face match and an alert without an id of their own are told apart by their bytes', () => {
    const first = read({ event: 'face.matched', similarity: 0.5 });
    const second = read({ event: 'face.matched', similarity: 0.6 });
    expect(first).toMatchObject({ event: { matchId: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) } });
    expect(first).not.toEqual(second);
    expect(read({ event: 'face.matched', similarity: 0.5 })).toEqual(first);
  });
});

describe('says why it cannot read', () => {
  test.each([
    ['invalid_utf8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
    ['invalid_json', '{"event":"liveness.verdict","session_id":"s'],
    ['invalid_json', ''],
    ['not_an_object', '[]'],
    ['not_an_object', 'null'],
    ['not_an_object', '"liveness.verdict"'],
    ['unreadable_body', { ...verdict, verdict: 'maybe' }],
    ['unreadable_body', { ...verdict, session_id: undefined }],
    ['unreadable_body', { ...verdict, session_id: 'x'.repeat(513) }],
    ['unreadable_body', { event: 'face.matched', match_id: 'm' }],
    ['unreadable_body', { event: 'compliance.alert', details: {} }],
    ['unstorable_text', '{"event":"liveness.verdict","session_id":"a\\u0000b","verdict":"pass"}'],
    ['unstorable_text', '{"event":"liveness.verdict","session_id":"a\\ud83d","verdict":"pass"}'],
    ['unreadable_body', '{"event":"compliance.alert","message":"\\u0000"}'],
  ])('%s', (reason, body) => {
    expect(read(body)).toMatchObject({ ok: false, reason });
  });

  test('an escaped backslash before "u0000" is only text', () => {
    expect(read(`{"event":"liveness.verdict","session_id":"a\\\\u0000b","verdict":"pass"}`)).toMatchObject({
      ok: true,
    });
  });

  test('details that are nested too deep are left out of their alert', () => {
    const details = '['.repeat(20_000) + ']'.repeat(20_000);
    expect(read(`{"event":"compliance.alert","alert_id":"a","details":${details}}`)).toMatchObject({
      event: { alertId: 'a', details: null },
      detail: 'left out, as nothing that Postgres can hold: details',
    });
  });

  test('the detail names fields and never their values', () => {
    const answer = read({ ...verdict, verdict: 'secret-value' });
    expect(answer).toMatchObject({ detail: expect.stringContaining('verdict') });
    expect(JSON.stringify(answer)).not.toContain('secret-value');
  });

  test('a kind that nobody knows is an unknown event, an ignored kind is one too and says so', () => {
    expect(read({ event: 'session.paused' })).toMatchObject({
      ok: true,
      event: { kind: 'unknown', isIgnored: false },
      vendorKind: 'session.paused',
    });
    expect(read({ event: 'session.started' })).toMatchObject({
      ok: true,
      event: { kind: 'unknown', isIgnored: true },
    });
    expect(read({ session_id: 's' })).toMatchObject({
      ok: true,
      event: { kind: 'unknown' },
      vendorKind: null,
    });
    expect(read({ event: '__proto__' })).toMatchObject({ ok: true, event: { kind: 'unknown' } });
  });
});

test('no bytes and no JSON make it throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void read(Buffer.from(bytes))));
  const kind = fc.constantFrom('liveness.verdict', 'face.matched', 'compliance.alert', 'x');
  fc.assert(
    fc.property(
      kind,
      fc.dictionary(fc.string(), fc.jsonValue()),
      (event, fields) => void read({ ...fields, event }),
    ),
  );
});

test('whatever an event says can be stored', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '\\', '\0', '\ud83d', '\ude00', 'u0000') });
  const names = [
    'session_id',
    'reference_id',
    'match_id',
    'alert_id',
    'severity',
    'category',
    'message',
    'details',
  ];
  const fields = fc.dictionary(fc.constantFrom(...names), fc.oneof(text, fc.array(text)));
  const kind = fc.constantFrom('liveness.verdict', 'face.matched', 'compliance.alert');
  fc.assert(
    fc.property(kind, fields, (event, said) => {
      const answer = read({ verdict: 'pass', is_match: true, ...said, event });
      JSON.stringify(answer, (name, value) => {
        for (const part of [name, value]) {
          if (typeof part === 'string') expect(part.isWellFormed() && !part.includes('\0')).toBe(true);
        }
        return value;
      });
    }),
  );
});

test('the names of a verdict are those that the index of rare names leaves out', () => {
  const names = [...catalogueKinds({}, [])].filter(([, kind]) => kind === 'session_completed');
  expect(names.map(([name]) => name).sort()).toEqual([...commonVendorKinds].sort());
});
