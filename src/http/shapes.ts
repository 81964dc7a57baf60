// The parts that many answers are made of, as schemas.
import { z } from 'zod';
import { parseInstant } from '../events/instant.ts';

/** A time as it is answered: UTC, to the microsecond. */
export const instant = z.string().meta({
  format: 'date-time',
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{6}Z$',
  examples: ['2026-04-11T09:30:12.456789Z'],
});

/** The same, read from where we wrote it. */
export const timestampText = z.string().refine((text) => parseInstant(text) === text);

export const uuid = z.string().meta({ format: 'uuid' });

export const count = z.number().meta({ type: 'integer', minimum: 0 });

/** Of a signing secret. */
export const missingKey = z
  .string()
  .nullable()
  .describe('The id of the encryption key for want of which it does not open; null where it does.');

/** Numbers by name. */
export const counts = z.record(z.string(), count);

/** A page of a list, as `showPage` makes it. */
export const pageShape = <Row extends z.ZodType>(row: Row) =>
  z.object({
    data: z.array(row),
    next_cursor: z
      .string()
      .nullable()
      .describe('Send it as ?cursor= for the next page; null on the last one.'),
  });
