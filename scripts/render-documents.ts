// What the documents say about the configuration, the routes and the error codes, as text made from their lists. Pure, so that a test can compare
// what is written in the repository with what would be written now.

export interface DocumentedKey {
  readonly env: string;
  readonly doc: string;
  readonly example: string;
  readonly defaultText: string | null;
  readonly isSecret: boolean;
}

const envWidth = 110;

/** `.env.example`: every key commented out, so that a copy changes nothing until a line is uncommented. */
export function renderEnvExample(keys: readonly DocumentedKey[]): string {
  const head = [
    '# The configuration, generated from src/config-keys.ts by `npm run generate`; do not edit by hand.',
    '# Copy it to .env and uncomment what you change. A line shows the default, or an example where there is none.',
    '# A value with a #, a $ or a space goes into single quotes: what stands behind a # is cut off otherwise, and a warning',
    '# at start says where. The examples of secrets are refused. Each secret may stand in a file instead: <KEY>_FILE names it.',
  ];
  const sections = keys.map((key) => {
    const standing = key.defaultText === null ? ['No default; the line shows an example.'] : [];
    const told = [key.doc, ...standing, ...(key.isSecret ? ['Secret.'] : [])].join(' ');
    return [...wrap(told), `#${key.env}=${quoteValue(key.defaultText || key.example)}`].join('\n');
  });
  return `${[head.join('\n'), ...sections].join('\n\n')}\n`;
}

/** The table for the README, between its marks. */
export function renderConfigurationTable(keys: readonly DocumentedKey[]): string {
  const rows = keys.map(({ env, doc, defaultText, isSecret }) => {
    const standing = defaultText ? codeCell(defaultText) : 'none';
    return [`\`${env}\``, isSecret ? `${standing} (secret)` : standing, escapeCell(doc)];
  });
  return renderTable(['Key', 'Default', 'When you would change it'], rows);
}

export interface DocumentedRoute {
  readonly method: string;
  readonly path: string;
  readonly role: string;
  readonly summary: string;
}

/** The table of routes for docs/api.md, between its marks. */
export function renderRoutesTable(routes: readonly DocumentedRoute[]): string {
  const rows = routes.map(({ method, path, role, summary }) => [
    method,
    `\`${path.replace(/:(\w+)/g, '<$1>')}\``,
    role,
    escapeCell(summary),
  ]);
  return renderTable(['Method', 'Path', 'Role', 'What it does'], rows);
}

export interface DocumentedCode {
  readonly code: string;
  readonly status: number;
  readonly means: string;
  readonly again: string;
}

/** The table of error codes for docs/api.md, between its marks. */
export function renderCodesTable(codes: readonly DocumentedCode[]): string {
  const rows = codes.map(({ code, status, means, again }) => [
    String(status),
    `\`${code}\``,
    escapeCell(means),
    escapeCell(again),
  ]);
  return renderTable(['Status', '`code`', 'Means', 'The same request again'], rows);
}

function renderTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  return [titles, titles.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** The OpenAPI document as it is committed. */
export function renderOpenApi(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** The text with what stands between its marks of that name replaced. Throws where they are missing: nothing is lost in silence. */
export function replaceMarked(text: string, name: string, content: string): string {
  const [startMark, endMark] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
  const start = text.indexOf(startMark);
  const end = text.indexOf(endMark);
  if (start === -1 || end < start)
    throw new Error(`the document needs the lines ${startMark} and ${endMark}`);
  return `${text.slice(0, start + startMark.length)}\n${content}\n${text.slice(end)}`;
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = '#';
  for (const word of text.split(/\s+/)) {
    if (line.length + 1 + word.length > envWidth) {
      lines.push(line);
      line = '#';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

// Single quotes keep $ and # as they are, for Node's --env-file and for Docker Compose alike.
function quoteValue(value: string): string {
  return /[\s#"$\\`]/.test(value) ? `'${value}'` : value;
}

function codeCell(text: string): string {
  return `\`${escapeCell(text)}\``;
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
