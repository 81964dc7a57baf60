// `--why`: whatever changes something, and whatever shows a body, goes into the audit with its reason.
import { type Given, type Options, wrongUsage } from './command.ts';

export const whyOption: Options = { why: { value: 'TEXT', doc: 'the reason, for the audit (required)' } };

/** The reason; throws `config_invalid` where none is given. */
export function readWhy(given: Given, command: string): string {
  const why = given.text('why')?.trim();
  if (why === undefined || why === '') {
    throw wrongUsage('--why is needed: say the reason, which the audit keeps.', command);
  }
  return why;
}
