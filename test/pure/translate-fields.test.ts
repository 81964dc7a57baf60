// Single fields as they are read: ids of a wrong type, long numbers, long words. Whatever they hold, the rest counts.
import { expect, test } from 'vitest';
import { pulled, read, verdict } from '../support/translating.ts';

test.each([
  ['user-1', 'user-1', undefined],
  [12345, '12345', undefined],
  ['', null, undefined],
  [null, null, undefined],
  ['x'.repeat(513), null, 'left out, as no id: reference_id'],
  [{ id: 1 }, null, 'left out, as no id: reference_id'],
  [true, null, 'left out, as no id: reference_id'],
  ['user\0-1', null, 'left out, as no id: reference_id'],
  ['user-\ud83d', null, 'left out, as no id: reference_id'],
])('a reference of %j is %j, and a verdict all the same', (reference_id, referenceId, detail) => {
  const answer = read({ ...verdict, reference_id });
  expect(answer).toMatchObject({ ok: true, event: { verdict: 'pass', referenceId } });
  expect('detail' in answer ? answer.detail : undefined).toBe(detail);
  const stored = pulled(JSON.stringify({ verdict: 'pass', reference_id }));
  expect(stored).toMatchObject({ ok: true, event: { verdict: 'pass', referenceId } });
});

test('so are the ids of face matches and alerts', () => {
  const match = { event: 'face.matched', similarity: 0.9, match_id: ['m'], face_id: 7, session_id: '' };
  expect(read(match)).toMatchObject({
    event: { matchId: expect.stringMatching(/^sha256:/), faceId: '7', sessionId: null },
    detail: 'left out, as no id: match_id',
  });
  const alert = {
    event: 'compliance.alert',
    alert_id: 'a-1',
    session_id: {},
    reference_id: 'x'.repeat(513),
  };
  expect(read(alert)).toMatchObject({
    event: { alertId: 'a-1', sessionId: null, referenceId: null },
    detail: 'left out, as no id: session_id, reference_id',
  });
});

test('a number that JavaScript would round stays the text that it was', () => {
  const details =
    '{"case":9007199254740993,"small":42,"share":0.25,"cases":[-12345678901234567890],"huge":1e400}';
  expect(
    read(`{"event":"compliance.alert","alert_id":90071992547409931,"details":${details}}`),
  ).toMatchObject({
    event: {
      alertId: '90071992547409931',
      details: {
        case: '9007199254740993',
        small: 42,
        share: 0.25,
        cases: ['-12345678901234567890'],
        huge: '1e400',
      },
    },
  });
  expect(pulled('{"verdict":"pass","user_id":9007199254740993}')).toMatchObject({
    event: { referenceId: '9007199254740993' },
  });
});

test('a long severity or category is cut, and what is cut can be stored', () => {
  const long = `${'x'.repeat(199)}😀 and more`;
  expect(read({ event: 'compliance.alert', severity: long, category: long })).toMatchObject({
    event: { severity: `${'x'.repeat(199)}\uFFFD`, category: `${'x'.repeat(199)}\uFFFD` },
  });
});

test.each(['Cam\0', 'Cam \ud83d'])(
  'what Postgres cannot hold, %j, costs nothing where nobody stores it',
  (text) => {
    const camera_metadata = { label: text, [text]: [text] };
    const said = { ok: true, event: { sessionId: 's-1', verdict: 'pass' } };
    const told = read({ ...verdict, camera_metadata });
    expect(told).toMatchObject(said);
    expect(told).not.toHaveProperty('detail');
    const answer = { verdict: 'pass', reference_id: 'user-1' };
    expect(pulled(JSON.stringify({ ...answer, camera_metadata }))).toMatchObject({
      ok: true,
      event: { verdict: 'pass', referenceId: 'user-1' },
    });
  },
);

test('and of a match or an alert it costs what holds it, and no more', () => {
  const match = { event: 'face.matched', similarity: 0.9, face_id: 'f\0', external_face_id: 'e-1' };
  expect(read(match)).toMatchObject({
    event: { faceId: null, externalFaceId: 'e-1' },
    detail: 'left out, as no id: face_id',
  });
  const alert = {
    event: 'compliance.alert',
    alert_id: 'a-1',
    severity: 'high',
    category: 'c\0',
    message: '\ud800',
  };
  expect(read({ ...alert, session_id: 's\0', details: { list: ['\0'] } })).toMatchObject({
    event: {
      alertId: 'a-1',
      sessionId: null,
      severity: 'high',
      category: null,
      message: null,
      details: null,
    },
    detail:
      'left out, as no id: session_id; left out, as nothing that Postgres can hold: category, message, details',
  });
});
