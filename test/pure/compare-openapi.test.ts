// What counts as a breaking change of the API: one case for each kind, and what does not.
import { describe, expect, test } from 'vitest';
import { findBreakingChanges } from '../../scripts/compare-openapi.ts';
import { rootOf } from '../../scripts/compare-schemas.ts';
import { session, smallApi } from '../fixtures/small-api.ts';

// biome-ignore lint/suspicious/noExplicitAny: each case changes what it likes
type Loose = any;

function changesOf(change: (parts: Loose) => void): string[] {
  const after = smallApi();
  const { get, post } = after.paths['/sessions'];
  const { properties: fields } = post.requestBody.content['application/json'].schema;
  const asked = post.requestBody.content['application/json'].schema;
  const { Session: answered } = after.components.schemas;
  change({ after, get, post, fields, asked, answered });
  return findBreakingChanges(rootOf(smallApi()), rootOf(after));
}

const list = 'GET /sessions:';
const make = 'POST /sessions:';

describe('it breaks callers when', () => {
  test.each<[string, (parts: Loose) => void, string]>([
    ['a path is gone', ({ after }) => delete after.paths['/health'], 'GET /health: it is gone'],
    ['a method is gone', ({ after }) => delete after.paths['/sessions'].post, `${make} it is gone`],
    [
      'an operation is renamed',
      ({ get }) => (get.operationId = 'all'),
      `${list} it is called all, not listSessions any more`,
    ],
    ['the role is raised', ({ get }) => (get['x-role'] = 'admin'), `${list} it asks for a key of role admin`],
    [
      'what was open asks for a key',
      ({ after }) => delete after.paths['/health'].get.security,
      'GET /health: it asks for a key of role reader',
    ],
    [
      'a parameter is gone',
      ({ get }) => get.parameters.shift(),
      `${list} the query parameter "state" is gone`,
    ],
    [
      'a parameter becomes required',
      ({ get }) => (get.parameters[2].required = true),
      `${list} the header parameter "Why" is required`,
    ],
    [
      'a new parameter is required',
      ({ get }) => get.parameters.push({ name: 'as', in: 'query', required: true, schema: {} }),
      `${list} the query parameter "as" is required`,
    ],
    [
      'a default changes',
      ({ get }) => (get.parameters[1].schema.default = 20),
      `${list} the query parameter "limit" has another default`,
    ],
    [
      'a limit of what is asked is lowered',
      ({ get }) => (get.parameters[1].schema.maximum = 100),
      `${list} the query parameter "limit" has another maximum`,
    ],
    [
      'a word is not taken any more',
      ({ get }) => get.parameters[0].schema.enum.pop(),
      `${list} the query parameter "state" does not take settled`,
    ],
    [
      'any text becomes certain words',
      ({ fields }) => (fields.name.enum = ['x']),
      `${make} the body: name takes certain words alone`,
    ],
    [
      'a body is asked for',
      ({ get }) => (get.requestBody = { required: true, content: {} }),
      `${list} it asks for a body`,
    ],
    ['a body is not taken', ({ post }) => delete post.requestBody, `${make} it takes no body any more`],
    [
      'the form of a body changes',
      ({ post }) => (post.requestBody.content = { 'text/plain': {} }),
      `${make} the body is not application/json any more`,
    ],
    [
      'a field becomes required',
      ({ asked }) => asked.required.push('mode'),
      `${make} the body: mode is required`,
    ],
    ['a field is not taken any more', ({ fields }) => delete fields.mode, `${make} the body: mode is gone`],
    [
      'a type of a field changes',
      ({ fields }) => (fields.name.type = 'integer'),
      `${make} the body: name is integer, not string`,
    ],
    [
      'null is not taken any more',
      ({ fields }) => (fields.when.type = 'string'),
      `${make} the body: when is string, not string or null`,
    ],
    [
      'a text must be shorter',
      ({ fields }) => (fields.name.maxLength = 5),
      `${make} the body: name has another maxLength`,
    ],
    [
      'a text gets a lower limit',
      ({ fields }) => (fields.name.minLength = 1),
      `${make} the body: name has another minLength`,
    ],
    [
      'a pattern is asked for',
      ({ fields }) => (fields.name.pattern = 'x'),
      `${make} the body: name has another pattern`,
    ],
    [
      'a choice takes fewer forms',
      ({ fields }) => fields.either.anyOf.pop(),
      `${make} the body: either takes fewer forms`,
    ],
    ['a status is gone', ({ get }) => delete get.responses[404], `${list} the answer 404 is gone`],
    ['a success is new', ({ get }) => (get.responses[202] = {}), `${list} the answer 202 is new`],
    [
      'an answer changes its form',
      ({ get }) => (get.responses[200].content = { 'text/plain': {} }),
      `${list} the answer 200 is not application/json any more`,
    ],
    [
      'an answered field is gone',
      ({ answered }) => delete answered.properties.note,
      `${list} the answer 200: note is gone`,
    ],
    [
      'an answered field may be missing',
      ({ answered }) => answered.required.pop(),
      `${list} the answer 200: verdict may be missing`,
    ],
    [
      'an answered type changes',
      ({ answered }) => (answered.properties.note.type = 'integer'),
      `${list} the answer 200: note is integer, not string`,
    ],
    [
      'an answered field may be null',
      ({ answered }) => (answered.properties.note.type = ['string', 'null']),
      `${list} the answer 200: note is string or null, not string`,
    ],
    [
      'an integer becomes a number',
      ({ answered }) => (answered.properties.counts.additionalProperties.type = 'number'),
      `${list} the answer 200: counts: any field is number, not integer`,
    ],
    [
      'an answered word is new',
      ({ answered }) => answered.properties.state.enum.push('odd'),
      `${list} the answer 200: state may be odd`,
    ],
    [
      'an answered word may be any',
      ({ answered }) => delete answered.properties.state.enum,
      `${list} the answer 200: state may be any word`,
    ],
    [
      'an answered number may be larger',
      ({ answered }) => delete answered.properties.score.maximum,
      `${list} the answer 200: score has another maximum`,
    ],
    [
      'items of an answer change',
      ({ answered }) => (answered.properties.tags.items = { type: 'object' }),
      `${list} the answer 200: tags: each is object, not string`,
    ],
    [
      'an answer may have another form',
      ({ answered }) => answered.properties.origin.anyOf.push({ type: 'string' }),
      `${list} the answer 200: origin may have another form`,
    ],
    [
      'what a shared answer refers to changes',
      ({ after }) => (after.components.schemas.Problem.properties = {}),
      `${list} the answer 404: code is gone`,
    ],
  ])('%s', (_what, change, expected) => {
    expect(changesOf(change)).toEqual([expected]);
  });
});

describe('it breaks nobody when', () => {
  test.each<[string, (parts: Loose) => void]>([
    ['nothing changes', () => {}],
    ['a path and a method are new', ({ after, get }) => (after.paths['/new'] = { get })],
    [
      'texts for people change',
      ({ get }) => Object.assign(get, { summary: 'x', description: 'y', tags: ['z'] }),
    ],
    ['the role is lowered', ({ post }) => (post['x-role'] = 'reader')],
    [
      'a parameter is new',
      ({ get }) => get.parameters.push({ name: 'as', in: 'query', required: false, schema: {} }),
    ],
    ['a word more is taken', ({ get }) => get.parameters[0].schema.enum.push('odd')],
    ['a limit of what is asked is raised', ({ get }) => (get.parameters[1].schema.maximum = 500)],
    ['a field more is taken', ({ fields }) => (fields.more = { type: 'string' })],
    ['a field need not be sent any more', ({ asked }) => asked.required.pop()],
    ['null is taken too', ({ fields }) => (fields.name.type = ['string', 'null'])],
    ['a format is not asked for any more', ({ fields }) => delete fields.when.format],
    ['a choice takes more forms', ({ fields }) => fields.either.anyOf.push({ type: 'boolean' })],
    ['a field more is answered', ({ answered }) => (answered.properties.more = { type: 'string' })],
    ['an answered field is always there', ({ answered }) => answered.required.push('note')],
    ['a word is not answered any more', ({ answered }) => answered.properties.state.enum.pop()],
    ['null is not answered any more', ({ answered }) => (answered.properties.verdict.type = 'string')],
    ['an answer has fewer forms', ({ answered }) => answered.properties.origin.anyOf.pop()],
    ['an error is new', ({ get }) => (get.responses[409] = { $ref: '#/components/responses/NotFound' })],
    [
      'a schema is written out where it was referred to',
      ({ get }) => (get.responses[200].content['application/json'].schema = session()),
    ],
  ])('%s', (_what, change) => {
    expect(changesOf(change)).toEqual([]);
  });
});
