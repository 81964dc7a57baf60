// What is wrong with what a caller sent, told by the names that the caller used.
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** `field "a.b" is missing`; `kind` is what the caller calls such a thing, `given` what was read. */
export function complaintOf(kind: string, { path, ...issue }: Issue, given: unknown): string {
  // The place in a list is nothing that a caller has named.
  const name = path.filter((part) => typeof part === 'string').join('.');
  if (valueAt(given, path) === undefined) return `${kind} "${name}" is missing`;
  if (!('expected' in issue)) return `${kind} "${name}" ${issue.message}`;
  const each = typeof path.at(-1) === 'number' ? 'each of ' : '';
  return `${each}${kind} "${name}" must be a ${issue.expected}`;
}

function valueAt(given: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((inner, part) => (inner as Record<PropertyKey, unknown> | undefined)?.[part], given);
}
