// `pause` and `resume`: stopping processing or pulling for now, in every process.
import { z } from 'zod';
import { type Command, wrongUsage } from './command.ts';
import { createAsk, readAnswer, serviceOptions } from './service-api.ts';
import { renderTime } from './table.ts';
import { readWhy, whyOption } from './why.ts';

const pausables = ['processing', 'pulling'];
const answer = z.object({
  pauses: z.array(z.object({ what: z.string(), since: z.string(), by: z.string(), why: z.string() })),
});

export const pause = steering(
  'pause',
  'Stops processing or pulling for now',
  `processing: deliveries are taken and stay owed; nothing is lost. pulling: iLive is asked about no
session; their time goes on. It holds in every process within two seconds, until resumed.`,
);
export const resume = steering(
  'resume',
  'Lets what was paused go on',
  'What is owed is processed from the oldest on, within a turn of the sweep.',
);

function steering(verb: 'pause' | 'resume', summary: string, details: string): Command {
  return {
    name: verb,
    operands: ['WHAT'],
    summary,
    details: `WHAT is processing or pulling.\n${details}`,
    options: { ...whyOption, ...serviceOptions },
    examples: [
      `ilive-webhooks ${verb} processing --why 'the disk is nearly full'`,
      `ilive-webhooks ${verb} pulling --why 'iLive asked us to'`,
    ],
    async run(given, context) {
      const what = given.operands[0] ?? '';
      if (!pausables.includes(what))
        throw wrongUsage(`WHAT must be one of ${pausables.join(', ')}.`, this.name);
      const why = readWhy(given, this.name);
      const ask = await createAsk(given, context, this.name);
      const asked = await ask('POST', `/v1/ops/${verb}`, { body: { what, why } });
      if (given.has('json')) context.print(asked.text);
      else {
        const { pauses } = readAnswer(asked, answer);
        for (const each of pauses) {
          context.print(`${each.what} is paused since ${renderTime(each.since)} by ${each.by}: ${each.why}`);
        }
        if (pauses.length === 0) context.print('Nothing is paused.');
      }
      return 0;
    },
  };
}
