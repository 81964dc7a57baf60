// `doctor`: whether configuration and surroundings are fit for traffic, and how to mend what is not.
import { z } from 'zod';
import { printable } from '../printable.ts';
import type { Command } from './command.ts';
import { createAsk, readAnswer, serviceOptions } from './service-api.ts';
import { readWhy, whyOption } from './why.ts';

const examination = z.object({
  ok: z.boolean(),
  findings: z.array(
    z.object({
      check: z.string(),
      level: z.enum(['ok', 'warning', 'error']),
      message: z.string(),
      advice: z.string().nullable(),
    }),
  ),
});

const colours = { ok: 'green', warning: 'yellow', error: 'red' } as const;
const levelChars = 'warning'.length;

export const doctor: Command = {
  name: 'doctor',
  operands: [],
  summary: 'Checks configuration and surroundings before traffic comes',
  details: `Postgres, the queue, clocks, keys, refusals that are undecided, the webhook address, which dialect
iLive answers to, and a delivery of our own through the front door. Exits 1 when something has to be mended.`,
  options: {
    'no-probe': { doc: 'send no delivery of our own' },
    ...whyOption,
    ...serviceOptions,
  },
  examples: [
    "ilive-webhooks doctor --why 'before go-live'",
    "ilive-webhooks doctor --no-probe --why 'a look' --json",
  ],
  async run(given, context) {
    const why = readWhy(given, this.name);
    const ask = await createAsk(given, context, this.name);
    const asked = await ask('POST', '/v1/ops/doctor', { body: { probe: !given.has('no-probe'), why } });
    const { ok, findings } = readAnswer(asked, examination);
    if (given.has('json')) context.print(asked.text);
    else {
      for (const { check, level, message, advice } of findings) {
        context.print(
          `${context.paint(colours[level], level.padEnd(levelChars))}  ${check}: ${printable(message)}`,
        );
        if (advice !== null)
          context.print(`${' '.repeat(levelChars)}  ${context.paint('dim', `→ ${printable(advice)}`)}`);
      }
      const errors = findings.filter(({ level }) => level === 'error').length;
      const warnings = findings.filter(({ level }) => level === 'warning').length;
      context.print(`\n${findings.length} checks: ${errors} to mend, ${warnings} to look at.`);
    }
    return ok ? 0 : 1;
  },
};
