// What the documents say about the configuration, as text made from the list of keys. Pure, so that a test can compare
// what is written in the repository with what would be written now.

export interface DocumentedKey {
  readonly env: string;
  readonly doc: string;
  readonly example: string;
  readonly defaultText: string | null;
  readonly isSecret: boolean;
}

export const startMark = '<!-- configuration:start -->';
export const endMark = '<!-- configuration:end -->';

const envWidth = 110;

/** `.env.example`: every key commented out, so that a copy changes nothing until a line is uncommented. */
export function renderEnvExample(keys: readonly DocumentedKey[]): string {
  const head = [
    '# The configuration, generated from src/config-keys.ts by `npm run generate`; do not edit by hand.',
    '# Copy it to .env and uncomment what you change. A line shows the default, or an example where there is none.',
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
    return `| \`${env}\` | ${isSecret ? `${standing} (secret)` : standing} | ${escapeCell(doc)} |`;
  });
  return ['| Key | Default | When you would change it |', '| --- | --- | --- |', ...rows].join('\n');
}

/** The README with the table replaced. Throws where the marks are missing, so that nothing is lost in silence. */
export function replaceConfiguration(readme: string, table: string): string {
  const start = readme.indexOf(startMark);
  const end = readme.indexOf(endMark);
  if (start === -1 || end < start) throw new Error(`README.md needs the lines ${startMark} and ${endMark}.`);
  return `${readme.slice(0, start + startMark.length)}\n${table}\n${readme.slice(end)}`;
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
