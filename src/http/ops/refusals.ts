// `/v1/ops/refusals`: what did not prove that it came from iLive, why, and what to do about it. Reading one's bytes,
// admitting and purging are actions, which the audit keeps.
import { z } from 'zod';
import type { Queries } from '../../db/connect.ts';
import { findRefusal, type ListedRefusal, listRefusals, type RefusalRow } from '../../db/find-refusals.ts';
import { admissions } from '../../db/schema-operations.ts';
import { ServiceError } from '../../errors.ts';
import type { Diagnosis } from '../../ilive/diagnose.ts';
import { diagnoseRefusal } from '../../operations/diagnose-refusals.ts';
import { openRefusal } from '../../operations/open-refusal.ts';
import { operate } from '../../operations/operate.ts';
import { actorOf } from '../gate.ts';
import { newestFirst, readPage, showPage } from '../list-order.ts';
import { operation, reply } from '../operation.ts';
import { pageParameters, reasonText, refusalTimes, searchText, whyText } from '../query.ts';
import { count, instant, pageShape, uuid } from '../shapes.ts';

const refusalFields = {
  refusal_id: uuid,
  account: z.string(),
  reason: z.string(),
  address: z.string().describe('Where the request came from.'),
  received_at: instant,
  times: count.describe('How often the very same request came.'),
  last_received_at: instant,
  body_bytes: count,
  diagnosis: z
    .object({
      findings: z.array(z.string()),
      is_complete: z
        .boolean()
        .describe('False when a limit, or a seal that no key opens, kept the search from trying everything.'),
    })
    .nullable()
    .describe('What would have matched.'),
  delivery_id: uuid.nullable().describe('The delivery that it became.'),
  admission: z.enum(admissions).nullable(),
  admitted_at: instant.nullable(),
};
const refusal = z.object(refusalFields).meta({ id: 'Refusal' });
const refusalWithBody = z
  .object({ ...refusalFields, headers: z.record(z.string(), z.string()), body_base64: z.string() })
  .meta({ id: 'RefusalWithBody' });

const refusalPath = { refusal_id: z.uuid('must be the id of a refusal (a UUID)') };

/** Answers a page of refusals, newest first. */
export const showRefusals = operation({
  query: {
    state: z.enum(['refused', 'admitted'], 'must be refused or admitted').optional(),
    reason: reasonText.optional(),
    account: searchText.optional(),
    address: searchText.optional(),
    ...refusalTimes,
    ...pageParameters,
  },
  answers: { 200: pageShape(refusal) },
  answer: async ({ db }, { query: { state, cursor, limit, ...filter }, req }) => {
    const isAdmitted = state === undefined ? undefined : state === 'admitted';
    const asked = { list: 'refusals', query: req.query, order: newestFirst };
    const wanted = readPage(asked, { cursor, limit }, z.tuple([z.uuid()]));
    const rows = await listRefusals(db, { ...filter, isAdmitted }, wanted);
    const page = showPage(
      asked,
      { rows, limit },
      (row) => show(row, readDiagnosis(row)),
      (row) => [row.id],
    );
    return reply(200, page);
  },
});

/** Answers one refusal, diagnosed anew. */
export const showRefusal = operation({
  path: refusalPath,
  answers: { 200: refusal },
  errors: ['not_found'],
  answer: async ({ db, refusals }, { path }) => {
    const row = await readRefusal(db, path.refusal_id);
    return reply(200, show(row, diagnoseRefusal(refusals, row)));
  },
});

/** Answers one refusal with its headers and exact bytes, in base64. */
export const showRefusalBody = operation({
  path: refusalPath,
  query: { why: whyText },
  answers: { 200: refusalWithBody },
  errors: ['conflict', 'not_found'],
  answer: async (deps, { path, query: { why }, req }) => {
    const action = { actor: actorOf(req), name: 'refusals.read_body', why, details: path };
    const { row, headers, body } = await operate(deps.operate, action, async (tx) => {
      const found = await readRefusal(tx, path.refusal_id);
      const opened = openRefusal(found, deps.refusals.cipher);
      if (opened === undefined) {
        const message =
          'This refusal is sealed with a key that ENCRYPTION_KEYS does not list: put that key back.';
        throw new ServiceError('conflict', message);
      }
      return { rows: 1, result: { row: found, ...opened } };
    });
    const diagnosis = diagnoseRefusal(deps.refusals, row);
    return reply(200, { ...show(row, diagnosis), headers, body_base64: body.toString('base64') });
  },
});

async function readRefusal(db: Queries, id: string): Promise<RefusalRow> {
  const row = await findRefusal(db, id);
  if (row === undefined) throw new ServiceError('not_found', 'No refusal has this id.');
  return row;
}

function readDiagnosis({ diagnosis }: ListedRefusal): Diagnosis | undefined {
  return (diagnosis ?? undefined) as Diagnosis | undefined;
}

function show(row: ListedRefusal, diagnosis: Diagnosis | undefined) {
  return {
    refusal_id: row.id,
    account: row.account,
    reason: row.reason,
    address: row.address,
    received_at: row.receivedAt,
    times: row.times,
    last_received_at: row.lastReceivedAt,
    body_bytes: row.bodyBytes,
    diagnosis: diagnosis === undefined ? null : showDiagnosis(diagnosis),
    delivery_id: row.deliveryId,
    admission: row.admission,
    admitted_at: row.admittedAt,
  };
}

function showDiagnosis({ findings, isComplete }: Diagnosis) {
  return { findings: [...findings], is_complete: isComplete };
}
