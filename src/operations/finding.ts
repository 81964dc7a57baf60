// What the doctor says about one thing.
export interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'warning' | 'error';
  readonly message: string;
  /** How to mend it; null where there is nothing to mend. */
  readonly advice: string | null;
}

export function finding(
  check: string,
  level: Finding['level'],
  message: string,
  advice: string | null,
): Finding {
  return { check, level, message, advice };
}
