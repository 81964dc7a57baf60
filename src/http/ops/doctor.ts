// `POST /v1/ops/doctor`: whether configuration and surroundings are fit. An action, since its probe is a delivery.
import type { Request, Response } from 'express';
import { z } from 'zod';
import { examine } from '../../operations/doctor.ts';
import { operateAfter } from '../../operations/operate.ts';
import type { ApiDependencies } from '../api.ts';
import { actorOf } from '../gate.ts';
import { readQuery, whyText } from '../query.ts';
import { readJson } from '../read-json.ts';

const request = z.strictObject({ probe: z.boolean().default(true), why: whyText });

/** Answers all findings: 200 either way, `ok` says whether there is no error among them. */
export async function runDoctor(deps: ApiDependencies, req: Request, res: Response): Promise<void> {
  readQuery(req, {});
  const { probe: isProbing, why } = await readJson(req, request);
  const action = { actor: actorOf(req), name: 'doctor.run', why, details: { probe: isProbing } };
  const look = () => examine(deps.doctor, { isProbing });
  const findings = await operateAfter(deps.operate, action, look, async (_tx, result) => ({
    rows: isProbing ? 1 : 0,
    result,
  }));
  res.json({ ok: findings.every(({ level }) => level !== 'error'), findings });
}
