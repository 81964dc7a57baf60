// `POST /v1/ops/refusals/reverify`, `…/admit` and `…/purge`: undoing wrong refusals, and letting go of right ones. Each
// request does a bounded piece in one transaction and says where to go on.
import { z } from 'zod';
import type { Queries } from '../../db/connect.ts';
import { countRefusals, type RefusalFilter } from '../../db/find-refusals.ts';
import { dropRefusals } from '../../db/refusals.ts';
import { rehearse } from '../../db/savepoint.ts';
import { ServiceError } from '../../errors.ts';
import { clockOffsetMaxSeconds } from '../../ilive/clock-off.ts';
import { admitJudged, judgeByPull } from '../../operations/admit-by-pull.ts';
import { type Admitted, reverifyRefusals } from '../../operations/admit-refusals.ts';
import { operate, operateAfter } from '../../operations/operate.ts';
import { writeTrace } from '../../trace-context.ts';
import { actorOf } from '../gate.ts';
import { operation, reply } from '../operation.ts';
import { reasonText, refusalTimes, searchText, whyText } from '../query.ts';
import { traceOf } from '../request-trace.ts';
import { count, counts, uuid } from '../shapes.ts';

const reverifyMax = 1_000;
const admitMax = 100;
const idsMax = 1_000;
const idsRange = `must be 1 to ${idsMax} ids`;

const filterFields = {
  ids: z.array(z.uuid('must be ids of refusals (UUIDs)')).min(1, idsRange).max(idsMax, idsRange).optional(),
  account: searchText.optional(),
  reason: reasonText.optional(),
  address: searchText.optional(),
  ...refusalTimes,
};
const actionFields = { dry_run: z.boolean().default(false), why: whyText };
const pieceFields = { after: z.uuid('must be the id of a refusal (a UUID)').optional() };

const offsetRange = `must be a whole number from -${clockOffsetMaxSeconds} to ${clockOffsetMaxSeconds}`;
const reverification = z.strictObject({
  ...filterFields,
  ...actionFields,
  ...pieceFields,
  clock_offset_seconds: z
    .int('must be a whole number')
    .min(-clockOffsetMaxSeconds, offsetRange)
    .max(clockOffsetMaxSeconds, offsetRange)
    .default(0),
});
const admission = z.strictObject({ ...filterFields, ...actionFields, ...pieceFields });
const purge = z.strictObject({ ...filterFields, ...actionFields, all: z.literal(true).optional() });

const admittedFields = {
  dry_run: z.boolean(),
  checked: count,
  admitted: count.describe('Refusals that became deliveries.'),
  already_stored: count.describe('Of these, those whose bytes had come in another way before.'),
  next_after: uuid.nullable().describe('Send it as "after" to go on; null when nothing is left to look at.'),
};
const reverified = z
  .object({
    ...admittedFields,
    refused: count,
    refused_by_reason: counts,
    clock_offset_seconds: z
      .int()
      .nullable()
      .describe(
        'How far our clock was ahead when the newest came whose signature is right and whose time is not: what to send ' +
          'as clock_offset_seconds. Null when there is none.',
      ),
  })
  .meta({ id: 'ReverifiedRefusals' });
const admittedOnPull = z
  .object({ ...admittedFields, not_proven_by_reason: counts })
  .meta({ id: 'AdmittedRefusals' });

/** Admits those whose signature matches now. */
export const reverify = operation({
  body: reverification,
  answers: { 200: reverified },
  errors: ['conflict', 'not_found'],
  answer: async (deps, { body, req }) => {
    const { dry_run: isDry, why, after, clock_offset_seconds: clockOffsetSeconds, ...filter } = body;
    const request = { filter, after, limit: reverifyMax, clockOffsetSeconds };
    const details = { ...filter, after, clock_offset_seconds: clockOffsetSeconds, dry_run: isDry };
    const action = { actor: actorOf(req), name: 'refusals.reverify', why, details };
    const admitted = await operate(deps.operate, action, async (tx) => {
      await requireKnown(tx, filter.ids);
      const work = () => reverifyRefusals(tx, deps.refusals, request);
      const result = isDry ? await rehearse(tx, work) : await work();
      return { rows: isDry ? 0 : result.admitted, result };
    });
    if (!isDry) admitted.noteMatches();
    if (!isDry) deps.refusals.announce(admitted.deliveryIds);
    return reply(200, {
      ...showAdmitted(admitted, isDry),
      refused: admitted.checked - admitted.admitted,
      refused_by_reason: admitted.leftByReason,
      clock_offset_seconds: admitted.clockOffsetSeconds,
    });
  },
});

/** Admits those that iLive's own answer agrees with. */
export const admitOnPull = operation({
  body: admission,
  answers: { 200: admittedOnPull },
  errors: ['conflict', 'not_found'],
  answer: async (deps, { body: { dry_run: isDry, why, after, ...filter }, req }) => {
    refuseEmpty(filter, 'ids, account, reason, address, from or to');
    const details = { ...filter, after, dry_run: isDry };
    const action = { actor: actorOf(req), name: 'refusals.admit', why, details };
    const traceparent = writeTrace(traceOf(req));
    const judge = async () => {
      await requireKnown(deps.db, filter.ids);
      return judgeByPull({ ...deps.refusals, traceparent }, { filter, after, limit: admitMax });
    };
    const admitted = await operateAfter(deps.operate, action, judge, async (tx, judged) => {
      const work = () => admitJudged(tx, judged, { limit: admitMax, now: deps.now() });
      const result = isDry ? await rehearse(tx, work) : await work();
      return { rows: isDry ? 0 : result.admitted, result };
    });
    if (!isDry) deps.refusals.announce(admitted.deliveryIds);
    return reply(200, { ...showAdmitted(admitted, isDry), not_proven_by_reason: admitted.leftByReason });
  },
});

/** Removes refusals; what was admitted stays as the delivery that it is. */
export const purgeRefusals = operation({
  body: purge,
  answers: { 200: z.object({ dry_run: z.boolean(), purged: count }) },
  answer: async (deps, { body: { dry_run: isDry, why, all, ...filter }, req }) => {
    if (all === undefined) refuseEmpty(filter, 'ids, account, reason, address, from, to or all');
    const isAdmitted = all === undefined && filter.ids === undefined ? false : undefined;
    const details = { ...filter, all, dry_run: isDry };
    const action = { actor: actorOf(req), name: 'refusals.purge', why, details };
    const purged = await operate(deps.operate, action, async (tx) => {
      const result = await (isDry ? countRefusals : dropRefusals)(tx, { ...filter, isAdmitted });
      return { rows: isDry ? 0 : result, result };
    });
    return reply(200, { dry_run: isDry, purged });
  },
});

// One that was admitted before is known, and left alone.
async function requireKnown(db: Queries, ids: readonly string[] | undefined): Promise<void> {
  if (ids === undefined) return;
  const wanted = new Set(ids.map((id) => id.toLowerCase())).size;
  const missing = wanted - (await countRefusals(db, { ids }));
  if (missing === 0) return;
  const message = wanted === 1 ? 'No refusal has this id.' : `${missing} of these ids are no refusal's.`;
  throw new ServiceError('not_found', message);
}

function refuseEmpty(filter: RefusalFilter, known: string): void {
  if (Object.values(filter).every((value) => value === undefined)) {
    throw new ServiceError('invalid_request', `Say which refusals: ${known}.`);
  }
}

function showAdmitted({ checked, admitted, alreadyStored, nextAfter }: Admitted, isDry: boolean) {
  return {
    dry_run: isDry,
    checked,
    admitted,
    already_stored: alreadyStored,
    next_after: nextAfter ?? null,
  };
}
