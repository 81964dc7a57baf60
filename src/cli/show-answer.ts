// An answer as it is shown: as JSON where `--json` asks for it, else in words. Either way it is looked at first, so that what a
// stranger at the service's address says is never passed on as an answer.
import type { z } from 'zod';
import type { Context, Given } from './command.ts';
import { type Asked, readAnswer } from './service-api.ts';

/** Shows the answer, with `print` where no JSON is asked for, and gives what it says. */
export function showAnswer<Schema extends z.ZodType>(
  asked: Asked,
  schema: Schema,
  given: Given,
  context: Context,
  print: (read: z.infer<Schema>, context: Context) => void,
): z.infer<Schema> {
  const read = readAnswer(asked, schema);
  if (given.has('json')) context.print(asked.text);
  else print(read, context);
  return read;
}
