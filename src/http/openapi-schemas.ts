// The zod schemas of operations as JSON schemas for the OpenAPI document. What has an id becomes a component that others
// refer to. It knows no route and no path, and never adds to what a schema says.
import { z } from 'zod';

export type JsonSchema = { readonly [key: string]: unknown };

/** `input` for what a caller sends, `output` for what it is answered. */
type Direction = 'input' | 'output';

export interface SchemaWriter {
  /** The schema; a reference where it has an id. */
  readonly write: (schema: z.ZodType, direction: Direction) => JsonSchema;
  /** What was referred to so far, by name. */
  readonly components: () => Record<string, JsonSchema>;
}

export function createSchemaWriter(): SchemaWriter {
  const components = new Map<string, JsonSchema>();
  return {
    write: (schema, direction) => {
      // Put inside an object, since the outermost schema would not become a reference.
      const { $defs = {}, properties } = z.toJSONSchema(z.object({ schema }), {
        io: direction,
        target: 'draft-2020-12',
        override: ({ zodSchema, jsonSchema }) => {
          // Left out by zod where a text is read as something else; what a caller gets who sends nothing is true all the same.
          const { def } = zodSchema._zod;
          if (direction === 'input' && def.type === 'default') jsonSchema.default = plain(def.defaultValue);
          const examples = z.globalRegistry.get(zodSchema)?.examples;
          if (direction === 'input' && Array.isArray(examples)) jsonSchema.examples = examples;
        },
      });
      for (const [name, definition] of Object.entries($defs)) {
        const written = rewrite(definition, direction) as JsonSchema;
        const known = components.get(name);
        if (known !== undefined && JSON.stringify(known) !== JSON.stringify(written)) {
          throw new Error(`two different schemas have the id ${name}`);
        }
        components.set(name, written);
      }
      return rewrite(properties?.schema, direction) as JsonSchema;
    },
    components: () => Object.fromEntries([...components].sort(([one], [other]) => (one < other ? -1 : 1))),
  };
}

function plain(value: unknown): string | number | boolean | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : undefined;
}

function rewrite(value: unknown, direction: Direction): unknown {
  if (Array.isArray(value)) return value.map((item) => rewrite(item, direction));
  if (typeof value !== 'object' || value === null) return value;
  const schema: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (inner === undefined || isNoise(key, inner, direction)) continue;
    schema[key] =
      key === '$ref' && typeof inner === 'string'
        ? inner.replace(/^#\/\$defs\//, '#/components/schemas/')
        : rewrite(inner, direction);
  }
  return mergeNull(schema);
}

// An answer may get a field more at any time, so it never says that it has no others. `id` is our own name of a component.
function isNoise(key: string, value: unknown, direction: Direction): boolean {
  if (key === 'id') return typeof value === 'string';
  if (key === 'additionalProperties') return direction === 'output' && value === false;
  if (key === 'propertyNames') return JSON.stringify(value) === '{"type":"string"}';
  return key === 'maximum' && value === Number.MAX_SAFE_INTEGER
    ? true
    : key === 'minimum' && value === Number.MIN_SAFE_INTEGER;
}

/** `anyOf: [X, null]` of a plain X as X that may also be null, which is how most tools show it best. */
function mergeNull(schema: Record<string, unknown>): Record<string, unknown> {
  const { anyOf, ...others } = schema;
  if (!Array.isArray(anyOf) || anyOf.length !== 2 || anyOf[1]?.type !== 'null') return schema;
  const { type, enum: words, ...more } = anyOf[0] as Record<string, unknown>;
  if (typeof type !== 'string') return schema;
  return {
    type: [type, 'null'],
    ...(Array.isArray(words) ? { enum: [...words, null] } : {}),
    ...more,
    ...others,
  };
}
