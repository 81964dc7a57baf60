// Requests made from nothing but the OpenAPI document: such as fit it, and such as break it in one place or in several.
// It knows no operation; what a word means is handed in as `known`, values by the name of their parameter or field.
import fc from 'fast-check';
import type { OpenApiDocument } from '../../src/http/openapi.ts';

type Schema = Readonly<Record<string, unknown>>;

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly schema: Schema;
}

export interface MadeRequest {
  /** Path and query, encoded. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

type Known = Readonly<Record<string, readonly string[]>>;

const itemsMax = 4;
const textMax = 40;
const depthMax = 4;

// What a database or a clock chokes on where nothing stands before it.
const worst = ['a\u0000b', '\ud800', '9'.repeat(30), '9999-12-31T23:59:59.999999-23:59', 'W10'];

// What has broken services before, at any place.
const nasty = fc.constantFrom<unknown>(
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '%',
  '..',
  "' or 1=1 --",
  '__proto__',
  'null',
  'NaN',
  '-1',
  '0',
  '1e309',
  '9'.repeat(30),
  '9999-99-99T99:99:99Z',
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59.999999-23:59',
  '2026-01-01',
  '😀'.repeat(20),
  'x'.repeat(3_000),
  'eyJhIjoxfQ',
  'WyIiXQ',
  'W10',
);
const nastyJson = fc.oneof(
  nasty,
  fc.constantFrom<unknown>(null, true, -1, 0.5, 1e300, Number.MAX_SAFE_INTEGER, [], {}, [[]], {
    a: { b: [] },
  }),
);
const nastyBodies = fc.constantFrom(
  '',
  '{',
  '[]',
  'null',
  '"x"',
  '{"a":1,"a":2}',
  '[['.repeat(5_000),
  '\u00ff',
  '{}',
);

interface Making {
  readonly document: OpenApiDocument;
  readonly known: Known;
  /** Whether what is made may break the schema here and there. */
  readonly isBroken: boolean;
}

/** Requests to one operation. */
export function arbitraryRequest(
  document: OpenApiDocument,
  path: string,
  method: string,
  known: Known,
): fc.Arbitrary<MadeRequest> {
  const operation = document.paths[path]?.[method] ?? {};
  return fc.oneof(
    { arbitrary: requestOf({ document, known, isBroken: false }, path, operation), weight: 3 },
    { arbitrary: requestOf({ document, known, isBroken: true }, path, operation), weight: 2 },
  );
}

function requestOf(making: Making, path: string, operation: Schema): fc.Arbitrary<MadeRequest> {
  const parameters = (operation.parameters ?? []) as Parameter[];
  const values = fc.record(
    Object.fromEntries(
      parameters.map(({ name, in: place, required, schema }) => {
        const value = mayBe(making, arbitraryValue(making, schema, name, 0), nasty);
        return [`${place} ${name}`, required ? value : fc.option(value, { nil: undefined, freq: 2 })];
      }),
    ),
  );
  const plain = fc.constant<string | undefined>(undefined);
  const strange = mayBe(
    making,
    plain,
    fc.constantFrom('unknown=1', 'limit=1&limit=2', 'limit[a]=1', '%', '&&=', '__proto__=1'),
  );
  return fc
    .tuple(values, strange, arbitraryBody(making, operation))
    .map(([given, extra, text]) => assemble(path, given, extra, text));
}

/** Requests that are right but for one parameter or field, which has each of the worst values once. */
export function worstRequests(
  document: OpenApiDocument,
  path: string,
  method: string,
  known: Known,
  seed: number,
): MadeRequest[] {
  const operation = document.paths[path]?.[method] ?? {};
  const making = { document, known, isBroken: false };
  const one = (schema: Schema, name: string) =>
    fc.sample(arbitraryValue(making, schema, name, 0), { seed, numRuns: 1 })[0];
  const parameters = (operation.parameters ?? []) as Parameter[];
  const right = Object.fromEntries(
    parameters
      .filter(({ required }) => required)
      .map(({ name, in: place, schema }) => [`${place} ${name}`, one(schema, name)]),
  );
  const schema = bodySchemaOf(operation);
  const { properties = {}, required = [] } = (schema ?? {}) as {
    properties?: Record<string, Schema>;
    required?: string[];
  };
  const body = Object.fromEntries(required.map((name) => [name, one(properties[name] ?? {}, name)]));
  const text = schema === undefined ? undefined : JSON.stringify(body);
  return worst.flatMap((value) => [
    ...parameters.map(({ name, in: place }) =>
      assemble(path, { ...right, [`${place} ${name}`]: value }, undefined, text),
    ),
    ...Object.keys(properties).map((name) =>
      assemble(path, right, undefined, JSON.stringify({ ...body, [name]: value })),
    ),
  ]);
}

function bodySchemaOf({ requestBody }: Schema): Schema | undefined {
  const { content } = (requestBody ?? {}) as { content?: Record<string, { schema?: Schema }> };
  return content?.['application/json']?.schema;
}

function arbitraryBody(making: Making, operation: Schema): fc.Arbitrary<string | undefined> {
  const schema = bodySchemaOf(operation);
  if (schema === undefined) return fc.constant(undefined);
  const text = arbitraryValue(making, schema, 'body', 0).map((value) => JSON.stringify(value));
  return mayBe(making, text, nastyBodies);
}

/** `right`, or now and then `wrong` where something may be broken. */
function mayBe<Right, Wrong>(
  { isBroken }: Making,
  right: fc.Arbitrary<Right>,
  wrong: fc.Arbitrary<Wrong>,
): fc.Arbitrary<Right | Wrong> {
  return isBroken ? fc.oneof({ arbitrary: right, weight: 5 }, { arbitrary: wrong, weight: 1 }) : right;
}

function assemble(
  path: string,
  given: Readonly<Record<string, unknown>>,
  extra: string | undefined,
  body: string | undefined,
): MadeRequest {
  const query: string[] = extra === undefined ? [] : [extra];
  const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
  let filled = path;
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const [place = '', name = ''] = key.split(' ');
    const text = encodeURIComponent(asText(value).toWellFormed());
    if (place === 'path') filled = filled.replace(`{${name}}`, text === '' ? '%20' : text);
    else if (place === 'query') query.push(`${name}=${text}`);
    else headers[name] = text;
  }
  return { url: query.length === 0 ? filled : `${filled}?${query.join('&')}`, headers, body };
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : Array.isArray(value) ? value.join(',') : JSON.stringify(value);
}

/** Values that a schema takes; a name that is known gives what is known of it, most of the time. */
function arbitraryValue(making: Making, schema: Schema, name: string, depth: number): fc.Arbitrary<unknown> {
  const made = arbitraryOf(making, schema, depth);
  const values = making.known[name];
  if (values === undefined) return made;
  const one = fc.constantFrom(...values);
  const right = schema.type === 'array' ? fc.array(one, { minLength: 1, maxLength: itemsMax }) : one;
  return fc.oneof({ arbitrary: right, weight: 3 }, { arbitrary: made, weight: 1 });
}

function arbitraryOf(making: Making, schema: Schema, depth: number): fc.Arbitrary<unknown> {
  if (typeof schema.$ref === 'string') {
    const target = making.document.components.schemas?.[schema.$ref.split('/').at(-1) ?? ''] ?? {};
    return arbitraryOf(making, target, depth + 1);
  }
  const { enum: words, const: only, anyOf, oneOf, type } = schema;
  if (Array.isArray(words)) return fc.constantFrom(...words);
  if (only !== undefined) return fc.constant(only);
  const choices = (anyOf ?? oneOf) as Schema[] | undefined;
  if (choices !== undefined) {
    return fc.oneof(...choices.map((choice) => arbitraryOf(making, choice, depth + 1)));
  }
  if (Array.isArray(type)) {
    return fc.oneof(...type.map((one) => arbitraryOf(making, { ...schema, type: one }, depth)));
  }
  if (type === 'string') return arbitraryText(schema);
  if (type === 'boolean') return fc.boolean();
  if (type === 'null') return fc.constant(null);
  if (type === 'integer' || type === 'number') return arbitraryNumber(schema, type);
  if (type === 'array') {
    const { minItems = 0, items } = schema as { minItems?: number; items?: Schema };
    const item = arbitraryOf(making, items ?? {}, depth + 1);
    return fc.array(item, { minLength: minItems, maxLength: Math.max(minItems, itemsMax) });
  }
  if (type === 'object') return arbitraryObject(making, schema, depth);
  return fc.jsonValue({ maxDepth: 2 });
}

function arbitraryObject(making: Making, schema: Schema, depth: number): fc.Arbitrary<unknown> {
  const { properties = {}, required = [] } = schema as {
    properties?: Record<string, Schema>;
    required?: string[];
  };
  const fields = Object.entries(properties).map(([name, field]) => {
    const value = mayBe(making, arbitraryValue(making, field, name, depth + 1), nastyJson);
    if (required.includes(name)) return [name, value];
    return [name, depth > depthMax ? fc.constant(undefined) : fc.option(value, { nil: undefined, freq: 2 })];
  });
  return fc.record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>);
}

function arbitraryText(schema: Schema): fc.Arbitrary<string> {
  const {
    format,
    pattern,
    minLength = 0,
    maxLength = textMax,
  } = schema as {
    format?: string;
    pattern?: string;
    minLength?: number;
    maxLength?: number;
  };
  if (format === 'uuid') return fc.uuid();
  if (format === 'date-time') {
    const day = { min: new Date('2020-01-01'), max: new Date('2035-01-01'), noInvalidDate: true };
    return fc.date(day).map((date) => date.toISOString());
  }
  if (format === 'uri') return fc.webUrl();
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern));
  return fc.string({
    unit: 'grapheme',
    minLength,
    maxLength: Math.min(maxLength, Math.max(minLength, textMax)),
  });
}

function arbitraryNumber(schema: Schema, type: 'integer' | 'number'): fc.Arbitrary<number> {
  const { minimum: min = -1_000, maximum: max = 1_000_000 } = schema as {
    minimum?: number;
    maximum?: number;
  };
  return type === 'integer' ? fc.integer({ min, max }) : fc.double({ min, max, noNaN: true });
}
