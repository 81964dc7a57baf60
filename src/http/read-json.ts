// The JSON that a caller sends, as a schema reads it; every problem is told at once, by the name of its field.
import type { Request } from 'express';
import { z } from 'zod';
import { ServiceError } from '../errors.ts';
import { complaintOf } from './complaint.ts';
import { readBody, unbounded } from './read-body.ts';

const bodyLimitBytes = 65_536;

/** Throws `invalid_request` for a body that is too large, no JSON, or not what `schema` asks for. */
export async function readJson<Schema extends z.ZodType>(
  req: Request,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const body = await readBody(req, bodyLimitBytes, unbounded);
  if (body === 'aborted') throw new ServiceError('invalid_request', 'The request ended before its body did.');
  if (!Buffer.isBuffer(body))
    throw new ServiceError('invalid_request', `The body is larger than ${bodyLimitBytes} bytes.`);
  const given = parse(body);
  const read = schema.safeParse(given);
  if (read.success) return read.data;
  const complaints = read.error.issues.map((issue) =>
    issue.code === 'unrecognized_keys'
      ? unknownFields(issue, schema)
      : issue.path.length === 0
        ? 'the body must be a JSON object'
        : complaintOf('field', issue, given),
  );
  throw new ServiceError('invalid_request', `${complaints.join('; ')}.`);
}

function unknownFields({ keys, path }: z.core.$ZodIssueUnrecognizedKeys, schema: z.ZodType): string {
  const unknown = `unknown field ${keys.map((key) => `"${key}"`).join(', ')}`;
  // Those of an object inside the body are not told here.
  if (path.length > 0 || !(schema instanceof z.ZodObject)) return unknown;
  return `${unknown}; known here: ${Object.keys(schema.shape).join(', ')}`;
}

function parse(body: Buffer): unknown {
  if (body.length === 0)
    throw new ServiceError('invalid_request', 'The body is missing: a JSON object is asked for.');
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new ServiceError('invalid_request', 'The body is not JSON in UTF-8.');
  }
}
