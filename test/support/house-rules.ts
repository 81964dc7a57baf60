// The rules of the house as functions over a tree of files: path → text, real or made up. They know what a rule is; what
// holds in this house (who may import whom, the ceilings, the exceptions) is handed in, and stands in
// `test/architecture.test.ts`. Each breach names the file, the rule and the reason for the rule.
import path from 'node:path';
import type { SourceFacts } from './source-facts.ts';

export type Tree = Readonly<Record<string, string>>;

/** What a room may import, apart from itself and the ground files. */
export interface Room {
  readonly mayImport: readonly string[];
  readonly isOffGround?: boolean;
  readonly reason: string;
}

type Listed = Readonly<Record<string, string>>;

export interface House {
  readonly rooms: Readonly<Record<string, Room>>;
  readonly ground: readonly string[];
  /** Packages that a single room names. */
  readonly owners: readonly {
    readonly packages: readonly string[];
    readonly room: string;
    readonly reason: string;
  }[];
  readonly maxFileLines: number;
  /** Files that nobody writes by hand, each with where it comes from; no ceiling holds for them. */
  readonly generated: Listed;
  readonly maxFunctionLines: number;
  readonly drawers: readonly string[];
  readonly forbiddenWords: readonly string[];
  readonly entryPoints: readonly string[];
  /** The exceptions, each with its reason. */
  readonly mayReadEnvironment: Listed;
  readonly mayBeUnreachable: Listed;
  /** Files that compare bytes in a time that tells how far they agree: bytes that are no secret, or that nobody sends. */
  readonly mayCompareBytes: Listed;
  readonly notImported: Listed;
}

export interface Breach {
  readonly file: string;
  readonly rule: string;
  readonly reason: string;
}

export interface Checked {
  readonly house: House;
  readonly tree: Tree;
  readonly facts: ReadonlyMap<string, SourceFacts>;
}

export type Rule = (checked: Checked) => Breach[];

const sourceName = /\.(ts|mjs)$/;

export function isSource(file: string): boolean {
  return sourceName.test(file);
}

export function sourcesOf({ tree, facts }: Checked, folder = ''): [string, SourceFacts][] {
  return Object.entries(tree).flatMap(([file, text]) => {
    const read = facts.get(text);
    return isSource(file) && file.startsWith(folder) && read !== undefined ? [[file, read]] : [];
  });
}

/** The files of the tree that a source imports. */
export function importedFiles(file: string, { imports }: SourceFacts): string[] {
  return imports
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => path.posix.join(path.posix.dirname(file), specifier));
}

/** `@scope/name/part` and `name/part` → the name that package.json lists; Node's own modules are left out. */
export function importedPackages({ imports }: SourceFacts): string[] {
  const names = imports
    .filter((specifier) => !/^(\.|node:)/.test(specifier))
    .map((specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier);
  return [...new Set(names)];
}

/** `src/db/connect.ts` → `db`; `src/main.ts` → `main`. */
function roomOf(file: string): string {
  return file.split('/')[1]?.replace(/\.ts$/, '') ?? '';
}

const importsByTable: Rule = (checked) => {
  const { rooms, ground } = checked.house;
  return sourcesOf(checked, 'src/').flatMap(([file, facts]): Breach[] => {
    const from = roomOf(file);
    const room = rooms[from];
    if (room === undefined) {
      return [
        {
          file,
          rule: `${from} is a room that the table does not know`,
          reason: 'a new room is decided, and then listed',
        },
      ];
    }
    const breaches = importedFiles(file, facts).flatMap((target) => {
      const to = target.startsWith('src/') ? roomOf(target) : undefined;
      const isGround = to !== undefined && ground.includes(to) && !room.isOffGround;
      if (to === from || isGround || (to !== undefined && room.mayImport.includes(to))) return [];
      return [{ file, rule: `${from} may not import ${target}`, reason: room.reason }];
    });
    const foreign = room.isOffGround ? facts.imports.filter((specifier) => !specifier.startsWith('.')) : [];
    return [
      ...breaches,
      ...foreign.map((name) => ({ file, rule: `${from} may not import ${name}`, reason: room.reason })),
    ];
  });
};

const packagesByOwner: Rule = (checked) =>
  sourcesOf(checked, 'src/').flatMap(([file, facts]) =>
    importedPackages(facts).flatMap((name) =>
      checked.house.owners
        .filter(({ packages, room }) => packages.includes(name) && room !== roomOf(file))
        .map(({ room, reason }) => ({ file, rule: `only ${room} names ${name}`, reason })),
    ),
  );

const statementsInTheirRoom: Rule = (checked) =>
  sourcesOf(checked, 'src/')
    .filter(([file]) => roomOf(file) !== 'db')
    .flatMap(([file, facts]) =>
      facts.statements.map((statement) => ({
        file,
        rule: `only db asks ${JSON.stringify(statement.trim().slice(0, 60))}`,
        reason: 'who writes what, and who never does, is read in one place',
      })),
    );

const noComputedImport: Rule = (checked) =>
  sourcesOf(checked, 'src/')
    .filter(([, facts]) => facts.hasComputedImport)
    .map(([file]) => ({
      file,
      rule: 'no computed import',
      reason: 'it hides from every other rule what is imported',
    }));

const noCycle: Rule = (checked) => {
  const sources = new Map(sourcesOf(checked));
  const done = new Set<string>();
  const breaches: Breach[] = [];
  const visit = (file: string, trail: readonly string[]) => {
    const facts = sources.get(file);
    if (trail.includes(file)) {
      const circle = [...trail.slice(trail.indexOf(file)), file].join(' → ');
      breaches.push({
        file,
        rule: `no cycle: ${circle}`,
        reason: 'neither file can be read or changed alone',
      });
    } else if (facts !== undefined && !done.has(file)) {
      for (const target of importedFiles(file, facts)) visit(target, [...trail, file]);
      done.add(file);
    }
  };
  for (const file of sources.keys()) visit(file, []);
  return breaches;
};

const reachable: Rule = (checked) => {
  const { entryPoints, mayBeUnreachable } = checked.house;
  const sources = new Map(sourcesOf(checked));
  const reached = new Set<string>();
  const visit = (file: string) => {
    const facts = sources.get(file);
    if (facts === undefined || reached.has(file)) return;
    reached.add(file);
    for (const target of importedFiles(file, facts)) visit(target);
  };
  for (const entry of entryPoints) visit(entry);
  return [...sources.keys()]
    .filter((file) => file.startsWith('src/') && !reached.has(file) && !(file in mayBeUnreachable))
    .map((file) => ({
      file,
      rule: 'reachable from an entry point',
      reason: 'what nothing starts is dead wood',
    }));
};

const environment: Rule = (checked) => {
  const { entryPoints, mayReadEnvironment } = checked.house;
  return sourcesOf(checked, 'src/')
    .filter(
      ([file, facts]) =>
        facts.readsEnvironment && !entryPoints.includes(file) && !(file in mayReadEnvironment),
    )
    .map(([file]) => ({
      file,
      rule: 'no process.env',
      reason: 'settings come through parseConfig, which reports every problem at once; a room gets its slice',
    }));
};

const steadyComparisons: Rule = (checked) =>
  sourcesOf(checked, 'src/')
    .filter(([file, facts]) => facts.comparesBytes && !(file in checked.house.mayCompareBytes))
    .map(([file]) => ({
      file,
      rule: 'compares by timingSafeEqual',
      reason: 'the time of a comparison that ends early tells a secret byte by byte',
    }));

const exceptionsInUse: Rule = (checked) => {
  const { mayReadEnvironment, mayBeUnreachable, generated, mayCompareBytes } = checked.house;
  const sources = new Map(sourcesOf(checked));
  const idle = [
    ...Object.keys(generated).filter((file) => !sources.has(file)),
    ...Object.keys(mayReadEnvironment).filter((file) => !sources.get(file)?.readsEnvironment),
    ...Object.keys(mayCompareBytes).filter((file) => !sources.get(file)?.comparesBytes),
    ...Object.keys(mayBeUnreachable).filter((file) => !sources.has(file)),
  ];
  const reason = 'a list of exceptions that holds more than exceptions is no rule';
  return idle.map((file) => ({ file, rule: 'needs no exception any more', reason }));
};

export const graphRules: Readonly<Record<string, Rule>> = {
  'rooms import by the table': importsByTable,
  'packages have one owner': packagesByOwner,
  'SQL stands in db': statementsInTheirRoom,
  'no import is computed': noComputedImport,
  'nothing imports in a circle': noCycle,
  'every file is reachable': reachable,
  'the environment is read at the door': environment,
  'secrets are compared in steady time': steadyComparisons,
  'every exception is in use': exceptionsInUse,
};
