// `/v1/ops/audit`: what operators did, and whether that record is whole.
import type { Request, Response } from 'express';
import { z } from 'zod';
import { type AuditEntry, listAuditEntries } from '../../db/audit.ts';
import { instantOf } from '../../events/instant.ts';
import { verifyAudit } from '../../operations/audit.ts';
import type { ApiDependencies } from '../api.ts';
import { pageOf, pageParameters, readCursor, readQuery, searchText, timeText } from '../query.ts';

/** Answers a page of entries, newest first. */
export async function showAuditEntries({ db }: ApiDependencies, req: Request, res: Response): Promise<void> {
  const query = readQuery(req, {
    actor: searchText.optional(),
    action: searchText.optional(),
    from: timeText.optional(),
    to: timeText.optional(),
    ...pageParameters,
  });
  const place = readCursor(query.cursor, z.tuple([z.string().regex(/^\d{1,15}$/)]));
  const { actor, action, from, to } = query;
  const rows = await listAuditEntries(
    db,
    { actor, action, from: from && instantOf(from), to: to && instantOf(to) },
    { before: place && Number(place[0]), limit: query.limit + 1 },
  );
  res.json(pageOf(rows, query.limit, show, ({ seq }) => [String(seq)]));
}

/** Reads the whole audit and answers what is wrong with it: 200 either way, `is_whole` says which. */
export async function showAuditVerification(
  { db, encryptionKeys }: ApiDependencies,
  req: Request,
  res: Response,
): Promise<void> {
  readQuery(req, {});
  const { entries, flaws, keyedFrom, head } = await verifyAudit(db, encryptionKeys);
  res.json({ is_whole: flaws.length === 0, entries, flaws, keyed_from: keyedFrom ?? null, head });
}

function show(entry: AuditEntry) {
  const { seq, at, actor, role, address, action, why, rows, outcome, hash } = entry;
  const details = readDetails(entry.details);
  return { seq, at, actor, role, address, action, why, details, rows, outcome, hash: hash.toString('hex') };
}

// Whoever changed it in the database need not have left JSON.
function readDetails(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
