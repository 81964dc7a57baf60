// `doctor`: whether configuration and surroundings are fit for traffic, and how to mend what is not.
import { z } from 'zod';
import { printable } from '../printable.ts';
import type { Command, Context } from './command.ts';
import { createAsk, serviceOptions } from './service-api.ts';
import { showAnswer } from './show-answer.ts';
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
    return showAnswer(asked, examination, given, context, printFindings).ok ? 0 : 1;
  },
};

function printFindings({ findings }: z.infer<typeof examination>, { print, paint }: Context): void {
  for (const { check, level, message, advice } of findings) {
    print(`${paint(colours[level], level.padEnd(levelChars))}  ${check}: ${printable(message)}`);
    if (advice !== null) print(`${' '.repeat(levelChars)}  ${paint('dim', `→ ${printable(advice)}`)}`);
  }
  const errors = findings.filter(({ level }) => level === 'error').length;
  const warnings = findings.filter(({ level }) => level === 'warning').length;
  print(`\n${findings.length} checks: ${errors} to mend, ${warnings} to look at.`);
}
