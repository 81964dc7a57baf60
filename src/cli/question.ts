// Asks a person at a terminal. Who leaves with Ctrl-C or Ctrl-D has said no, and is told that nothing was done.
import { createInterface } from 'node:readline/promises';
import { ServiceError } from '../errors.ts';

/** The answer. Throws `conflict` when there is none. */
export async function question(
  text: string,
  { input, output }: { readonly input: NodeJS.ReadableStream; readonly output: NodeJS.WritableStream },
): Promise<string> {
  const lines = createInterface({ input, output });
  // An input that ends settles no question.
  const closed = new Promise<undefined>((resolve) => lines.once('close', () => resolve(undefined)));
  const answered = lines.question(text).catch((error: unknown) => {
    if (error instanceof Error && error.name === 'AbortError') return undefined;
    throw error;
  });
  try {
    const answer = await Promise.race([answered, closed]);
    if (answer !== undefined) return answer;
    output.write('\n');
    throw new ServiceError('conflict', 'No answer was given: nothing was done.');
  } finally {
    lines.close();
  }
}
