// `POST /v1/ops/pause` and `/v1/ops/resume`: stopping processing or pulling for now, in every process within two seconds.
import { z } from 'zod';
import type { Transaction } from '../../db/connect.ts';
import { dropPause, listPauses, recordPause } from '../../db/pauses.ts';
import { type Pausable, pausables } from '../../db/schema-operations.ts';
import { operate } from '../../operations/operate.ts';
import { actorOf } from '../gate.ts';
import { operation, reply } from '../operation.ts';
import { whyText } from '../query.ts';
import { instant } from '../shapes.ts';

const request = z.strictObject({
  what: z.enum(pausables, `must be one of ${pausables.join(', ')}`),
  why: whyText,
});

export const pauseShape = z
  .object({ what: z.enum(pausables), since: instant, by: z.string(), why: z.string() })
  .meta({ id: 'Pause' });

const steered = z
  .object({
    is_changed: z.boolean().describe('False when it was so already.'),
    pauses: z.array(pauseShape).describe('All that is paused now.'),
  })
  .meta({ id: 'Pauses' });

/** Pauses; what is paused already stays as it is. */
export const pause = steering('pause', (tx, pausing, now) => recordPause(tx, pausing, now));

/** Resumes; what is not paused stays as it is. */
export const resume = steering('resume', (tx, { what }) => dropPause(tx, what));

interface Pausing {
  readonly what: Pausable;
  readonly by: string;
  readonly why: string;
}

function steering(name: string, change: (tx: Transaction, pausing: Pausing, now: Date) => Promise<boolean>) {
  return operation({
    body: request,
    answers: { 200: steered },
    answer: async (deps, { body: { what, why }, req }) => {
      const actor = actorOf(req);
      const action = { actor, name, why, details: { what } };
      const answer = await operate(deps.operate, action, async (tx) => {
        const isChanged = await change(tx, { what, by: actor.name, why }, deps.now());
        const result = { is_changed: isChanged, pauses: await listPauses(tx) };
        return { rows: isChanged ? 1 : 0, result };
      });
      return reply(200, answer);
    },
  });
}
