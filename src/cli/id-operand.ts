// Ids as operands: what cannot be one is a wrong command line, and nobody is asked. The value is not repeated, since it may be
// anything that was pasted by mistake.
import { type Given, wrongUsage } from './command.ts';

const uuidForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The ids that were given; `what` they are ids of, such as "a refusal". Throws `config_invalid` for what is no id. */
export function readIds({ operands }: Given, what: string, command: string): readonly string[] {
  if (operands.every((operand) => uuidForm.test(operand))) return operands;
  throw wrongUsage(`ID must be the id of ${what} (a UUID), as its list shows it.`, command);
}

/** `id` as a part of a path; `what` says whose id it is to be, such as "ID cannot be a session’s". */
export function pathPart(id: string, what: string, command: string): string {
  // One of dots would climb in the path, to another question.
  if (/^\.+$/.test(id)) throw wrongUsage(`${what}.`, command);
  return encodeURIComponent(id.toWellFormed());
}

/** The one id that the command asks for. */
export function readId(given: Given, what: string, command: string): string {
  return readIds(given, what, command)[0] ?? '';
}
