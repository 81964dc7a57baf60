// Holds an answer against the OpenAPI document: is its status declared, its content type, and is its body what the schema
// says? Stricter than the published document: a field that is not declared is an error here, so that none is answered
// that nobody was promised. Pure: it is handed the answer, and gives back what is wrong with it.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import type { OpenApiDocument } from '../../src/http/openapi.ts';

export interface Answer {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: Buffer;
}

interface Declared {
  readonly path: string;
  readonly method: string;
  readonly responses: Readonly<Record<string, unknown>>;
}

export interface AnswerChecker {
  /** The template that a path matches, such as `/v1/sessions/{session_id}`; undefined for a path that is not ours. */
  readonly templateOf: (url: string) => string | undefined;
  /** What is wrong with the answer; undefined where nothing is. */
  readonly complaintOf: (answer: Answer) => string | undefined;
}

// Both packages are CommonJS, whose default export is the module itself.
const addFormats = addFormatsModule as unknown as (ajv: Ajv2020) => void;

export function createAnswerChecker(document: OpenApiDocument): AnswerChecker {
  // Handed in is a document that has schemas in it and is none itself, so that there is nothing to hold it against.
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });
  addFormats(ajv);
  ajv.addSchema(closed(document) as object, 'whole');
  ajv.addSchema(closed(withoutRequired(document)) as object, 'part');
  const complainOf = compileOnce(ajv);
  const templates = Object.keys(document.paths)
    .map((path) => ({ path, pattern: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}/?$`) }))
    // A fixed word goes before a parameter in its place.
    .sort((one, other) => (one.path.replaceAll('{', '~') < other.path.replaceAll('{', '~') ? -1 : 1));
  const templateOf = (url: string) => {
    const [path = ''] = url.split('?');
    return templates.find(({ pattern }) => pattern.test(path))?.path;
  };
  return {
    templateOf,
    complaintOf: (answer) => {
      const path = templateOf(answer.url);
      if (path === undefined) return undefined;
      const method = answer.method === 'HEAD' ? 'get' : answer.method.toLowerCase();
      const operation = document.paths[path]?.[method];
      if (operation === undefined) return complainOfMethod(answer);
      const responses = operation.responses as Declared['responses'];
      return complainOfAnswer(complainOf, document, { path, method, responses }, answer);
    },
  };
}

/** What is wrong with a value by the schema at an address; undefined where nothing is. */
type ComplainOf = (ref: string, value: unknown) => string | undefined;

// To compile a schema takes a thousand times as long as to hold an answer against it, and every answer of a test run is held.
function compileOnce(ajv: Ajv2020): ComplainOf {
  const compiled = new Map<string, ValidateFunction>();
  return (ref, value) => {
    const validate = compiled.get(ref) ?? ajv.compile({ $ref: ref });
    compiled.set(ref, validate);
    if (validate(value)) return undefined;
    return ajv.errorsText(validate.errors, { dataVar: 'body' }) + unknownNames(validate.errors);
  };
}

function complainOfMethod({ method, status, contentType }: Answer): string | undefined {
  // A browser asks whether a page of another origin may call at all.
  if (method === 'OPTIONS' && status === 204) return undefined;
  // 401 where the gate came first, or one of those that stand before it.
  if ([401, 405, 429].includes(status) && contentType?.startsWith('application/problem+json'))
    return undefined;
  return `the method is not declared, and the status is not 405`;
}

function complainOfAnswer(
  complainOf: ComplainOf,
  document: OpenApiDocument,
  { path, method, responses }: Declared,
  answer: Answer,
): string | undefined {
  const declared = responses[answer.status] as { $ref?: string } | undefined;
  if (declared === undefined) return 'the status is not declared';
  const at = declared.$ref ?? `#/paths/${escapeStep(path)}/${method}/responses/${answer.status}`;
  const { content } = find(document, at) as { content?: Record<string, unknown> };
  if (answer.method === 'HEAD') return undefined;
  if (content === undefined) return answer.body.length > 0 ? 'it has a body and declares none' : undefined;
  const contentType = answer.contentType?.split(';')[0] ?? 'none';
  if (!Object.hasOwn(content, contentType)) return `the content type ${contentType} is not declared`;
  if (!/json$/.test(contentType)) return undefined;
  const isPart = new URL(answer.url, 'http://a').searchParams.has('fields');
  const ref = `${isPart ? 'part' : 'whole'}${at}/content/${escapeStep(contentType)}/schema`;
  return complainOf(ref, parse(answer.body));
}

function unknownNames(errors: readonly { params: Record<string, unknown> }[] | null | undefined): string {
  const names = (errors ?? []).flatMap(
    ({ params }) => params.additionalProperty ?? params.unevaluatedProperty ?? [],
  );
  return names.length === 0 ? '' : ` (${names.join(', ')})`;
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The part that a pointer such as `#/paths/~1v1` leads to. */
function find(document: unknown, pointer: string): unknown {
  return pointer
    .slice(2)
    .split('/')
    .map((step) => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((at, step) => (at as Record<string, unknown> | undefined)?.[step], document);
}

function escapeStep(step: string): string {
  return encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'));
}

/** Every object takes what it declares and nothing else. */
function closed(value: unknown): unknown {
  return mapSchemas(value, (schema) => {
    if (Array.isArray(schema.allOf)) return { unevaluatedProperties: false, ...schema };
    return typeof schema.properties === 'object' && schema.type === 'object'
      ? { additionalProperties: false, ...schema }
      : schema;
  });
}

/** Nothing has to be there: what an answer to `?fields=` may be. */
function withoutRequired(value: unknown): unknown {
  return mapSchemas(value, ({ required, ...schema }) =>
    Array.isArray(required) ? schema : { required, ...schema },
  );
}

function mapSchemas(
  value: unknown,
  change: (schema: Record<string, unknown>) => Record<string, unknown>,
  isOpen = false,
): unknown {
  if (Array.isArray(value)) return value.map((item) => mapSchemas(item, change, isOpen));
  if (typeof value !== 'object' || value === null) return value;
  const inner = Object.entries(value)
    .filter(([, part]) => part !== undefined)
    // A part of allOf knows only some of the fields; the whole is closed instead.
    .map(([key, part]) => [key, mapSchemas(part, change, key === 'allOf')]);
  const mapped = Object.fromEntries(inner) as Record<string, unknown>;
  return isOpen ? mapped : change(mapped);
}
