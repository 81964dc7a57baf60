// `pause` and `resume`: stopping processing or pulling for now, in every process.
import { z } from 'zod';
import { printable } from '../printable.ts';
import { type Command, wrongUsage } from './command.ts';
import { createAsk, serviceOptions } from './service-api.ts';
import { showAnswer } from './show-answer.ts';
import { renderTime } from './table.ts';
import { readWhy, whyOption } from './why.ts';

const pausables = ['processing', 'pulling'];
const goesOn: Readonly<Record<string, string>> = {
  processing:
    'processing goes on: what comes in now at once, and what is owed within seconds, the oldest first.',
  pulling: 'pulling goes on.',
};
const answer = z.object({
  is_changed: z.boolean().default(true),
  pauses: z.array(z.object({ what: z.string(), since: z.string(), by: z.string(), why: z.string() })),
});

export const pause = steering(
  'pause',
  'Stops processing or pulling for now',
  `processing: deliveries are taken and stay owed; nothing is lost. pulling: iLive is asked about no
session; their time goes on. It holds in every process within two seconds, until resumed.`,
  [
    ['processing', 'the disk is nearly full'],
    ['pulling', 'iLive asked us to'],
  ],
);
export const resume = steering(
  'resume',
  'Lets what was paused go on',
  'What is owed is processed from the oldest on, within a turn of the sweep.',
  [
    ['processing', 'the disk was extended'],
    ['pulling', 'iLive is well again'],
  ],
);

function steering(
  verb: 'pause' | 'resume',
  summary: string,
  details: string,
  whys: readonly (readonly [string, string])[],
): Command {
  return {
    name: verb,
    operands: ['WHAT'],
    summary,
    details: `WHAT is processing or pulling.\n${details}`,
    options: { ...whyOption, ...serviceOptions },
    examples: whys.map(([what, why]) => `ilive-webhooks ${verb} ${what} --why '${why}'`),
    async run(given, context) {
      const what = given.operands[0] ?? '';
      if (!pausables.includes(what))
        throw wrongUsage(`WHAT must be one of ${pausables.join(', ')}.`, this.name);
      const why = readWhy(given, this.name);
      const ask = await createAsk(given, context, this.name);
      const asked = await ask('POST', `/v1/ops/${verb}`, { body: { what, why } });
      showAnswer(asked, answer, given, context, ({ is_changed: isChanged, pauses }, { print }) => {
        if (verb === 'resume') print(isChanged ? (goesOn[what] ?? '') : `${what} was not paused.`);
        else if (!isChanged) print(`${what} was paused already; that stays as it is.`);
        for (const each of pauses) {
          const said = `by ${printable(each.by)}: ${printable(each.why)}`;
          print(`${each.what} is paused since ${renderTime(each.since)} ${said}`);
        }
      });
      return 0;
    },
  };
}
