// What every error looks like, as a schema; `error-response` writes it.
import { z } from 'zod';
import { type ErrorCode, errorCodes } from '../errors.ts';
import { statusOf } from './error-response.ts';

/** Codes that a caller can meet: what is our own fault shows as `internal` alone. */
export const shownCodes = errorCodes.filter((code) => code === 'internal' || statusOf[code] !== 500);

/** The codes among `codes` by their status. */
export function codesByStatus(codes: readonly ErrorCode[]): Map<number, ErrorCode[]> {
  return Map.groupBy(codes, (code) => statusOf[code]);
}

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int().min(400).max(599),
    code: z
      .enum([...shownCodes, 'method_not_allowed'])
      .describe('What went wrong, for programs. The detail is for people and may change.'),
    detail: z.string(),
    request_id: z
      .string()
      .describe('Also in the header x-request-id; the log has it where the fault is ours.'),
  })
  .meta({ id: 'Problem', description: 'RFC 9457.' });
