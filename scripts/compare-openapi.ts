// What of an OpenAPI document breaks those who rely on an earlier one. Pure: two documents in, sentences out. Asking must
// stay at least as easy, and answers may hold more but never less or other than was promised. Knows only what our
// generator writes.
import { compareSchemas, type Root } from './compare-schemas.ts';

type Part = Readonly<Record<string, unknown>>;
type Parts = Readonly<Record<string, Part>>;

interface Parameter extends Part {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly schema: Part;
}

const roles = ['reader', 'operator', 'admin'];

/** Every breaking change from `before` to `after`, as a sentence that says where; sorted. */
export function findBreakingChanges(before: Root, after: Root): string[] {
  const changes: string[] = [];
  for (const [path, methods] of Object.entries(before.paths as Parts)) {
    for (const [method, operation] of Object.entries(methods)) {
      const now = (after.paths as Parts)[path]?.[method] as Part | undefined;
      const name = `${method.toUpperCase()} ${path}`;
      if (now === undefined) changes.push(`${name}: it is gone`);
      else {
        const found = compareOperations({ before, after }, operation as Part, now);
        changes.push(...found.map((change) => `${name}: ${change}`));
      }
    }
  }
  return [...new Set(changes)].sort();
}

interface Roots {
  readonly before: Root;
  readonly after: Root;
}

function compareOperations(roots: Roots, before: Part, after: Part): string[] {
  return [
    ...(before.operationId === after.operationId
      ? []
      : [`it is called ${after.operationId}, not ${before.operationId} any more`]),
    ...compareAccess(before, after),
    ...compareParameters(roots, before, after),
    ...compareBodies(roots, before.requestBody as Part | undefined, after.requestBody as Part | undefined),
    ...compareAnswers(roots, before.responses as Parts, after.responses as Parts),
  ];
}

function compareAccess(before: Part, after: Part): string[] {
  const [was, is] = [before, after].map((operation) =>
    Array.isArray(operation.security) && operation.security.length === 0
      ? -1
      : roles.indexOf(String(operation['x-role'] ?? 'reader')),
  ) as [number, number];
  return is > was ? [`it asks for a key of role ${roles[is]}`] : [];
}

function compareParameters(roots: Roots, before: Part, after: Part): string[] {
  const [was, is] = [before, after].map(
    ({ parameters = [] }) =>
      new Map((parameters as Parameter[]).map((each) => [`${each.in} parameter "${each.name}"`, each])),
  ) as [Map<string, Parameter>, Map<string, Parameter>];
  const changes: string[] = [];
  for (const [name, parameter] of is) {
    if (parameter.required && !was.get(name)?.required) changes.push(`the ${name} is required`);
  }
  for (const [name, parameter] of was) {
    const now = is.get(name);
    if (now === undefined) {
      changes.push(`the ${name} is gone`);
      continue;
    }
    if (parameter.schema.default !== now.schema.default) changes.push(`the ${name} has another default`);
    changes.push(...compareSchemas(roots, 'asked', parameter.schema, now.schema, `the ${name}`));
  }
  return changes;
}

function compareBodies(roots: Roots, before: Part | undefined, after: Part | undefined): string[] {
  if (after === undefined) return before === undefined ? [] : ['it takes no body any more'];
  if (before === undefined) return after.required === true ? ['it asks for a body'] : [];
  const becameRequired = after.required === true && before.required !== true ? ['the body is required'] : [];
  return [...becameRequired, ...compareContents(roots, 'asked', before, after, 'the body')];
}

function compareAnswers(roots: Roots, before: Parts, after: Parts): string[] {
  const changes: string[] = [];
  for (const [status, answer] of Object.entries(before)) {
    const now = after[status];
    if (now === undefined) {
      changes.push(`the answer ${status} is gone`);
      continue;
    }
    const [was, is] = [roots.before.resolve(answer), roots.after.resolve(now)];
    changes.push(...compareContents(roots, 'answered', was, is, `the answer ${status}`));
  }
  for (const status of Object.keys(after)) {
    if (before[status] === undefined && status.startsWith('2')) changes.push(`the answer ${status} is new`);
  }
  return changes;
}

function compareContents(
  roots: Roots,
  direction: 'asked' | 'answered',
  before: Part,
  after: Part,
  at: string,
): string[] {
  const [was, is] = [before.content ?? {}, after.content ?? {}] as [Parts, Parts];
  return Object.entries(was).flatMap(([type, media]) => {
    const now = is[type];
    if (now === undefined) return [`${at} is not ${type} any more`];
    const events = ['schema', 'x-event'].filter((key) => media[key] !== undefined);
    return events.flatMap((key) =>
      compareSchemas(roots, direction, media[key] as Part, (now[key] ?? {}) as Part, at),
    );
  });
}
