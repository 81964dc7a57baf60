// `/v1/ops/replays`: having stored deliveries processed again, looking how far that is, and stopping it.
import type { Request, Response } from 'express';
import { z } from 'zod';
import { findReplay, listReplays, type ReplayRow } from '../../db/replays.ts';
import { replayStates } from '../../db/schema-operations.ts';
import { ServiceError } from '../../errors.ts';
import type { DeliveryId } from '../../events/event.ts';
import { operate } from '../../operations/operate.ts';
import type { StoredFilter } from '../../operations/replay-filter.ts';
import { type Rehearsal, rehearseReplay, startReplay, steerReplay } from '../../operations/start-replay.ts';
import type { ApiDependencies } from '../api.ts';
import { deliveryFilterFields, readDeliveryFilter, showDeliveryFilter } from '../delivery-filter.ts';
import { actorOf } from '../gate.ts';
import { pageOf, pageParameters, readCursor, readPath, readQuery, whyText } from '../query.ts';
import { readJson } from '../read-json.ts';

const idsMax = 1_000;
const shownChanges = 1_000;

const request = z.strictObject({
  ids: z
    .array(z.uuid('must be delivery ids (UUIDs)').toLowerCase())
    .min(1)
    .max(idsMax)
    .transform((ids) => [...new Set(ids)])
    .optional(),
  filter: z.strictObject(deliveryFilterFields).optional(),
  why: whyText,
  dry_run: z.boolean().default(false),
  confirm: z.int().min(0).optional(),
});

/** Begins a replay (201), or with `dry_run` shows what it would change (200). */
export async function createReplay(deps: ApiDependencies, req: Request, res: Response): Promise<void> {
  readQuery(req, {});
  const { ids, filter: fields, why, dry_run: isDry, confirm: confirmed } = await readJson(req, request);
  if ((ids === undefined) === (fields === undefined)) {
    throw new ServiceError('invalid_request', 'Say either "ids" or "filter"; an empty filter is all.');
  }
  const filter = fields === undefined ? { ids: ids as DeliveryId[] } : readDeliveryFilter(fields);
  const actor = actorOf(req);
  const details = { ids, filter: fields, confirm: confirmed };
  if (isDry) {
    const action = { actor, name: 'replays.rehearse', why, details };
    const rehearsal = await operate(deps.operate, action, async (tx) => ({
      rows: 0,
      result: await rehearseReplay(tx, deps.replays, filter),
    }));
    res.json(showRehearsal(rehearsal));
    return;
  }
  const action = { actor, name: 'replays.start', why, details };
  const replay = await operate(deps.operate, action, async (tx) => {
    const result = await startReplay(tx, deps.replays, { filter, confirmed, createdBy: actor.name, why });
    return { rows: result.matching, result };
  });
  res.status(201).json(show(replay));
}

/** Answers a page of replays, newest first. */
export async function showReplays({ db }: ApiDependencies, req: Request, res: Response): Promise<void> {
  const { state, cursor, limit } = readQuery(req, {
    state: z.enum(replayStates, `must be one of ${replayStates.join(', ')}`).optional(),
    ...pageParameters,
  });
  const before = readCursor(cursor, z.tuple([z.uuid()]))?.[0];
  const rows = await listReplays(db, state, { before, limit: limit + 1 });
  res.json(pageOf(rows, limit, show, ({ id }) => [id]));
}

export async function showReplay({ db }: ApiDependencies, req: Request, res: Response): Promise<void> {
  readQuery(req, {});
  const row = await findReplay(db, readId(req));
  if (row === undefined) throw new ServiceError('not_found', 'No replay has this id.');
  res.json(show(row));
}

export const pauseReplay = steering('replays.pause', 'paused');
export const resumeReplay = steering('replays.resume', 'running');
export const cancelReplay = steering('replays.cancel', 'cancelled');

function steering(name: string, to: 'paused' | 'running' | 'cancelled') {
  return async (deps: ApiDependencies, req: Request, res: Response): Promise<void> => {
    readQuery(req, {});
    const id = readId(req);
    const { why } = await readJson(req, z.strictObject({ why: whyText }));
    const action = { actor: actorOf(req), name, why, details: { replay_id: id } };
    const row = await operate(deps.operate, action, async (tx) => ({
      rows: 1,
      result: await steerReplay(tx, deps, { id, to }),
    }));
    res.json(show(row));
  };
}

function readId(req: Request): string {
  return readPath(req, 'replay_id', z.uuid('must be the id of a replay (a UUID)'));
}

function showRehearsal({ matching, tried, outcomes, failed, detail, changes }: Rehearsal) {
  return {
    dry_run: true,
    matching,
    tried,
    is_complete: tried === matching,
    outcomes,
    failed,
    detail,
    changes_count: changes.length,
    changes: changes.slice(0, shownChanges),
  };
}

function show(row: ReplayRow) {
  return {
    replay_id: row.id,
    state: row.state,
    filter: showDeliveryFilter(row.filter as StoredFilter),
    why: row.why,
    created_at: row.createdAt,
    created_by: row.createdBy,
    finished_at: row.finishedAt,
    matching: row.matching,
    replayed: row.replayed,
    failed: row.failed,
    changes: row.changes,
    outcomes: row.outcomes,
    detail: row.detail,
  };
}
