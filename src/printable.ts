// Text that somebody else may have chosen, made fit for a terminal: what steers one, hides or turns the direction of reading
// is shown as its code. An account's name stands in the path of a request that nobody signed, so it holds anything.

const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Control and formatting characters, lone surrogates included, as their code points. */
export function printable(text: string): string {
  return text.replaceAll(unprintable, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

// The space between what JSON holds; in a string they are escaped already.
const jsonSpace = /^[\t\n\r]$/;

/** The same JSON with these characters as JSON's own escapes, so that whoever parses it reads what they would have read. */
export function printableJson(json: string): string {
  return json.replaceAll(unprintable, (character) => {
    if (jsonSpace.test(character)) return character;
    return character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join('');
  });
}
