// `replay`: having stored deliveries processed again. The dry run shows which rows would change, and how; a large one asks
// first; `--follow` stays until it is over.
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { ServiceError } from '../errors.ts';
import { counted } from '../operations/counted.ts';
import { printable } from '../printable.ts';
import { type Command, type Context, type ExitCode, type Given, wrongUsage } from './command.ts';
import { deliveryFilterOptions, readDeliveryFilter } from './deliveries.ts';
import { readIds } from './id-operand.ts';
import { printReplay, shownReplay } from './replays.ts';
import { type Ask, type Asked, createAsk, readAnswer, serviceOptions } from './service-api.ts';
import { showAnswer } from './show-answer.ts';
import { renderTable } from './table.ts';
import { readWhy, whyOption } from './why.ts';

const rehearsal = z.object({
  matching: z.number(),
  tried: z.number(),
  is_complete: z.boolean(),
  outcomes: z.record(z.string(), z.number()),
  failed: z.number(),
  detail: z.string().nullable(),
  changes_count: z.number(),
  changes: z.array(
    z.object({
      table: z.string(),
      key: z.record(z.string(), z.unknown()),
      change: z.string(),
      columns: z.record(z.string(), z.object({ before: z.unknown(), after: z.unknown() })),
    }),
  ),
});

const followMs = 1_000;

export const replay: Command = {
  name: 'replay',
  operands: ['[ID…]'],
  summary: 'Has stored deliveries processed again',
  details: `By ids, or by the filters that "deliveries list" takes. What has had its effect stays as it
is, row by row; what is missing is made. --dry-run does it and takes it back, and shows
which rows would change and how. It runs in the workers and goes on after a crash; see
"replays list". A replay of many asks for a confirmation, which --yes gives beforehand.`,
  options: {
    ...deliveryFilterOptions,
    all: { doc: 'all deliveries' },
    'dry-run': { doc: 'show what would change, and change nothing' },
    yes: { doc: 'do not ask, however many they are' },
    follow: { doc: 'stay and show progress; exits 1 when one failed or it was cancelled' },
    ...whyOption,
    ...serviceOptions,
  },
  examples: [
    "ilive-webhooks replay --state parked --reason unknown_kind --dry-run --why 'an alias was added'",
    "ilive-webhooks replay --state parked --reason unknown_kind --follow --why 'an alias was added'",
    "ilive-webhooks replay --from 2026-11-22T00:00:00Z --to 2026-11-23T00:00:00Z --yes --why 'rows were lost'",
  ],
  async run(given, context) {
    const filter = readDeliveryFilter(given, context.now(), this.name);
    const body = { ...readChoice(given, filter, this.name), why: readWhy(given, this.name) };
    const ask = await createAsk(given, context, this.name);
    const path = '/v1/ops/replays';
    if (given.has('dry-run')) {
      const asked = await ask('POST', path, { body: { ...body, dry_run: true } });
      showAnswer(asked, rehearsal, given, context, printRehearsal);
      return 0;
    }
    const start = (confirm: object) => ask('POST', path, { body: { ...body, ...confirm } });
    const asked = await start(given.has('yes') ? { confirm: 'all' } : {}).catch((error: unknown) =>
      confirm(error, start, context),
    );
    if (given.has('follow')) {
      return follow(ask, readAnswer(asked, shownReplay).replay_id, given, context);
    }
    showAnswer(asked, shownReplay, given, context, (begun, { print }) => {
      print(`Replay ${begun.replay_id} of ${counted(begun.matching, 'delivery')} has begun.`);
      print(`See how far it is: ilive-webhooks replays show ${begun.replay_id}`);
    });
    return 0;
  },
};

function readChoice(given: Given, filter: Record<string, string>, command: string): object {
  const isFiltered = Object.keys(filter).length > 0;
  const choices = [given.operands.length > 0, isFiltered, given.has('all')].filter(Boolean);
  if (choices.length === 1) {
    return given.operands.length > 0 ? { ids: readIds(given, 'a delivery', command) } : { filter };
  }
  const sentence =
    choices.length === 0
      ? 'Say which: ids, a filter such as --state parked, or --all.'
      : 'Ids, filters and --all contradict each other: give one of them.';
  throw wrongUsage(sentence, command);
}

// The refusal says how many match; whoever types that number has read it.
async function confirm(
  error: unknown,
  start: (confirm: object) => Promise<Asked>,
  context: Context,
): Promise<Asked> {
  const count =
    error instanceof ServiceError ? /^(\d+) deliveries match, more than/.exec(error.message)?.[1] : undefined;
  if (count === undefined) throw error;
  if (!context.isTerminal) {
    const message = `${count} deliveries match. Look at them with --dry-run, and say --yes to replay them.`;
    throw new ServiceError('conflict', message, { cause: error });
  }
  const answer = await context.question(`${count} deliveries match. Type ${count} to replay them: `);
  if (answer.trim() !== count) throw new ServiceError('conflict', 'Nothing was replayed.', { cause: error });
  return start({ confirm: Number(count) });
}

async function follow(ask: Ask, id: string, given: Given, context: Context): Promise<ExitCode> {
  const signal = context.interrupted();
  let last = -1;
  for (;;) {
    const asked = await ask('GET', `/v1/ops/replays/${id}`);
    const seen = readAnswer(asked, shownReplay);
    if (seen.state === 'done' || seen.state === 'cancelled') {
      showAnswer(asked, shownReplay, given, context, printReplay);
      return seen.state === 'done' && seen.failed === 0 ? 0 : 1;
    }
    const at = seen.replayed + seen.failed;
    if (at !== last) context.tell(`${at} of ${seen.matching} (${seen.state}) …`);
    last = at;
    await wait(followMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) {
      context.tell(`It goes on without you: ilive-webhooks replays show ${id}`);
      return 0;
    }
  }
}

function printRehearsal(read: z.infer<typeof rehearsal>, context: Context): void {
  const { print, paint } = context;
  const outcomes = Object.entries(read.outcomes).map(([state, count]) => `${count} ${state}`);
  const tried = `${read.tried} ${read.tried === 1 ? 'was' : 'were'} tried`;
  print(`${counted(read.matching, 'delivery', 'matches', 'match')}; ${tried}, and nothing was changed.`);
  if (!read.is_complete) print(paint('yellow', 'More match than a dry run tries (REPLAY_DRY_RUN_MAX).'));
  if (outcomes.length > 0) print(`Afterwards they would be: ${outcomes.join(', ')}.`);
  if (read.failed > 0)
    print(paint('red', `${read.failed} would fail; the last: ${printable(read.detail ?? '')}`));
  else if (read.detail !== null) print(paint('yellow', printable(read.detail)));
  if (read.changes_count === 0) {
    print('No row would change.');
    return;
  }
  print(`${counted(read.changes_count, 'row')} would change:\n`);
  const rows = read.changes.map(({ table, key, change, columns }) => [
    change,
    table,
    Object.values(key).join(' '),
    change === 'created' ? '' : describeColumns(columns),
  ]);
  const titles = ['change', 'table', 'key', 'how'];
  print(renderTable(titles, rows, paint));
  if (read.changes_count > read.changes.length)
    print(`… and ${read.changes_count - read.changes.length} more.`);
}

function describeColumns(columns: z.infer<typeof rehearsal>['changes'][number]['columns']): string {
  const text = (value: unknown) => (value === null ? '–' : String(value));
  return Object.entries(columns)
    .map(([name, { before, after }]) => `${name}: ${text(before)} → ${text(after)}`)
    .join(', ');
}
