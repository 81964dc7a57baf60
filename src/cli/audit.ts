// `audit list` and `audit verify`: what operators did, and whether that record is whole.
import { z } from 'zod';
import { counted } from '../operations/counted.ts';
import type { Command, Context } from './command.ts';
import { listOptions, showList } from './list.ts';
import { createAsk, serviceOptions } from './service-api.ts';
import { showAnswer } from './show-answer.ts';
import { renderTime } from './table.ts';
import { readTimes, timeOptions } from './time-option.ts';

const entry = z.object({
  seq: z.number(),
  at: z.string(),
  actor: z.string(),
  role: z.string(),
  address: z.string(),
  action: z.string(),
  why: z.string(),
  details: z.unknown(),
  rows: z.number(),
  outcome: z.string(),
});

export const listAudit: Command = {
  name: 'audit list',
  operands: [],
  summary: 'Lists what operators did, newest first',
  details: '--json shows also what it was done to.',
  options: {
    actor: { value: 'NAME', doc: 'only what was done with this key' },
    action: { value: 'ACTION', doc: 'only this, such as refusals.reverify' },
    ...timeOptions,
    ...listOptions,
    ...serviceOptions,
  },
  examples: [
    'ilive-webhooks audit list --since 1d',
    'ilive-webhooks audit list --action deliveries.read_body --actor night-shift',
    'ilive-webhooks audit list --all --json > audit.json',
  ],
  async run(given, context) {
    const times = readTimes(given, context.now(), this.name);
    const ask = await createAsk(given, context, this.name);
    await showList(ask, given, context, {
      command: this.name,
      path: '/v1/ops/audit',
      query: { actor: given.text('actor'), action: given.text('action'), ...times },
      row: entry,
      columns: [
        { title: 'entry', isNumber: true },
        'at',
        'who',
        'from',
        'action',
        { title: 'rows', isNumber: true },
        'outcome',
        'why',
      ],
      cells: (row) => [
        String(row.seq),
        renderTime(row.at),
        `${row.actor} (${row.role})`,
        row.address,
        isDryRun(row.details) ? `${row.action} (dry run)` : row.action,
        String(row.rows),
        row.outcome,
        row.why,
      ],
      empty: 'No entry matches.',
    });
    return 0;
  },
};

function isDryRun(details: unknown): boolean {
  return typeof details === 'object' && details !== null && 'dry_run' in details && details.dry_run === true;
}

const verification = z.object({
  is_whole: z.boolean(),
  entries: z.number(),
  flaws: z.array(z.object({ seq: z.number(), flaw: z.string() })),
  missing_keys: z.array(z.object({ key: z.string(), entries: z.number() })).default([]),
  keyed_from: z.number().nullable(),
  head: z.object({ seq: z.number(), hash: z.string() }),
});

const meanings: Readonly<Record<string, string>> = {
  missing: 'is missing',
  changed: 'was changed, or put in by somebody else',
  out_of_order: 'does not follow the one before it',
  unknown_key: 'hangs on an encryption key that is missing, and cannot be verified',
};

export const verifyAudit: Command = {
  name: 'audit verify',
  operands: [],
  summary: 'Finds entries of the audit that were changed, taken out or moved',
  details: `Exits 1 when it is not whole, and names each entry. It prints the newest entry's number and
hash: noted elsewhere, they prove later that nothing before was made anew.`,
  options: serviceOptions,
  examples: [
    'ilive-webhooks audit verify',
    'ilive-webhooks audit verify --json | jq -r \'.head | "\\(.seq) \\(.hash)"\'',
  ],
  async run(given, context) {
    const ask = await createAsk(given, context, this.name);
    const asked = await ask('GET', '/v1/ops/audit/verification');
    return showAnswer(asked, verification, given, context, printVerification).is_whole ? 0 : 1;
  },
};

// Where a key is configured for the first time, and where somebody has put other entries in place of all: nothing tells which.
function describeKeyed(from: number | null): string {
  if (from === null)
    return 'Its hashes hang on no encryption key: who can write to the database could make them all anew.';
  const before = from === 1 ? '' : '; who can write to the database could have made those before anew';
  return `From entry ${from} on its hashes hang on an encryption key${before}.`;
}

function printVerification(read: z.infer<typeof verification>, { print, paint }: Context): void {
  for (const { seq, flaw } of read.flaws) {
    const which = seq === 0 ? 'The row that names the newest entry' : `Entry ${seq}`;
    print(paint('red', `${which} ${meanings[flaw] ?? flaw}.`));
  }
  for (const { key, entries } of read.missing_keys) {
    const what = `The encryption key "${key}", on which ${counted(entries, 'entry', 'hangs', 'hang')}, is missing:`;
    print(`${what} put it back into ENCRYPTION_KEYS, behind the others, to verify them.`);
  }
  if (read.is_whole) print(`${paint('green', 'The audit is whole')}: ${read.entries} entries.`);
  print(describeKeyed(read.keyed_from));
  print(`The newest is ${read.head.seq}, ${read.head.hash}`);
}
