// What the OpenAPI document makes of a route, tried on routes of its own.
import { expect, test } from 'vitest';
import { z } from 'zod';
import { buildOpenApi } from '../../src/http/openapi.ts';
import { nameOperation } from '../../src/http/openapi-names.ts';
import { operation, reply, streamOperation } from '../../src/http/operation.ts';
import { pageParameters, searchText, timeText } from '../../src/http/query.ts';
import type { Route } from '../../src/http/routes.ts';

const thing = z.object({ id: z.string(), size: z.enum(['s', 'l']).nullable() }).meta({ id: 'Thing' });

const show = operation({
  path: { thing_id: searchText },
  query: { from: timeText.optional().describe('Since when.'), as: z.string(), ...pageParameters },
  headers: { 'if-none-match': z.string().optional() },
  answers: { 200: thing, 304: null },
  errors: ['not_found', 'gone'],
  answer: async () => reply(304, null),
});
const follow = streamOperation({ event: thing, stream: async () => {} });

const routes: readonly Route[] = [
  { method: 'GET', path: '/v1/things/:thing_id', role: 'operator', operation: show, summary: 'one thing' },
  { method: 'GET', path: '/v1/stream', role: 'reader', operation: follow, summary: 'all', name: 'follow' },
];
const document = buildOpenApi(routes, '1.2.3');
const one = document.paths['/v1/things/{thing_id}']?.get;

test('parameters have the types that a caller sends, and say what stands for those that are left out', () => {
  expect(one?.parameters).toEqual([
    {
      name: 'thing_id',
      in: 'path',
      required: true,
      schema: { type: 'string', minLength: 1, maxLength: 512 },
    },
    {
      name: 'from',
      in: 'query',
      required: false,
      description: 'Since when.',
      schema: { type: 'string', format: 'date-time' },
    },
    { name: 'as', in: 'query', required: true, schema: { type: 'string' } },
    {
      name: 'limit',
      in: 'query',
      required: false,
      description: 'How many at most.',
      schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
    },
    expect.objectContaining({ name: 'cursor', required: false }),
    { name: 'If-None-Match', in: 'header', required: false, schema: { type: 'string' } },
  ]);
});

test('answers are those of the operation and those that any may give; only errors that are used are there', () => {
  const { responses } = one as { responses: Record<string, object> };
  expect(Object.keys(responses)).toEqual([
    ...['200', '304', '400', '401', '403', '404', '410', '429', '500', '503'],
  ]);
  expect(responses['304']).not.toHaveProperty('content');
  expect(responses['410']).toEqual({ $ref: '#/components/responses/Gone' });
  expect(document.components.responses).not.toHaveProperty('Conflict');
  expect(one).toMatchObject({ operationId: 'getThing', tags: ['things'], 'x-role': 'operator' });
});

test('headers that a caller goes by are told', () => {
  const { responses } = one as { responses: Record<string, object> };
  for (const status of ['200', '304'])
    expect(responses[status]).toHaveProperty(['headers', 'ETag', '$ref'], '#/components/headers/ETag');
  const create = operation({
    answers: { 201: thing },
    errors: ['conflict', 'in_progress'],
    answer: async () => reply(201, { id: '1', size: null }),
  });
  const made: Route = { method: 'POST', path: '/v1/things', role: 'reader', operation: create, summary: 'x' };
  const { paths, components } = buildOpenApi([made], '1');
  expect(paths['/v1/things']?.post).not.toHaveProperty(['responses', '201', 'headers', 'ETag']);
  for (const name of ['Conflict', 'TooManyRequests', 'ServiceUnavailable'])
    expect(components.responses?.[name], name).toHaveProperty(['headers', 'Retry-After']);
  expect(components.responses?.NotFound).toBeUndefined();
});

test('an example of a body is shown, also where a text in it is read as something else', () => {
  const body = z.strictObject({ at: timeText.optional() }).meta({ examples: [{}] });
  const make = operation({ body, answers: { 202: null }, answer: async () => reply(202, null) });
  const made: Route = { method: 'POST', path: '/v1/things', role: 'reader', operation: make, summary: 'x' };
  expect(buildOpenApi([made], '1').paths['/v1/things']?.post).toHaveProperty(
    ['requestBody', 'content', 'application/json', 'schema', 'examples'],
    [{}],
  );
});

test('each problem shows a code of its own', () => {
  expect(document.components.responses?.TooManyRequests).toHaveProperty(
    ['content', 'application/problem+json', 'example'],
    expect.objectContaining({ title: 'Too Many Requests', status: 429, code: 'rate_limited' }),
  );
});

test('a schema with an id is a component that leaves room for more fields', () => {
  expect(one?.responses).toHaveProperty(
    ['200', 'content', 'application/json', 'schema', '$ref'],
    '#/components/schemas/Thing',
  );
  expect(document.components.schemas?.Thing).toEqual({
    type: 'object',
    properties: { id: { type: 'string' }, size: { type: ['string', 'null'], enum: ['s', 'l', null] } },
    required: ['id', 'size'],
  });
  const other = operation({
    answers: { 200: z.object({ id: z.int() }).meta({ id: 'Thing' }) },
    answer: async () => reply(200, { id: 1 }),
  });
  const clash: Route = { method: 'GET', path: '/v1/other', role: 'reader', operation: other, summary: 'x' };
  expect(() => buildOpenApi([...routes, clash], '1')).toThrow('two different schemas have the id Thing');
});

test('a stream says what its events are', () => {
  expect(document.paths['/v1/stream']?.get).toMatchObject({
    operationId: 'follow',
    responses: {
      200: { content: { 'text/event-stream': { 'x-event': { $ref: '#/components/schemas/Thing' } } } },
    },
  });
});

test.each([
  ['GET', '/v1/sessions', 'listSessions'],
  ['GET', '/v1/sessions/:session_id', 'getSession'],
  ['GET', '/v1/sessions/:session_id/verdict', 'getSessionVerdict'],
  ['GET', '/v1/changes', 'listChanges'],
  ['GET', '/v1/completeness', 'getCompleteness'],
  ['GET', '/v1/ops/status', 'getStatus'],
  ['GET', '/v1/ops/deliveries/:delivery_id/body', 'getDeliveryBody'],
  ['GET', '/v1/subjects/:reference_id', 'getSubject'],
  ['POST', '/v1/sessions', 'createSession'],
  ['POST', '/v1/ops/pause', 'pause'],
  ['POST', '/v1/ops/replays/:replay_id/pause', 'pauseReplay'],
  ['POST', '/v1/compliance-alerts/:alert_id/acknowledge', 'acknowledgeComplianceAlert'],
  ['POST', '/v1/ops/refusals/purge', 'purgeRefusals'],
  ['PUT', '/v1/face-matches/:match_id', 'putFaceMatch'],
])('%s %s is called %s', (method, path, name) => {
  expect(nameOperation(method, path)).toBe(name);
});
