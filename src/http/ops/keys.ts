// `/v1/ops/keys`: the keys to this API. A key is in the answer that made it and nowhere else.
import { z } from 'zod';
import { type ApiKeyRow, listApiKeys, recordApiKey, revokeApiKey, takeKeyName } from '../../db/api-keys.ts';
import { roleNames } from '../../db/schema-operations.ts';
import { ServiceError } from '../../errors.ts';
import { instantOf } from '../../events/instant.ts';
import { bootstrap, makeKey } from '../../operations/api-keys.ts';
import { operate } from '../../operations/operate.ts';
import { actorOf } from '../gate.ts';
import { newestFirst, readPage, showPage } from '../list-order.ts';
import { operation, reply } from '../operation.ts';
import { pageParameters, searchText, timeText, whyText } from '../query.ts';
import { instant, pageShape, timestampText } from '../shapes.ts';

const keyFields = {
  key_id: z.string(),
  name: z.string(),
  role: z.enum(roleNames),
  expires_at: instant.nullable(),
};
const keyShape = z
  .object({
    ...keyFields,
    state: z.enum(['usable', 'revoked', 'expired']),
    created_at: instant,
    created_by: z.string(),
    last_used_at: instant.nullable(),
    revoked_at: instant.nullable(),
  })
  .meta({ id: 'ApiKey' });
const madeKey = z
  .object({ ...keyFields, key: z.string().describe('The key itself; it is shown here and never again.') })
  .meta({ id: 'MadeApiKey' });

const creation = z.strictObject({
  name: searchText
    .max(64, 'must be at most 64 characters')
    .refine((name) => name !== bootstrap.name, `must not be "${bootstrap.name}"`),
  role: z.enum(roleNames, `must be one of ${roleNames.join(', ')}`),
  expires_at: timeText.optional(),
  why: whyText,
});

const keyId = z.string().regex(/^\w{1,32}$/, 'must be the id of a key');
const place = z.tuple([timestampText, keyId]);

/** Answers a page of keys, newest first; revoked and expired ones too. */
export const showApiKeys = operation({
  query: pageParameters,
  answers: { 200: pageShape(keyShape) },
  answer: async ({ db, now }, { query, req }) => {
    const asked = { list: 'keys', query: req.query, order: newestFirst };
    const rows = await listApiKeys(db, readPage(asked, query, place));
    const page = showPage(
      asked,
      { rows, limit: query.limit },
      (row) => show(row, now()),
      (row) => [row.createdAt, row.id],
    );
    return reply(200, page);
  },
});

/** Makes a key: 201, with the key itself, for the only time. */
export const createApiKey = operation({
  body: creation,
  answers: { 201: madeKey },
  errors: ['conflict'],
  answer: async (deps, { body: { name, role, expires_at: expiresAt, why }, req }) => {
    const now = deps.now();
    if (expiresAt !== undefined && expiresAt <= now) {
      throw new ServiceError('invalid_request', 'field "expires_at" must lie ahead.');
    }
    const actor = actorOf(req);
    const { id, text, sha256 } = makeKey();
    const expires = expiresAt === undefined ? null : instantOf(expiresAt);
    const details = { key_id: id, name, role, expires_at: expires };
    await operate(deps.operate, { actor, name: 'keys.create', why, details }, async (tx) => {
      if (await takeKeyName(tx, name, now)) {
        const message = `A key named "${name}" is in use. Revoke it first, or choose another name: the audit knows keys by name.`;
        throw new ServiceError('conflict', message);
      }
      await recordApiKey(tx, { id, name, role, sha256, createdBy: actor.name, expiresAt: expires }, now);
      return { rows: 1, result: undefined };
    });
    await deps.keyRing.refresh();
    return reply(201, { key_id: id, name, role, expires_at: expires, key: text });
  },
});

/** Revokes a key; again is harmless. Every process stops taking it within two seconds. */
export const revokeKey = operation({
  path: { key_id: keyId },
  body: z.strictObject({ why: whyText }),
  answers: { 200: keyShape },
  errors: ['not_found', 'conflict'],
  answer: async (deps, { path: { key_id: id }, body: { why }, req }) => {
    if (id === bootstrap.id) {
      throw new ServiceError(
        'conflict',
        'BOOTSTRAP_API_KEY is set in the environment: change it there, and restart.',
      );
    }
    const action = { actor: actorOf(req), name: 'keys.revoke', why, details: { key_id: id } };
    const row = await operate(deps.operate, action, async (tx) => {
      const result = await revokeApiKey(tx, id, deps.now());
      if (result === undefined) throw new ServiceError('not_found', 'No key has this id.');
      return { rows: 1, result };
    });
    await deps.keyRing.refresh();
    return reply(200, show(row, deps.now()));
  },
});

function show(row: ApiKeyRow, now: Date) {
  const isExpired = row.expiresAt !== null && row.expiresAt <= instantOf(now);
  return {
    key_id: row.id,
    name: row.name,
    role: row.role,
    state:
      row.revokedAt !== null ? ('revoked' as const) : isExpired ? ('expired' as const) : ('usable' as const),
    created_at: row.createdAt,
    created_by: row.createdBy,
    expires_at: row.expiresAt,
    last_used_at: row.lastUsedAt,
    revoked_at: row.revokedAt,
  };
}
