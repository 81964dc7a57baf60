// `/v1/ops/replays`: having stored deliveries processed again, looking how far that is, and stopping it.
import { z } from 'zod';
import type { DeliveryFilter } from '../../db/find-deliveries.ts';
import { findReplay, listReplays, type ReplayRow } from '../../db/replays.ts';
import { replayStates } from '../../db/schema-operations.ts';
import { ServiceError } from '../../errors.ts';
import type { DeliveryId } from '../../events/event.ts';
import { operate } from '../../operations/operate.ts';
import { type Rehearsal, rehearseReplay, startReplay, steerReplay } from '../../operations/start-replay.ts';
import { deliveryFilterFields, readDeliveryFilter, showDeliveryFilter } from '../delivery-filter.ts';
import { actorOf } from '../gate.ts';
import { newestFirst, readPage, showPage } from '../list-order.ts';
import { operation, reply } from '../operation.ts';
import { pageParameters, whyText } from '../query.ts';
import { count, counts, instant, pageShape, uuid } from '../shapes.ts';

const idsMax = 1_000;
const idsRange = `must be 1 to ${idsMax} ids`;
const shownChanges = 1_000;

const request = z.strictObject({
  ids: z
    .array(z.uuid('must be delivery ids (UUIDs)').toLowerCase())
    .min(1, idsRange)
    .max(idsMax, idsRange)
    .transform((ids) => [...new Set(ids)])
    .optional(),
  filter: z.strictObject(deliveryFilterFields).optional(),
  why: whyText,
  dry_run: z.boolean().default(false),
  confirm: z
    .union([z.int().min(0), z.literal('all')], 'must be a whole number from 0, or "all"')
    .optional()
    .describe('How many are agreed to be replayed; "all" agrees to any number.'),
});

const replay = z
  .object({
    replay_id: uuid,
    state: z.enum(replayStates),
    filter: z.record(z.string(), z.unknown()),
    why: z.string(),
    created_at: instant,
    created_by: z.string(),
    finished_at: instant.nullable(),
    matching: count.describe('Deliveries that matched when it was begun.'),
    replayed: count,
    failed: count,
    changes: z.record(z.string(), z.object({ created: count, updated: count })).describe('Rows, by table.'),
    outcomes: counts.describe('Deliveries, by the state that they are in now.'),
    detail: z.string().nullable().describe('The last thing that went wrong.'),
  })
  .meta({ id: 'Replay' });

const rehearsal = z
  .object({
    dry_run: z.literal(true),
    matching: count,
    tried: count,
    is_complete: z.boolean().describe('Whether all that match were tried.'),
    outcomes: counts,
    failed: count,
    detail: z.string().nullable(),
    changes_count: count,
    changes: z.array(
      z.object({
        table: z.string(),
        key: z.record(z.string(), z.unknown()),
        change: z.enum(['created', 'updated']),
        columns: z.record(z.string(), z.object({ before: z.unknown(), after: z.unknown() })),
      }),
    ),
  })
  .meta({ id: 'ReplayRehearsal' });

const replayPath = { replay_id: z.uuid('must be the id of a replay (a UUID)') };

/** Begins a replay (201), or with `dry_run` shows what it would change (200). */
export const createReplay = operation({
  body: request,
  answers: { 200: rehearsal, 201: replay },
  errors: ['not_found', 'conflict'],
  answer: async (deps, { body, req }) => {
    const { ids, filter: fields, why, dry_run: isDry, confirm: confirmed } = body;
    if ((ids === undefined) === (fields === undefined)) {
      throw new ServiceError('invalid_request', 'Say either "ids" or "filter"; an empty filter is all.');
    }
    const filter = fields === undefined ? { ids: ids as DeliveryId[] } : readDeliveryFilter(fields);
    const actor = actorOf(req);
    const details = { ids, filter: fields, confirm: confirmed };
    if (isDry) {
      const action = { actor, name: 'replays.rehearse', why, details };
      const rehearsed = await operate(deps.operate, action, async (tx) => ({
        rows: 0,
        result: await rehearseReplay(tx, deps.replays, filter),
      }));
      return reply(200, showRehearsal(rehearsed));
    }
    const action = { actor, name: 'replays.start', why, details };
    const started = await operate(deps.operate, action, async (tx) => {
      const result = await startReplay(tx, deps.replays, {
        filter,
        confirmed: confirmed === 'all' ? Number.POSITIVE_INFINITY : confirmed,
        createdBy: actor.name,
        why,
      });
      return { rows: result.matching, result };
    });
    return reply(201, show(started));
  },
});

/** Answers a page of replays, newest first. */
export const showReplays = operation({
  query: {
    state: z.enum(replayStates, `must be one of ${replayStates.join(', ')}`).optional(),
    ...pageParameters,
  },
  answers: { 200: pageShape(replay) },
  answer: async ({ db }, { query, req }) => {
    const asked = { list: 'replays', query: req.query, order: newestFirst };
    const rows = await listReplays(db, query.state, readPage(asked, query, z.tuple([z.uuid()])));
    return reply(
      200,
      showPage(asked, { rows, limit: query.limit }, show, ({ id }) => [id]),
    );
  },
});

/** Answers how far one replay is. */
export const showReplay = operation({
  path: replayPath,
  answers: { 200: replay },
  errors: ['not_found'],
  answer: async ({ db }, { path }) => {
    const row = await findReplay(db, path.replay_id);
    if (row === undefined) throw new ServiceError('not_found', 'No replay has this id.');
    return reply(200, show(row));
  },
});

export const pauseReplay = steering('replays.pause', 'paused');
export const resumeReplay = steering('replays.resume', 'running');
export const cancelReplay = steering('replays.cancel', 'cancelled');

function steering(name: string, to: 'paused' | 'running' | 'cancelled') {
  return operation({
    path: replayPath,
    body: z.strictObject({ why: whyText }),
    answers: { 200: replay },
    errors: ['not_found', 'conflict'],
    answer: async (deps, { path: { replay_id: id }, body: { why }, req }) => {
      const action = { actor: actorOf(req), name, why, details: { replay_id: id } };
      const row = await operate(deps.operate, action, async (tx) => ({
        rows: 1,
        result: await steerReplay(tx, deps, { id, to }),
      }));
      return reply(200, show(row));
    },
  });
}

function showRehearsal({ matching, tried, outcomes, failed, detail, changes }: Rehearsal) {
  return {
    dry_run: true as const,
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
    filter: showDeliveryFilter(row.filter as DeliveryFilter),
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
