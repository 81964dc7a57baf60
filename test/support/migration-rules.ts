// What a migration may do while versions before it are at work: add. What takes something away, or asks more of what they
// write, has to say in its head from which migration on nobody needs it any more; and nothing may hold up writes to a table
// that may be large. Told from the text alone, so that it costs nothing to find out.

export interface MigrationText {
  readonly tag: string;
  readonly text: string;
}

const takesAway: readonly (readonly [RegExp, string])[] = [
  [
    /\bdrop\s+(table|column|schema|view|materialized\s+view|type|function|trigger|sequence)\b/,
    'drops what versions before it may use',
  ],
  [/\btruncate\b/, 'empties a table'],
  [/\brename\b/, 'renames what versions before it use'],
  [
    /\balter\s+column\s+\S+\s+(set\s+data\s+)?type\b/,
    'changes a type, and writes the table anew under a lock',
  ],
  [/\bset\s+not\s+null\b/, 'asks for a value that versions before it may not write'],
  [/\bdrop\s+default\b/, 'takes a default away that versions before it may lean on'],
];

/** Each breach as a sentence; none for a migration that can be run beside the versions before it. */
export function findBreaches({ tag, text }: MigrationText, earlierTags: readonly string[]): string[] {
  const isOutside = /^-- outside a transaction$/m.test(text);
  const contract = /^-- contract: (\S+)$/m.exec(text)?.[1];
  const statements = text
    .split('--> statement-breakpoint')
    .map(plain)
    .filter((statement) => statement !== '');
  const ownTables = new Set(
    statements.flatMap((statement) => {
      const name = /^create\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?(\S+)/.exec(statement)?.[1];
      return name === undefined ? [] : [name];
    }),
  );
  const asks = statements.flatMap((statement) => [
    ...takesAway.filter(([pattern]) => pattern.test(statement)).map(([, why]) => why),
    ...asksMore(statement, ownTables),
  ]);
  const breaches = [
    ...statements.flatMap((statement) => holdsUp(statement, ownTables)),
    ...(isOutside ? statements.flatMap(cannotBeRepeated) : []),
  ];
  if (contract === undefined) breaches.push(...asks.map((why) => `${why}, without "-- contract: <tag>"`));
  else if (!earlierTags.includes(contract)) breaches.push(`names ${contract}, which is no earlier migration`);
  else if (asks.length === 0) breaches.push('is called a contract and takes nothing away');
  return breaches.map((breach) => `${tag} ${breach}`);
}

// Neither remarks nor what is quoted: a function's body runs later, and a text is no statement.
function plain(statement: string): string {
  return statement
    .replaceAll(/--[^\n]*/g, ' ')
    .replaceAll(/\/\*[\s\S]*?\*\//g, ' ')
    .replaceAll(/(\$\w*\$)[\s\S]*?\1/g, "''")
    .replaceAll(/'(?:[^']|'')*'/g, "''")
    .replaceAll('"', '')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .toLowerCase();
}

const isOn = (statement: string, tables: ReadonlySet<string>) => {
  const name =
    /^alter table (?:if exists )?(?:only )?(\S+)/.exec(statement)?.[1] ??
    / on (?:only )?(\S+)/.exec(statement)?.[1];
  return name !== undefined && tables.has(name);
};

function asksMore(statement: string, ownTables: ReadonlySet<string>): string[] {
  if (isOn(statement, ownTables)) return [];
  const found: string[] = [];
  const columns = statement
    .split(/,(?![^(]*\))/)
    .filter((part) => /\badd (column )?(?!constraint)/.test(part));
  if (columns.some((part) => /\bnot null\b/.test(part) && !/\bdefault\b|\bgenerated\b/.test(part)))
    found.push('adds a column that versions before it do not fill');
  if (/\badd constraint\b/.test(statement))
    found.push('adds a constraint that versions before it may not keep');
  if (/^create unique index/.test(statement))
    found.push('adds a uniqueness that versions before it may not keep');
  return found;
}

function holdsUp(statement: string, ownTables: ReadonlySet<string>): string[] {
  if (isOn(statement, ownTables)) return [];
  if (/^create (unique )?index (?!concurrently)/.test(statement))
    return ['builds an index under a lock: "create index concurrently if not exists", outside a transaction'];
  if (/\badd constraint\b/.test(statement) && !/not valid|using index/.test(statement))
    return ['checks a whole table under a lock: "not valid", and "validate constraint" in a later one'];
  return [];
}

const repeatable =
  /^(create (unique )?index concurrently if not exists|drop index concurrently if exists|comment on|alter table \S+ (validate constraint|add column if not exists)|alter index \S+ attach partition)\b/;

function cannotBeRepeated(statement: string): string[] {
  return repeatable.test(statement)
    ? []
    : [`runs outside a transaction what cannot be run again after a crash: ${statement.slice(0, 60)}`];
}
