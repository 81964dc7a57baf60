// Something that is wrong, as the status tells it: how bad it is, what it is, and what to do about it.

export type Level = 'ok' | 'warning' | 'error';

export interface Problem {
  readonly level: Exclude<Level, 'ok'>;
  readonly message: string;
  readonly advice: string;
}

/** As advice, alone or behind another sentence. */
export const runbook = (chapter: string) => `See "${chapter}" in the runbook.`;

// `advice` is a sentence with its full stop, or ends in a command, which has none so that it can be pasted.
export function problem(level: Problem['level'], message: string, advice: string): Problem {
  return { level, message, advice };
}
