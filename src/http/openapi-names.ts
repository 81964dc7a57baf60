// The names of operations in the OpenAPI document, made from method and path alone: a route cannot be without one, and it
// stays the same for as long as its path does. Clients are generated with these names.

/** `GET /v1/sessions/:session_id` → `getSession`. */
export function nameOperation(method: string, path: string): string {
  const segments = path
    .split('/')
    .filter((segment) => segment !== '' && segment !== 'v1' && segment !== 'ops');
  const isOne = segments.at(-1)?.startsWith(':') ?? false;
  const words = segments.flatMap((segment, index) => {
    if (segment.startsWith(':')) return [];
    const isOneOf = segments[index + 1]?.startsWith(':') ?? false;
    return [pascal(isOneOf ? singular(segment) : segment)];
  });
  const last = segments.at(-1) ?? '';
  const isList = !isOne && isPlural(last);
  if (method === 'GET') return `${isList ? 'list' : 'get'}${words.join('')}`;
  if (isOne) return `${method.toLowerCase()}${words.join('')}`;
  if (isList) return `create${[...words.slice(0, -1), pascal(singular(last))].join('')}`;
  // What is posted to a word that is no collection is what that word says: `…/replays/:replay_id/pause` → `pauseReplay`.
  return lowerFirst([words.at(-1), ...words.slice(0, -1)].join(''));
}

/** What an operation belongs to, for those who read the document. */
export function tagOf(path: string): string {
  const [, , first = '', second = ''] = path.split('/');
  const about = first === 'ops' ? second : first;
  return tagsBySegment[about] ?? (first === 'ops' ? 'operating' : about);
}

const tagsBySegment: Readonly<Record<string, string>> = {
  sessions: 'sessions',
  completeness: 'sessions',
  'face-matches': 'facts',
  'compliance-alerts': 'facts',
  subjects: 'subjects',
  changes: 'changes',
  stream: 'changes',
  deliveries: 'deliveries',
  replays: 'replays',
  refusals: 'refusals',
  secrets: 'secrets',
  keys: 'keys',
  audit: 'audit',
};

function isPlural(word: string): boolean {
  return /[^su]s$/.test(word) && !word.endsWith('completeness');
}

function singular(word: string): string {
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  if (/(ch|sh|x)es$/.test(word)) return word.slice(0, -2);
  return isPlural(word) ? word.slice(0, -1) : word;
}

function pascal(segment: string): string {
  return segment
    .split(/[-_]/)
    .map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
    .join('');
}

function lowerFirst(text: string): string {
  return `${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}
