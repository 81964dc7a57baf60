// What the rules of the house need to know about a source: what it imports, how many lines of code it and its functions
// have, and a few things that it may do or not. The compiler's own parser reads the sources, so nothing is guessed from
// text. That interface of TypeScript 7 is still called unstable; this is the only file that knows it.
import {
  isBinaryExpression,
  isBindingElement,
  isCallExpression,
  isElementAccessExpression,
  isExportAssignment,
  isExportDeclaration,
  isExportSpecifier,
  isFunctionLikeDeclaration,
  isIdentifier,
  isImportDeclaration,
  isImportSpecifier,
  isImportTypeNode,
  isLiteralTypeNode,
  isObjectLiteralExpression,
  isPropertyAccessExpression,
  isPropertyAssignment,
  isStringLiteralLikeNode,
  isVariableDeclaration,
  type Node,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast';
import { createVirtualFileSystem } from 'typescript/unstable/fs';
import { API } from 'typescript/unstable/sync';

export interface FunctionFacts {
  readonly name: string;
  /** 1 for the first line of the file. */
  readonly line: number;
  /** Nested functions included. */
  readonly codeLines: number;
  /** Handed to `describe`, which holds tests together and is as long as they are many. */
  readonly isSuite: boolean;
}

export interface SourceFacts {
  /** As written, type imports included; each once. */
  readonly imports: readonly string[];
  /** `import(name)`, whose target no rule can see. */
  readonly hasComputedImport: boolean;
  readonly hasDefaultExport: boolean;
  /** It does nothing but hand on what others export. */
  readonly isBarrel: boolean;
  readonly readsEnvironment: boolean;
  /** What it asks of a database, as written in `query({ text })`; what is no plain text there, by how it is spelled. */
  readonly statements: readonly string[];
  /** `equals` or `compare` of a buffer, which end at the first byte that differs. */
  readonly comparesBytes: boolean;
  /** Lines that are neither blank nor only a comment. */
  readonly codeLines: number;
  readonly functions: readonly FunctionFacts[];
}

const tsconfig = {
  compilerOptions: {
    noLib: true,
    noResolve: true,
    types: [],
    allowJs: true,
    noEmit: true,
    module: 'nodenext',
  },
  include: ['*'],
};

/** Reads many sources at once, since starting the parser costs more than parsing; the answer is keyed by the text. */
export function readSources(texts: Iterable<string>): ReadonlyMap<string, SourceFacts> {
  const unique = [...new Set(texts)];
  const nameOf = (index: number) => `/sources/${index}.mts`;
  const files = Object.fromEntries(unique.map((text, index) => [nameOf(index), text]));
  const parser = new API({
    cwd: '/sources',
    fs: createVirtualFileSystem({ ...files, '/sources/tsconfig.json': JSON.stringify(tsconfig) }),
  });
  try {
    const [project] = parser.updateSnapshot({ openProjects: ['/sources/tsconfig.json'] }).getProjects();
    return new Map(
      unique.map((text, index) => {
        const file = project?.program.getSourceFile(nameOf(index));
        if (file === undefined)
          throw new Error(`The parser did not read the source that begins: ${text.slice(0, 80)}`);
        return [text, readFacts(file)];
      }),
    );
  } finally {
    parser.close();
  }
}

function readFacts(file: SourceFile): SourceFacts {
  const nodes = listNodes(file);
  const lines = markCodeLines(file, nodes);
  const count = (start: number, end: number) =>
    lines.slice(lineAt(file, start), lineAt(file, end) + 1).filter(Boolean);
  const specifiers = nodes.map(specifierOf).filter((specifier) => specifier !== undefined);
  return {
    imports: [...new Set(specifiers.filter((specifier) => specifier !== computed))],
    hasComputedImport: specifiers.includes(computed),
    hasDefaultExport: nodes.some(isDefaultExport),
    isBarrel:
      file.statements.some(isExportDeclaration) &&
      file.statements.every((statement) => isExportDeclaration(statement) || isImportDeclaration(statement)),
    readsEnvironment: nodes.some(isEnvironment),
    statements: nodes.flatMap(statementsOf),
    comparesBytes: nodes.some(isComparison),
    codeLines: lines.filter(Boolean).length,
    functions: nodes
      .filter((node) => isFunctionLikeDeclaration(node) && node.body !== undefined)
      .map((node) => ({
        name: nameOfFunction(node),
        line: lineAt(file, node.getStart(file)) + 1,
        codeLines: count(node.getStart(file), node.getEnd()).length,
        isSuite: isCallExpression(node.parent) && /^describe\b/.test(node.parent.expression.getText(file)),
      })),
  };
}

function listNodes(root: Node): Node[] {
  const nodes: Node[] = [];
  const visit = (node: Node): undefined => {
    nodes.push(node);
    node.forEachChild(visit);
  };
  visit(root);
  return nodes;
}

const literalKinds: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.StringLiteral,
  SyntaxKind.RegularExpressionLiteral,
  SyntaxKind.NoSubstitutionTemplateLiteral,
  SyntaxKind.TemplateHead,
  SyntaxKind.TemplateMiddle,
  SyntaxKind.TemplateTail,
]);

/** For each line, whether it holds code. Literals are covered first: what looks like a comment in one is none. */
function markCodeLines(file: SourceFile, nodes: readonly Node[]): boolean[] {
  let text = file.text;
  for (const node of nodes.filter(({ kind }) => literalKinds.has(kind))) {
    const [start, end] = [node.getStart(file), node.getEnd()];
    text = text.slice(0, start) + text.slice(start, end).replaceAll(/\S/g, 'x') + text.slice(end);
  }
  return text
    .replaceAll(/\/\/.*|\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/./g, ' '))
    .split('\n')
    .map((line) => line.trim() !== '');
}

function lineAt(file: SourceFile, position: number): number {
  return file.text.slice(0, position).split('\n').length - 1;
}

const computed = Symbol('an import whose target is computed');

function specifierOf(node: Node): string | typeof computed | undefined {
  const target = importTargetOf(node);
  if (target === undefined) return undefined;
  return isStringLiteralLikeNode(target) ? target.text : computed;
}

function importTargetOf(node: Node): Node | undefined {
  if (isImportDeclaration(node) || isExportDeclaration(node)) return node.moduleSpecifier;
  if (isImportTypeNode(node)) return isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument;
  if (!isCallExpression(node)) return undefined;
  const isImport = node.expression.kind === SyntaxKind.ImportKeyword;
  const isRequire = isIdentifier(node.expression) && node.expression.text === 'require';
  return isImport || isRequire ? (node.arguments[0] ?? node) : undefined;
}

function isDefaultExport(node: Node): boolean {
  if (isExportAssignment(node)) return true;
  if (isExportSpecifier(node)) return node.name.text === 'default';
  return node.kind === SyntaxKind.DefaultKeyword && node.parent.kind !== SyntaxKind.DefaultClause;
}

/** `process.env` in any spelling; also `const { env } = process` and `import { env } from 'node:process'`. */
function isEnvironment(node: Node): boolean {
  if (isPropertyAccessExpression(node)) return isProcess(node.expression) && node.name.text === 'env';
  if (isElementAccessExpression(node)) {
    const name = node.argumentExpression;
    return isProcess(node.expression) && isStringLiteralLikeNode(name) && name.text === 'env';
  }
  if (isBindingElement(node)) {
    const declaration = node.parent.parent;
    const from = isVariableDeclaration(declaration) ? declaration.initializer : undefined;
    return from !== undefined && isProcess(from) && (node.propertyName ?? node.name)?.getText() === 'env';
  }
  if (!isImportSpecifier(node)) return false;
  const declaration = node.parent.parent.parent;
  const from = isImportDeclaration(declaration) ? specifierOf(declaration) : undefined;
  return (from === 'node:process' || from === 'process') && (node.propertyName ?? node.name).text === 'env';
}

function isProcess(node: Node): boolean {
  if (isPropertyAccessExpression(node)) return node.name.text === 'process';
  return isIdentifier(node) && node.text === 'process';
}

/** A call of `query` or `orm` by a statement; whatever else such a call is handed is taken as it stands. */
function statementsOf(node: Node): string[] {
  if (!isCallExpression(node) || !isPropertyAccessExpression(node.expression)) return [];
  if (node.expression.name.text !== 'query' && node.expression.name.text !== 'orm') return [];
  const [given] = node.arguments;
  if (given === undefined) return [];
  const texts = isObjectLiteralExpression(given)
    ? given.properties.filter(isPropertyAssignment).filter(({ name }) => name.getText() === 'text')
    : [];
  const [text] = texts.map(({ initializer }) => initializer);
  return [text !== undefined && isStringLiteralLikeNode(text) ? text.text : given.getText()];
}

function isComparison(node: Node): boolean {
  if (!isCallExpression(node) || !isPropertyAccessExpression(node.expression)) return false;
  return node.expression.name.text === 'equals' || node.expression.name.text === 'compare';
}

function nameOfFunction(node: Node): string {
  if ('name' in node && node.name !== undefined) return (node.name as Node).getText();
  const { parent } = node;
  if ('name' in parent && parent.name !== undefined) return (parent.name as Node).getText();
  if (isCallExpression(parent)) return `the callback of ${parent.expression.getText()}`;
  return isBinaryExpression(parent) ? parent.left.getText() : 'a nameless function';
}
