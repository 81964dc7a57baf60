// The OpenAPI document, made from the table of routes and the very schemas that read requests and type answers, so that
// it cannot say anything else than what the service does. Pure: the same routes give the same document, byte for byte.
import type { z } from 'zod';
import type { ErrorCode } from '../errors.ts';
import { titles } from './error-response.ts';
import { nameOperation, tagOf } from './openapi-names.ts';
import { openPaths } from './openapi-open-paths.ts';
import { createSchemaWriter, type JsonSchema, type SchemaWriter } from './openapi-schemas.ts';
import { problemCodes } from './problem-codes.ts';
import { codesByStatus, problem, shownCodes } from './problem-shape.ts';
import type { Route } from './routes.ts';

export interface OpenApiDocument extends JsonSchema {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, JsonSchema>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, JsonSchema>>>>;
}

/** What every operation behind the gate may answer, whatever it does. */
const alwaysPossible: readonly ErrorCode[] = [
  'invalid_request',
  'unauthorized',
  'forbidden',
  'rate_limited',
  'internal',
  'unavailable',
  'overloaded',
];

const about = `What internal services ask instead of the vendor: is this person verified, since when, and who says so.

Every path under \`/v1\` asks for a key: \`Authorization: Bearer <key>\`. A key's role is \`reader\`, \`operator\` or \`admin\`; each may do what the
ones before it may. Errors are \`application/problem+json\` with a \`code\` for programs and a \`request_id\`. Times are RFC 3339 in UTC, to the
microsecond. A query parameter or a field of a body that an operation does not know is a 400. An answer may get fields that are not here yet.`;

/** The document of `routes` and of the paths that ask for no key. */
export function buildOpenApi(routes: readonly Route[], version: string): OpenApiDocument {
  const schemas = createSchemaWriter();
  const problemRef = schemas.write(problem, 'output');
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describeRoute(route, schemas) };
  }
  Object.assign(paths, openPaths(schemas, problemRef));
  const tags = new Set(Object.values(paths).flatMap(tagsUsed));
  return {
    openapi: '3.1.1',
    info: {
      title: 'ilive-webhooks',
      version,
      description: about,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'Where this document came from.' }],
    security: [{ key: [] }],
    tags: [...tags].map((name) => ({ name, description: tagDescriptions[name] ?? name })),
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'A key to this API.' } },
      headers: sharedHeaders,
      responses: problemResponses(problemRef, [...new Set(routes.flatMap(codesOf))]),
      schemas: schemas.components(),
    },
  };
}

function tagsUsed(operations: Readonly<Record<string, JsonSchema>>): string[] {
  return Object.values(operations).flatMap(({ tags }) => tags as string[]);
}

const tagDescriptions: Readonly<Record<string, string>> = {
  sessions: 'Verifications of persons, and what became of them.',
  facts: 'Face matches and compliance alerts.',
  subjects: 'All that is known of one person.',
  changes: 'What happened, in order, without a gap.',
  deliveries: 'What iLive told us, and what was made of it.',
  operating: 'For who is on call.',
  replays: 'Stored deliveries, processed again.',
  refusals: 'Requests that did not prove that they came from iLive.',
  secrets: 'The secrets that iLive signs with.',
  keys: 'The keys to this API.',
  audit: 'What operators did.',
  webhook: 'What iLive calls.',
  surroundings: 'For load balancers and monitoring.',
};

function codesOf({ operation }: Pick<Route, 'operation'>): ErrorCode[] {
  return [...alwaysPossible, ...operation.errors];
}

function describeRoute({ method, path, role, operation, summary, name }: Route, schemas: SchemaWriter) {
  const problems = [...codesByStatus(codesOf({ operation })).keys()].map((status) => [
    String(status),
    { $ref: `#/components/responses/${problemName(status)}` },
  ]);
  return {
    operationId: name ?? nameOperation(method, path),
    summary: `${summary.charAt(0).toUpperCase()}${summary.slice(1)}`,
    description: `Asks for a key of role \`${role}\`${role === 'admin' ? '' : ' or above'}.`,
    tags: [tagOf(path)],
    'x-role': role,
    parameters: [
      ...describeParameters('path', operation.path, schemas),
      ...describeParameters('query', operation.query, schemas),
      ...describeParameters('header', operation.headers, schemas),
    ],
    ...(operation.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemas.write(operation.body, 'input') } },
          },
        }),
    responses: { ...describeAnswers(operation, schemas), ...Object.fromEntries(problems) },
  };
}

function describeParameters(
  place: 'path' | 'query' | 'header',
  shape: Route['operation']['path'],
  schemas: SchemaWriter,
): JsonSchema[] {
  return Object.entries(shape).map(([name, type]) => {
    const read = type as z.ZodType;
    const { description, ...schema } = schemas.write(read, 'input');
    return {
      name: place === 'header' ? headerCase(name) : name,
      in: place,
      required: !read.safeParse(undefined).success,
      ...(description === undefined ? {} : { description }),
      // Given once, with commas.
      ...(schema.type === 'array' ? { style: 'form', explode: false } : {}),
      schema,
    };
  });
}

const successes: Readonly<Record<number, string>> = {
  200: 'What was asked for.',
  201: 'What was made.',
  202: 'It was taken, and will be done.',
  204: 'Done; there is nothing to show.',
  304: 'It is still what the caller has.',
};

function describeAnswers({ answers, contentType }: Route['operation'], schemas: SchemaWriter) {
  const isStream = contentType !== 'application/json';
  return Object.fromEntries(
    Object.entries(answers).map(([status, body]) => [
      status,
      {
        description: successes[Number(status)] ?? 'Done.',
        headers: {
          'X-Request-Id': { $ref: '#/components/headers/RequestId' },
          // What can be told unchanged is what has one.
          ...(304 in answers ? { ETag: { $ref: '#/components/headers/ETag' } } : {}),
        },
        ...(body === null
          ? {}
          : {
              content: {
                [contentType]: isStream
                  ? {
                      schema: {
                        type: 'string',
                        description: 'Server-sent events, each with data of x-event.',
                      },
                      'x-event': schemas.write(body, 'output'),
                    }
                  : { schema: schemas.write(body, 'output') },
              },
            }),
      },
    ]),
  );
}

/** The problems that operations refer to, by name. */
function problemResponses(schema: JsonSchema, used: readonly ErrorCode[]): Record<string, JsonSchema> {
  return Object.fromEntries(
    [...codesByStatus(shownCodes.filter((code) => used.includes(code)))].map(([status, codes]) => [
      problemName(status),
      {
        description: `${titles[status]}. ${codes.map(tellCode).join(' ')}`,
        headers: {
          'X-Request-Id': { $ref: '#/components/headers/RequestId' },
          ...(status === 503 || status === 429 || codes.includes('in_progress')
            ? { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } }
            : {}),
        },
        content: { 'application/problem+json': { schema, example: exampleOf(status, codes) } },
      },
    ]),
  );
}

/** A problem with its own status and code: what a viewer makes of the schema alone has the first code there is. */
function exampleOf(status: number, [code]: readonly ErrorCode[]): JsonSchema {
  const detail = 'What and why, for people.';
  const request_id = '0b6cf0c6-4a0c-4f0e-9c3c-9d6a4f4a2f57';
  return { type: 'about:blank', title: titles[status], status, code, detail, request_id };
}

function tellCode(code: ErrorCode): string {
  return `\`${code}\`: ${problemCodes.find((each) => each.code === code)?.means}`;
}

const sharedHeaders = {
  RequestId: {
    description: 'The X-Request-Id of the request where it had a plain one, else one of ours.',
    schema: { type: 'string' },
  },
  ETag: {
    description: 'Send it as If-None-Match: what has not changed is a 304 without a body.',
    schema: { type: 'string' },
  },
  RetryAfter: { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 0 } },
};

/** 404 → `NotFound`. */
function problemName(status: number): string {
  return (titles[status] ?? `Status${status}`).replaceAll(' ', '');
}

/** `idempotency-key` → `Idempotency-Key`. */
function headerCase(name: string): string {
  return name.replace(/(^|-)(\w)/g, (_all, dash: string, letter: string) => `${dash}${letter.toUpperCase()}`);
}
