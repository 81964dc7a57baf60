// Names that are no keys and were meant to be: such a line would be ignored without a word, and deliveries would go to another
// database than the one that was meant. Pure.
import { misspelt, nearest } from './nearest.ts';

// Keys of the command line and of the demo share the prefix.
const foreignKeys = /^ILIVE_(WEBHOOKS_|DEMO_)/;

/**
 * A problem for each unknown name within the prefix that is ours alone, and for each of `ownNames` that is near to a key which is
 * not set: where it is set, the name is somebody else's, in a file that they share with us.
 */
export function unknownKeys(
  env: Readonly<Record<string, string | undefined>>,
  ownNames: readonly string[],
  known: readonly string[],
): string[] {
  return Object.keys(env).flatMap((name) => {
    if (known.includes(name) || foreignKeys.test(name)) return [];
    const isPrefixed = name.startsWith('ILIVE_');
    const missing = () => known.filter((key) => !env[key]);
    const meant = isPrefixed ? nearest(name, known) : ownNames.includes(name) && misspelt(name, missing());
    const advice = meant ? `; did you mean ${meant}?` : '';
    return isPrefixed || meant ? [`${name}: there is no such key${advice}`] : [];
  });
}
