// What in `.env` means less than it seems to: Node ends a value that nothing quotes at its first #, without a word, and what is
// left of a secret is still a secret. Pure, and it never tells a value.

export interface CutValue {
  readonly key: string;
  readonly line: number;
}

// A # behind a space is a comment to everybody; one that touches the value, or stands in its place, was meant to be in it.
const cut = /^\s*(?:export\s+)?([\w.-]+)[ \t]*=(?:#|[ \t]*[^\s"'`#](?:[^#]*[^#\s])?#)/;

/** The lines whose value is cut off at a #. */
export function findCutValues(text: string): CutValue[] {
  return text.split('\n').flatMap((line, index) => {
    const key = cut.exec(line)?.[1];
    return key === undefined ? [] : [{ key, line: index + 1 }];
  });
}
