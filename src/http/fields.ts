// `?fields=a,b`: only these fields of the thing that is answered, or of each row of a list. Which ones there are is read from
// the schema of the answer, so that none has to be listed twice. What is answered beside a list's rows always stays.
import { z } from 'zod';
import { commaList } from './query.ts';

/** The names of the fields that an answer of this schema can be narrowed to. */
export function fieldNamesOf(answer: z.ZodType): string[] {
  const shape = shapeOf(answer);
  const row = rowOf(answer);
  const names = Object.keys(row?.shape ?? shape ?? {});
  if (names.length === 0) throw new Error('fields are chosen from an object, or from a list of objects');
  return names;
}

/** The query parameter; an unknown name is told with those that are known. */
export function fieldsParameter(names: readonly string[]) {
  const known = `must be names out of ${names.join(', ')}, with commas between them`;
  return z
    .string()
    .max(2_048, known)
    .transform((text) => text.split(','))
    .refine((fields) => fields.every((field) => names.includes(field)), known)
    .optional()
    .meta({
      description:
        'Only these fields of what is answered, or of each row, also where the schema says that others are always there.',
      ...commaList(names),
    });
}

/** The answer with these fields alone. */
export function narrow(answer: z.ZodType, body: unknown, fields: readonly string[]): unknown {
  if (rowOf(answer) === undefined) return pick(body, fields);
  const page = body as { readonly data: readonly unknown[] };
  return { ...page, data: page.data.map((row) => pick(row, fields)) };
}

function pick(thing: unknown, fields: readonly string[]): unknown {
  return Object.fromEntries(
    Object.entries(thing as Record<string, unknown>).filter(([name]) => fields.includes(name)),
  );
}

function shapeOf(schema: z.ZodType): z.ZodRawShape | undefined {
  return schema instanceof z.ZodObject ? schema.shape : undefined;
}

// A list's rows are its `data`.
function rowOf(answer: z.ZodType): z.ZodObject | undefined {
  const data = shapeOf(answer)?.data;
  return data instanceof z.ZodArray && data.element instanceof z.ZodObject ? data.element : undefined;
}
