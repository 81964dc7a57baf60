// `POST /v1/ops/doctor`: whether configuration and surroundings are fit. An action, since its probe is a delivery.
import { z } from 'zod';
import { examine } from '../../operations/doctor.ts';
import { operateAfter } from '../../operations/operate.ts';
import { actorOf } from '../gate.ts';
import { operation, reply } from '../operation.ts';
import { whyText } from '../query.ts';

const request = z.strictObject({ probe: z.boolean().default(true), why: whyText });

const findings = z
  .object({
    ok: z.boolean().describe('Whether there is no error among them.'),
    findings: z.array(
      z.object({
        check: z.string(),
        level: z.enum(['ok', 'warning', 'error']),
        message: z.string(),
        advice: z.string().nullable().describe('How to mend it.'),
      }),
    ),
  })
  .meta({ id: 'Findings' });

/** Answers all findings: 200 either way, `ok` says whether there is no error among them. */
export const runDoctor = operation({
  body: request,
  answers: { 200: findings },
  answer: async (deps, { body: { probe: isProbing, why }, req }) => {
    const action = { actor: actorOf(req), name: 'doctor.run', why, details: { probe: isProbing } };
    const look = () => examine(deps.doctor, { isProbing });
    const found = await operateAfter(deps.operate, action, look, async (_tx, result) => ({
      rows: isProbing ? 1 : 0,
      result,
    }));
    return reply(200, { ok: found.every(({ level }) => level !== 'error'), findings: found });
  },
});
