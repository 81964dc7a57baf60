// `/v1/ops/keys`: the keys to this API. A key is in the answer that made it and nowhere else.
import type { Request, Response } from 'express';
import { z } from 'zod';
import { type ApiKeyRow, listApiKeys, recordApiKey, revokeApiKey } from '../../db/api-keys.ts';
import { roleNames } from '../../db/schema-operations.ts';
import { ServiceError } from '../../errors.ts';
import { instantOf } from '../../events/instant.ts';
import { bootstrap, makeKey } from '../../operations/api-keys.ts';
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
import { readJson } from '../read-json.ts';

const creation = z.strictObject({
  name: searchText
    .max(64, 'must be at most 64 characters')
    .refine((name) => name !== bootstrap.name, `must not be "${bootstrap.name}"`),
  role: z.enum(roleNames, `must be one of ${roleNames.join(', ')}`),
  expires_at: timeText.optional(),
  why: whyText,
});

/** Answers a page of keys, newest first; revoked and expired ones too. */
export async function showApiKeys({ db, now }: ApiDependencies, req: Request, res: Response): Promise<void> {
  const { cursor, limit } = readQuery(req, pageParameters);
  const after = readCursor(cursor, z.tuple([z.string(), z.string()]));
  const before = after && { createdAt: after[0], id: after[1] };
  const rows = await listApiKeys(db, { before, limit: limit + 1 });
  res.json(
    pageOf(
      rows,
      limit,
      (row) => show(row, now()),
      (row) => [row.createdAt, row.id],
    ),
  );
}

/** Makes a key: 201, with the key itself, for the only time. */
export async function createApiKey(deps: ApiDependencies, req: Request, res: Response): Promise<void> {
  readQuery(req, {});
  const { name, role, expires_at: expiresAt, why } = await readJson(req, creation);
  const now = deps.now();
  if (expiresAt !== undefined && expiresAt <= now) {
    throw new ServiceError('invalid_request', 'field "expires_at" must lie ahead.');
  }
  const actor = actorOf(req);
  const { id, text, sha256 } = makeKey();
  const expires = expiresAt === undefined ? null : instantOf(expiresAt);
  const details = { key_id: id, name, role, expires_at: expires };
  await operate(deps.operate, { actor, name: 'keys.create', why, details }, async (tx) => {
    await recordApiKey(tx, { id, name, role, sha256, createdBy: actor.name, expiresAt: expires }, now);
    return { rows: 1, result: undefined };
  });
  await deps.keyRing.refresh();
  res.status(201).json({ key_id: id, name, role, expires_at: expires, key: text });
}

/** Revokes a key; again is harmless. Every process stops taking it within two seconds. */
export async function revokeKey(deps: ApiDependencies, req: Request, res: Response): Promise<void> {
  readQuery(req, {});
  const id = readPath(req, 'key_id', z.string().regex(/^\w{1,32}$/, 'must be the id of a key'));
  const { why } = await readJson(req, z.strictObject({ why: whyText }));
  if (id === bootstrap.id) {
    throw new ServiceError('conflict', 'BOOTSTRAP_API_KEY is set in the environment; take it out there.');
  }
  const action = { actor: actorOf(req), name: 'keys.revoke', why, details: { key_id: id } };
  const row = await operate(deps.operate, action, async (tx) => {
    const result = await revokeApiKey(tx, id, deps.now());
    if (result === undefined) throw new ServiceError('not_found', 'No key has this id.');
    return { rows: 1, result };
  });
  await deps.keyRing.refresh();
  res.json(show(row, deps.now()));
}

function show(row: ApiKeyRow, now: Date) {
  const isExpired = row.expiresAt !== null && row.expiresAt <= instantOf(now);
  return {
    key_id: row.id,
    name: row.name,
    role: row.role,
    state: row.revokedAt !== null ? 'revoked' : isExpired ? 'expired' : 'usable',
    created_at: row.createdAt,
    created_by: row.createdBy,
    expires_at: row.expiresAt,
    last_used_at: row.lastUsedAt,
    revoked_at: row.revokedAt,
  };
}
