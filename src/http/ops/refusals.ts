// `/v1/ops/refusals`: what did not prove that it came from iLive, why, and what to do about it. Reading one's bytes,
// admitting and purging are actions, which the audit keeps.
import type { Request, Response } from 'express';
import { z } from 'zod';
import { findRefusal, type ListedRefusal, listRefusals, type RefusalRow } from '../../db/refusals.ts';
import { ServiceError } from '../../errors.ts';
import type { Diagnosis } from '../../ilive/diagnose.ts';
import { diagnoseRefusal } from '../../operations/diagnose-refusals.ts';
import { openRefusal } from '../../operations/open-refusal.ts';
import { operate } from '../../operations/operate.ts';
import type { ApiDependencies } from '../api.ts';
import { actorOf } from '../gate.ts';
import {
  pageOf,
  pageParameters,
  readCursor,
  readPath,
  readQuery,
  searchText,
  timeText,
  whyText,
} from '../query.ts';

/** Answers a page of refusals, newest first. */
export async function showRefusals({ db }: ApiDependencies, req: Request, res: Response): Promise<void> {
  const query = readQuery(req, {
    state: z.enum(['refused', 'admitted'], 'must be refused or admitted').optional(),
    reason: searchText.optional(),
    account: searchText.optional(),
    address: searchText.optional(),
    from: timeText.optional(),
    to: timeText.optional(),
    ...pageParameters,
  });
  const { state, cursor, limit, ...filter } = query;
  const before = readCursor(cursor, z.tuple([z.uuid()]))?.[0];
  const isAdmitted = state === undefined ? undefined : state === 'admitted';
  const rows = await listRefusals(db, { ...filter, isAdmitted }, { before, limit: limit + 1 });
  res.json(
    pageOf(
      rows,
      limit,
      (row) => show(row, readDiagnosis(row)),
      (row) => [row.id],
    ),
  );
}

/** Answers one refusal, diagnosed anew. */
export async function showRefusal(
  { db, refusals }: ApiDependencies,
  req: Request,
  res: Response,
): Promise<void> {
  readQuery(req, {});
  const row = await readRefusal(db, req);
  res.json(show(row, diagnoseRefusal(refusals, row)));
}

/** Answers one refusal with its headers and exact bytes, in base64. */
export async function showRefusalBody(deps: ApiDependencies, req: Request, res: Response): Promise<void> {
  const { why } = readQuery(req, { why: whyText });
  const action = { actor: actorOf(req), name: 'refusals.read_body', why, details: readId(req) };
  const row = await operate(deps.operate, action, async (tx) => ({
    rows: 1,
    result: await readRefusal(tx, req),
  }));
  const { headers, body } = openRefusal(row, deps.refusals.cipher);
  const diagnosis = diagnoseRefusal(deps.refusals, row);
  res.json({ ...show(row, diagnosis), headers, body_base64: body.toString('base64') });
}

function readId(req: Request): { refusal_id: string } {
  return { refusal_id: readPath(req, 'refusal_id', z.uuid('must be the id of a refusal (a UUID)')) };
}

async function readRefusal(db: Parameters<typeof findRefusal>[0], req: Request): Promise<RefusalRow> {
  const row = await findRefusal(db, readId(req).refusal_id);
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
  return { findings, is_complete: isComplete };
}
