// The ids of one run. All of them follow from the seed and the run's label, and all begin with the same eight hex
// digits: so a run can be told apart from whatever else a database holds, and what it must not hold can be looked for.
import { createHash } from 'node:crypto';

export interface Identities {
  /** The eight hex digits with which every uuid of the run begins. */
  readonly mark: string;
  /** The uuid that goes by this name within the run. */
  uuid(name: string): string;
}

export function createIdentities(seed: number, label: string): Identities {
  const mark = hash(JSON.stringify([seed, label])).slice(0, 8);
  return {
    mark,
    uuid: (name) => {
      const hex = hash(JSON.stringify([seed, label, name]));
      return `${mark}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
    },
  };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
