// What looks like a secret in a text: the rules of secretlint's recommended preset, and the forms of our own and of iLive's keys.
// What is pretended in a test is named here, text by text, so that the next one is looked at.
import { lintSource } from '@secretlint/core';
import { creator } from '@secretlint/secretlint-rule-preset-recommend';
import { isWholeKey } from '../src/operations/api-keys.ts';

/** Pretended secrets by the file in which they stand; without what would make them be found here. */
const pretended: Readonly<Record<string, readonly string[]>> = {
  'test/pure/config.test.ts': ['//u:canary@h/d', '//me:'],
  'test/service/starts-and-stops.test.ts': ['//me:'],
};

interface OwnRule {
  readonly name: string;
  readonly pattern: RegExp;
  readonly isSecret: (text: string) => boolean;
}

// A long part with few different letters is an example that somebody typed.
const looksMade = (text: string) => new Set(text.slice(text.lastIndexOf('_') + 1)).size >= 12;

const ownRules: readonly OwnRule[] = [
  {
    name: 'an API key of ours',
    pattern: /\bilw_[0-9A-Za-z]{48}\b/g,
    isSecret: isWholeKey,
  },
  { name: 'an API key of iLive', pattern: /\biksk_(?:live|test)_[0-9a-f]{32,}\b/g, isSecret: looksMade },
  { name: 'a signing secret', pattern: /\bwhsec_[0-9A-Za-z+/]{24,}={0,2}/g, isSecret: looksMade },
];

/** Each in a line, with where it stands and never what it is. */
export async function findSecrets(file: string, text: string): Promise<string[]> {
  const { messages } = await lintSource({
    source: { filePath: file, content: text, contentType: 'text', ext: '' },
    options: { locale: 'en', config: { rules: [{ id: creator.meta.id, rule: creator }] } },
  });
  const found = messages
    .filter(({ range: [start, end] }) => !isPretended(file, text.slice(start, end)))
    .map(({ loc, messageId }) => `${file}:${loc.start.line} ${messageId}`);
  const own = ownRules.flatMap(({ name, pattern, isSecret }) =>
    [...text.matchAll(pattern)]
      .filter(([match]) => isSecret(match) && !isPretended(file, match))
      .map(({ index }) => `${file}:${text.slice(0, index).split('\n').length} ${name}`),
  );
  return [...found, ...own];
}

function isPretended(file: string, match: string): boolean {
  return (pretended[file] ?? []).some((text) => match.includes(text));
}
