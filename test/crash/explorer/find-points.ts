// Finds every `await` of the watched sources and writes copies of them in which each is three instants: before its operand is
// evaluated, while it is waited for, and after it. The copies do what the originals do and nothing else; the sources stay as
// they are. A point is named after its file, its function and its place in the function, so that the name outlives most
// edits, and a new `await` is a point by itself.
import {
  isAwaitExpression,
  isForOfStatement,
  isFunctionLikeDeclaration,
  isPropertyAssignment,
  isVariableDeclaration,
  type Node,
  type PropertyAssignment,
  type SourceFile,
  type VariableDeclaration,
} from 'typescript/unstable/ast';
import { createVirtualFileSystem } from 'typescript/unstable/fs';
import { API } from 'typescript/unstable/sync';
import { isWatchedFunction, type WatchedFile } from './watched-files.ts';

export const instants = ['before', 'during', 'after'] as const;

export interface Found {
  /** Such as `db/record-deliveries.ts recordOrdered#1`; the place in the list is the point's number. */
  readonly points: readonly string[];
  /** File name → its text with the points in it. */
  readonly codeOf: ReadonlyMap<string, string>;
}

const tsconfig = {
  compilerOptions: { noLib: true, noResolve: true, types: [], noEmit: true, module: 'nodenext' },
  include: ['*'],
};

/** Reads all at once, since starting the parser costs more than parsing. */
export function findPoints(files: readonly WatchedFile[]): Found {
  const place = (index: number) => `/sources/${index}.mts`;
  const texts = Object.fromEntries(files.map(({ text }, index) => [place(index), text]));
  const parser = new API({
    cwd: '/sources',
    fs: createVirtualFileSystem({ ...texts, '/sources/tsconfig.json': JSON.stringify(tsconfig) }),
  });
  try {
    const [project] = parser.updateSnapshot({ openProjects: ['/sources/tsconfig.json'] }).getProjects();
    const points: string[] = [];
    const codeOf = new Map<string, string>();
    for (const [index, { name }] of files.entries()) {
      const source = project?.program.getSourceFile(place(index));
      if (source === undefined) throw new Error(`the parser did not read ${name}`);
      codeOf.set(name, markPoints(name, source, points));
    }
    return { points, codeOf };
  } finally {
    parser.close();
  }
}

interface Insertion {
  readonly at: number;
  readonly text: string;
}

function markPoints(name: string, source: SourceFile, points: string[]): string {
  const counts = new Map<string, number>();
  const insertions: Insertion[] = [];
  const numberOf = (node: Node): number | undefined => {
    const within = functionOf(node);
    if (!isWatchedFunction(`${name} ${within}`)) return undefined;
    const count = (counts.get(within) ?? 0) + 1;
    counts.set(within, count);
    return points.push(`${name} ${within}#${count}`) - 1;
  };
  const visit = (node: Node): undefined => {
    const isLoop = isForOfStatement(node) && node.awaitModifier !== undefined;
    const point = isAwaitExpression(node) || isLoop ? numberOf(node) : undefined;
    if (isAwaitExpression(node) && point !== undefined) {
      insertions.push(
        { at: node.getStart(source), text: `(__crash(${point * 3}),__crash(${point * 3 + 2},` },
        { at: node.expression.getStart(source), text: `__crash(${point * 3 + 1},` },
        { at: node.getEnd(), text: ')))' },
      );
    }
    if (isForOfStatement(node) && point !== undefined) {
      insertions.push(
        { at: node.expression.getStart(source), text: `__crash(${point * 3 + 1},(__crash(${point * 3}),` },
        { at: node.expression.getEnd(), text: '))' },
        { at: node.statement.getStart(source), text: `{__crash(${point * 3 + 2});` },
        { at: node.statement.getEnd(), text: '}' },
      );
    }
    node.forEachChild(visit);
  };
  visit(source);
  return insert(source.text, insertions);
}

// Those at one place stay in the order in which they were found: the outer ones first.
function insert(text: string, insertions: readonly Insertion[]): string {
  const sorted = insertions.toSorted((a, b) => a.at - b.at);
  let written = '';
  let from = 0;
  for (const { at, text: added } of sorted) {
    written += text.slice(from, at) + added;
    from = at;
  }
  return written + text.slice(from);
}

// The innermost function that has a name, its own or that of what it is assigned to.
function functionOf(node: Node): string {
  for (let at = node.parent; at !== undefined; at = at.parent) {
    if (!isFunctionLikeDeclaration(at)) continue;
    const own = 'name' in at ? (at.name as Node | undefined) : undefined;
    const named = own ?? (isNamedHolder(at.parent) ? at.parent.name : undefined);
    if (named !== undefined) return named.getText();
  }
  return 'module';
}

function isNamedHolder(node: Node): node is VariableDeclaration | PropertyAssignment {
  return isVariableDeclaration(node) || isPropertyAssignment(node);
}
