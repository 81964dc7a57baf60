// `POST /v1/ops/pause` and `/v1/ops/resume`: stopping processing or pulling for now, in every process within two seconds.
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Transaction } from '../../db/connect.ts';
import { dropPause, listPauses, recordPause } from '../../db/pauses.ts';
import { type Pausable, pausables } from '../../db/schema-operations.ts';
import { operate } from '../../operations/operate.ts';
import type { ApiDependencies } from '../api.ts';
import { actorOf } from '../gate.ts';
import { readQuery, whyText } from '../query.ts';
import { readJson } from '../read-json.ts';

const request = z.strictObject({
  what: z.enum(pausables, `must be one of ${pausables.join(', ')}`),
  why: whyText,
});

/** Pauses; what is paused already stays as it is. */
export const pause = steering('pause', (tx, pausing, now) => recordPause(tx, pausing, now));

/** Resumes; what is not paused stays as it is. */
export const resume = steering('resume', (tx, { what }) => dropPause(tx, what));

interface Pausing {
  readonly what: Pausable;
  readonly by: string;
  readonly why: string;
}

function steering(name: string, change: (tx: Transaction, pausing: Pausing, now: Date) => Promise<void>) {
  return async (deps: ApiDependencies, req: Request, res: Response): Promise<void> => {
    readQuery(req, {});
    const { what, why } = await readJson(req, request);
    const actor = actorOf(req);
    const action = { actor, name, why, details: { what } };
    const pauses = await operate(deps.operate, action, async (tx) => {
      await change(tx, { what, by: actor.name, why }, deps.now());
      return { rows: 1, result: await listPauses(tx) };
    });
    res.json({ pauses });
  };
}
