// What is answered of a change, and the cursor that names its place in the feed.
import { z } from 'zod';
import type { Change, FeedPosition } from '../db/changes.ts';
import { endedReasons } from '../db/schema.ts';
import { type ChangeType, changeTypes } from '../db/schema-changes.ts';
import { sources, verdicts } from '../events/event.ts';
import { parseInstant } from '../events/instant.ts';
import { confirmations, sessionStates } from '../events/session.ts';
import { complianceAlert, faceMatch } from './facts.ts';
import { commaList } from './query.ts';
import { instant, uuid } from './shapes.ts';

const changeFields = {
  cursor: z.string().describe('The place of this change: ask for what comes after it.'),
  at: instant.describe('When it was written down here.'),
  account: z.string(),
  session_id: z.string().nullable(),
  reference_id: z.string().nullable(),
};

const sessionChange = z.object({
  ...changeFields,
  session_id: z.string(), // it is about one
  type: z.enum([
    'session_settled',
    'session_confirmed',
    'session_disputed',
    'session_expired',
    'session_unrecoverable',
  ]),
  session: z
    .object({
      state: z.enum(sessionStates),
      verdict: z.enum(verdicts).nullable(),
      confidence: z.number().nullable(),
      verdict_at: instant.nullable(),
      confirmation: z.enum(confirmations),
      settled_by: uuid.nullable(),
      settled_source: z.enum(sources).nullable(),
      ended_reason: z.enum(endedReasons).nullable(),
    })
    .describe('What was said of the session then.'),
});

// What stands beside it already is not told twice.
const besides = { account: true, session_id: true, reference_id: true } as const;

const faceMatchChange = z.object({
  ...changeFields,
  type: z.literal('face_match_recorded'),
  face_match: faceMatch.omit(besides),
});

const alertChange = z.object({
  ...changeFields,
  type: z.enum(['compliance_alert_recorded', 'compliance_alert_acknowledged', 'compliance_alert_resolved']),
  compliance_alert: complianceAlert
    .omit({ ...besides, details: true })
    .describe('Without its details, which may be large; the alert itself has them.'),
});

export const change = z
  .discriminatedUnion('type', [sessionChange, faceMatchChange, alertChange])
  .meta({ id: 'Change' });

/** The types asked for, of `?types=a,b`; undefined for all. */
export const typesText = z
  .string()
  .transform((text) => text.split(','))
  .pipe(z.array(z.enum(changeTypes, `must be some of ${changeTypes.join(', ')}, separated by commas`)))
  .optional()
  .meta({ description: 'Only these.', ...commaList(changeTypes) });

export const afterText = z
  .string()
  .regex(/^(latest|\d{1,9}\.\d{1,20}\.\d{1,15})$/, 'must be a cursor that the feed gave out, or "latest"')
  .describe('A cursor; "latest" for what comes from now on. Default: everything that is kept.');

export function writePosition({ generation, xid, seq }: FeedPosition): string {
  return `${generation}.${xid}.${seq}`;
}

/** The place that a cursor of `writePosition` names. */
export function readPosition(cursor: string): FeedPosition {
  const [generation, xid, seq] = cursor.split('.');
  return { generation: Number(generation), xid: String(BigInt(xid ?? '0')), seq: Number(seq) };
}

export function showChange(row: Change): z.input<typeof change> {
  const { type, at, account, sessionId, referenceId } = row;
  const fields = {
    cursor: writePosition(row),
    at,
    account,
    session_id: sessionId,
    reference_id: referenceId,
  };
  const said = Object.fromEntries(
    Object.entries(row.data).map(([name, value]) => [
      name,
      typeof value === 'string' && name.endsWith('_at') ? (parseInstant(value) ?? value) : value,
    ]),
  );
  // What the triggers write has this shape; the tests hold every answer against it.
  const told: unknown = { ...fields, type, [partOf(type)]: said };
  return told as z.input<typeof change>;
}

// A type is named after what it is about: `session_settled`, `face_match_recorded`.
function partOf(type: ChangeType): string {
  return type.slice(0, type.lastIndexOf('_'));
}
