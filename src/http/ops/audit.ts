// `/v1/ops/audit`: what operators did, and whether that record is whole.
import { z } from 'zod';
import { type AuditEntry, listAuditEntries } from '../../db/audit.ts';
import { instantOf } from '../../events/instant.ts';
import { auditFlaws, verifyAudit } from '../../operations/audit.ts';
import { newestFirst, readPage, showPage } from '../list-order.ts';
import { operation, reply } from '../operation.ts';
import { pageParameters, searchText, timeText } from '../query.ts';
import { count, instant, pageShape } from '../shapes.ts';

const auditEntry = z
  .object({
    seq: count,
    at: instant,
    actor: z.string(),
    role: z.string(),
    address: z.string(),
    action: z.string(),
    why: z.string(),
    details: z.unknown(),
    rows: count.describe('How many it changed or showed.'),
    outcome: z.string().describe('done, or the code of what went wrong.'),
    hash: z.string(),
  })
  .meta({ id: 'AuditEntry' });

const auditVerification = z
  .object({
    is_whole: z.boolean(),
    entries: count,
    flaws: z.array(z.object({ seq: count, flaw: z.enum(auditFlaws) })),
    missing_keys: z
      .array(z.object({ key: z.string(), entries: count }))
      .describe(
        'Encryption keys that are not configured, and how many entries cannot be verified without each.',
      ),
    keyed_from: count.nullable().describe('The first entry whose hash hangs on an encryption key.'),
    head: z.object({ seq: count, hash: z.string() }),
  })
  .meta({ id: 'AuditVerification' });

const place = z.tuple([z.string().regex(/^\d{1,15}$/)]);

/** Answers a page of entries, newest first. */
export const showAuditEntries = operation({
  query: {
    actor: searchText.optional(),
    action: searchText.optional(),
    from: timeText.optional(),
    to: timeText.optional(),
    ...pageParameters,
  },
  answers: { 200: pageShape(auditEntry) },
  answer: async ({ db }, { query, req }) => {
    const asked = { list: 'audit', query: req.query, order: newestFirst };
    const { actor, action, from, to } = query;
    const filter = { actor, action, from: from && instantOf(from), to: to && instantOf(to) };
    const rows = await listAuditEntries(db, filter, readPage(asked, query, place));
    return reply(
      200,
      showPage(asked, { rows, limit: query.limit }, show, ({ seq }) => [String(seq)]),
    );
  },
});

/** Reads the whole audit and answers what is wrong with it: 200 either way, `is_whole` says which. */
export const showAuditVerification = operation({
  answers: { 200: auditVerification },
  answer: async ({ db, encryptionKeys }) => {
    const { entries, flaws, missingKeys, keyedFrom, head } = await verifyAudit(db, encryptionKeys);
    return reply(200, {
      is_whole: flaws.length === 0,
      entries,
      flaws: [...flaws],
      missing_keys: [...missingKeys].map(([key, entries]) => ({ key, entries })),
      keyed_from: keyedFrom ?? null,
      head,
    });
  },
});

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
