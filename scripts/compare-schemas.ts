// What of a JSON schema breaks those who rely on an earlier one. What is asked for must not become narrower, what is
// answered must not become wider: the two directions are each other's mirror. Pure.

type Schema = Readonly<Record<string, unknown>>;

/** A document, with what its references lead to. */
export interface Root {
  readonly paths: unknown;
  readonly resolve: (part: Schema) => Schema;
}

/** `asked` is what a caller sends, `answered` what it gets. */
export type Direction = 'asked' | 'answered';

export function rootOf(document: Schema): Root {
  const resolve = (part: Schema): Schema => {
    if (typeof part.$ref !== 'string') return part;
    const steps = part.$ref.slice(2).split('/');
    const target = steps.reduce<unknown>((at, step) => (at as Schema | undefined)?.[step], document);
    return resolve((target ?? {}) as Schema);
  };
  return { paths: document.paths, resolve };
}

interface Roots {
  readonly before: Root;
  readonly after: Root;
}

/** Every breaking change from `before` to `after`, each with its place, which begins with `at`. */
export function compareSchemas(
  roots: Roots,
  direction: Direction,
  before: Schema,
  after: Schema,
  at: string,
): string[] {
  return compare({ ...roots, direction, open: new Set() }, before, after, at);
}

interface Comparison extends Roots {
  readonly direction: Direction;
  /** Pairs that are being compared, so that what holds itself comes to an end. */
  readonly open: ReadonlySet<string>;
}

function compare(by: Comparison, before: Schema, after: Schema, at: string): string[] {
  const pair = `${before.$ref} ${after.$ref}`;
  if (before.$ref !== undefined && by.open.has(pair)) return [];
  const inside = before.$ref === undefined ? by : { ...by, open: new Set([...by.open, pair]) };
  const [was, is] = [by.before.resolve(before), by.after.resolve(after)];
  if (
    was.anyOf !== undefined ||
    is.anyOf !== undefined ||
    was.oneOf !== undefined ||
    is.oneOf !== undefined
  ) {
    return compareChoices(inside, was, is, at);
  }
  return [
    ...compareTypes(inside, was, is, at),
    ...compareWords(inside, was, is, at),
    ...compareBounds(inside, was, is, at),
    ...compareObjects(inside, was, is, at),
    ...compareParts(inside, was, is, at),
  ];
}

// Whoever was understood must be understood still; what is answered must be something that was foreseen.
function compareChoices(by: Comparison, was: Schema, is: Schema, at: string): string[] {
  const choicesOf = (schema: Schema) => (schema.anyOf ?? schema.oneOf ?? [schema]) as Schema[];
  const [before, after] = [choicesOf(was), choicesOf(is)];
  const fits = (old: Schema, young: Schema) => compare(by, old, young, at).length === 0;
  if (by.direction === 'asked') {
    const isTaken = (old: Schema) => after.some((young) => fits(old, young));
    return before.every(isTaken) ? [] : [`${at} takes fewer forms`];
  }
  const isKnown = (young: Schema) => before.some((old) => fits(old, young));
  return after.every(isKnown) ? [] : [`${at} may have another form`];
}

function compareTypes({ direction }: Comparison, was: Schema, is: Schema, at: string): string[] {
  const typesOf = ({ type, const: only }: Schema): string[] | undefined =>
    type === undefined ? (only === undefined ? undefined : [typeof only]) : [type].flat().map(String);
  const [before, after] = [typesOf(was), typesOf(is)];
  const [narrow, wide] = direction === 'asked' ? [before, after] : [after, before];
  if (wide === undefined) return [];
  const isInside = narrow?.every(
    (type) => wide.includes(type) || (type === 'integer' && wide.includes('number')),
  );
  return isInside
    ? []
    : [`${at} is ${after?.join(' or ') ?? 'anything'}, not ${before?.join(' or ') ?? 'anything'}`];
}

function compareWords({ direction }: Comparison, was: Schema, is: Schema, at: string): string[] {
  const wordsOf = ({ enum: words, const: only }: Schema): unknown[] | undefined =>
    Array.isArray(words) ? words : only === undefined ? undefined : [only];
  const [before, after] = [wordsOf(was), wordsOf(is)];
  const [narrow, wide] = direction === 'asked' ? [before, after] : [after, before];
  if (wide === undefined) return [];
  if (narrow === undefined)
    return [direction === 'asked' ? `${at} takes certain words alone` : `${at} may be any word`];
  const missing = narrow.filter((word) => !wide.includes(word));
  if (missing.length === 0) return [];
  return [`${at} ${direction === 'asked' ? 'does not take' : 'may be'} ${missing.join(', ')}`];
}

const lowerBounds = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];
const upperBounds = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];

function compareBounds({ direction }: Comparison, was: Schema, is: Schema, at: string): string[] {
  const [narrow, wide] = direction === 'asked' ? [was, is] : [is, was];
  const isBroken = (key: string, isOutside: (inner: number, outer: number) => boolean) => {
    const outer = wide[key];
    if (typeof outer !== 'number') return false;
    const inner = narrow[key];
    return typeof inner !== 'number' || isOutside(inner, outer);
  };
  const numbers = [
    ...lowerBounds.filter((key) => isBroken(key, (inner, outer) => inner < outer)),
    ...upperBounds.filter((key) => isBroken(key, (inner, outer) => inner > outer)),
  ];
  const forms = ['pattern', 'format'].filter((key) => wide[key] !== undefined && wide[key] !== narrow[key]);
  return [...numbers, ...forms].map((key) => `${at} has another ${key}`);
}

function compareObjects(by: Comparison, was: Schema, is: Schema, at: string): string[] {
  const [before, after] = [was.properties ?? {}, is.properties ?? {}] as Record<string, Schema>[];
  const [mustBefore, mustAfter] = [was.required ?? [], is.required ?? []] as string[][];
  const changes: string[] = [];
  for (const [name, schema] of Object.entries(before ?? {})) {
    const now = after?.[name];
    if (now !== undefined) changes.push(...compare(by, schema, now, `${at}: ${name}`));
    else if (by.direction === 'answered' || is.additionalProperties === false) {
      changes.push(`${at}: ${name} is gone`);
    }
  }
  if (by.direction === 'asked') {
    const added = mustAfter?.filter((name) => !mustBefore?.includes(name)) ?? [];
    changes.push(...added.map((name) => `${at}: ${name} is required`));
    if (is.additionalProperties === false && was.additionalProperties !== false && was.type === 'object') {
      changes.push(`${at} takes no other fields any more`);
    }
  } else {
    const dropped =
      mustBefore?.filter((name) => !mustAfter?.includes(name) && after?.[name] !== undefined) ?? [];
    changes.push(...dropped.map((name) => `${at}: ${name} may be missing`));
  }
  return changes;
}

function compareParts(by: Comparison, was: Schema, is: Schema, at: string): string[] {
  return (['items', 'additionalProperties'] as const).flatMap((key) => {
    const [before, after] = [was[key], is[key]];
    if (typeof before !== 'object' || typeof after !== 'object') return [];
    return compare(by, before as Schema, after as Schema, `${at}: ${key === 'items' ? 'each' : 'any field'}`);
  });
}
