// `refusals reverify`, `refusals admit` and `refusals purge`: undoing wrong refusals, and letting go of right ones. The
// service does a piece for each call; the command goes on until nothing is left, and says how far it is.
import { z } from 'zod';
import { clockCommand, describeClockOff } from '../ilive/clock-off.ts';
import { counted } from '../operations/counted.ts';
import { printableJson } from '../printable.ts';
import { type Command, type Context, type ExitCode, type Given, wrongUsage } from './command.ts';
import { readIds } from './id-operand.ts';
import { refusalFilterOptions } from './refusals.ts';
import { type Ask, createAsk, readAnswer, serviceOptions } from './service-api.ts';
import { showAnswer } from './show-answer.ts';
import { readDuration, readTimes } from './time-option.ts';
import { readWhy, whyOption } from './why.ts';

const piece = z.object({
  dry_run: z.boolean(),
  checked: z.number(),
  admitted: z.number(),
  already_stored: z.number(),
  next_after: z.string().nullable(),
  clock_offset_seconds: z.number().nullish(),
  refused_by_reason: z.record(z.string(), z.number()).optional(),
  not_proven_by_reason: z.record(z.string(), z.number()).optional(),
});

const dryRunOption = { 'dry-run': { doc: 'only say what would be done' } };

const meanings: Readonly<Record<string, string>> = {
  not_a_verdict: 'a face match, an alert or an unknown kind: iLive cannot be asked about those',
  unreadable: 'its body cannot be read',
  contradicted: 'iLive says otherwise',
  reference_unproven: 'it says whom the session is about, and neither iLive nor our ledger does',
  no_answer: 'iLive has no verdict for the session, or does not know it any more',
  vendor_away: 'iLive could not be asked, or refuses our key: try again',
  unopened:
    'it, or the token of its session, is sealed with a key that ENCRYPTION_KEYS does not list: put that key back',
};

export const reverifyRefusals: Command = {
  name: 'refusals reverify',
  operands: ['[ID…]'],
  summary: 'Admits refused requests whose signature matches now',
  details: `Each is judged anew, with the secrets and the signed string of now, against the time at
which it was received. Where our clock was off then, say how far it was ahead with
--clock-offset (behind: --clock-offset=-10m). What is admitted is a delivery like any
other. Doing it again is harmless. Exits 1 when none is admitted and some stay refused.`,
  options: {
    ...refusalFilterOptions,
    'clock-offset': { value: 'SPAN', doc: 'how far our clock was ahead, such as 10m' },
    ...dryRunOption,
    ...whyOption,
    ...serviceOptions,
  },
  examples: [
    "ilive-webhooks refusals reverify --since 6h --dry-run --why 'secret was mistyped'",
    "ilive-webhooks refusals reverify --since 6h --why 'secret was mistyped'",
    "ilive-webhooks refusals reverify --since 6h --clock-offset 10m --why 'our clock was 10 minutes ahead'",
  ],
  async run(given, context) {
    const offsetMs = readDuration(given, 'clock-offset', this.name);
    const offset = offsetMs === undefined ? {} : { clock_offset_seconds: offsetMs / 1_000 };
    return admitAll(given, context, { command: this.name, path: '/v1/ops/refusals/reverify', more: offset });
  },
};

export const admitRefusals: Command = {
  name: 'refusals admit',
  operands: ['[ID…]'],
  summary: "Admits refused requests that iLive's own answer agrees with",
  details: `For requests whose signature can never match, since something changed their bytes on the
way. iLive is asked about the session of each, and those that say the same are
admitted. Its answer is what settles the session; the request itself states nothing
more. Face matches and alerts cannot be asked about, and stay refused.`,
  options: { ...refusalFilterOptions, ...dryRunOption, ...whyOption, ...serviceOptions },
  examples: [
    "ilive-webhooks refusals admit 01a20a3d-0d06-70b4-a6e5-64e97eb54455 --why 'the proxy appended a newline'",
    "ilive-webhooks refusals admit --since 6h --reason signature_mismatch --why 'the proxy appended a newline'",
  ],
  async run(given, context) {
    if (given.operands.length === 0 && !hasFilter(given)) {
      throw wrongUsage(
        'Say which: ids, or --reason, --account, --address, --since, --from or --to.',
        this.name,
      );
    }
    return admitAll(given, context, { command: this.name, path: '/v1/ops/refusals/admit', more: {} });
  },
};

export const purgeRefusals: Command = {
  name: 'refusals purge',
  operands: ['[ID…]'],
  summary: 'Removes refused requests that are kept (role admin)',
  details: `What was admitted is a delivery and stays; with a filter only those that are refused still
are removed. --since, --from and --to go by when each came last. It cannot be undone, so a
person is asked first, and a program needs --yes.`,
  options: {
    ...refusalFilterOptions,
    all: { doc: 'all of them' },
    yes: { doc: 'do not ask' },
    ...dryRunOption,
    ...whyOption,
    ...serviceOptions,
  },
  examples: [
    "ilive-webhooks refusals purge --address 203.0.113.7 --dry-run --why 'a scanner'",
    "ilive-webhooks refusals purge --to 2026-11-01T00:00:00Z --yes --why 'looked at'",
  ],
  async run(given, context) {
    const isAll = given.has('all');
    const isFiltered = hasFilter(given) || given.operands.length > 0;
    if (isAll === isFiltered) {
      throw wrongUsage('Say which: ids, a filter such as --address, or --all.', this.name);
    }
    const isDry = given.has('dry-run');
    if (!isDry && !given.has('yes') && !context.isTerminal) {
      throw wrongUsage('It cannot be undone: say --yes, or --dry-run.', this.name);
    }
    const wanted = { ...readFilter(given, context, this.name), ...(isAll ? { all: true } : {}) };
    const why = readWhy(given, this.name);
    const ask = await createAsk(given, context, this.name);
    const purge = (isRehearsal: boolean) =>
      ask('POST', '/v1/ops/refusals/purge', { body: { ...wanted, dry_run: isRehearsal, why } });
    const shape = z.object({ purged: z.number() });
    if (!isDry && !given.has('yes')) {
      const { purged } = readAnswer(await purge(true), shape);
      if (purged === 0) {
        context.print('There is nothing to remove: no refusal matches.');
        return 0;
      }
      const answer = await context.question(`Remove ${counted(purged, 'refusal')} for ever? Type yes: `);
      if (answer.trim() !== 'yes') {
        context.tell('Nothing was removed.');
        return 1;
      }
    }
    const asked = await purge(isDry);
    showAnswer(asked, shape, given, context, ({ purged }, { print }) =>
      print(`${isDry ? 'Would remove' : 'Removed'} ${counted(purged, 'refusal')}.`),
    );
    return 0;
  },
};

async function admitAll(
  given: Given,
  context: Context,
  { command, path, more }: { command: string; path: string; more: object },
): Promise<ExitCode> {
  const filter = readFilter(given, context, command);
  const why = readWhy(given, command);
  const ask = await createAsk(given, context, command);
  const body = { ...filter, ...more, dry_run: given.has('dry-run'), why };
  const total = await admitPieces(ask, { path, body }, context);
  if (given.has('json')) context.print(printableJson(JSON.stringify(total)));
  else printTotal(total, context);
  return total.admitted > 0 || total.checked === total.admitted ? 0 : 1;
}

interface Total {
  readonly dry_run: boolean;
  readonly checked: number;
  readonly admitted: number;
  readonly already_stored: number;
  readonly left_by_reason: Readonly<Record<string, number>>;
  /** How far our clock was ahead for those that stay refused by their time; null where none does. */
  readonly clock_offset_seconds: number | null;
}

async function admitPieces(
  ask: Ask,
  { path, body }: { path: string; body: { readonly dry_run: boolean } },
  { tell }: Context,
): Promise<Total> {
  let total: Total = {
    dry_run: body.dry_run,
    checked: 0,
    admitted: 0,
    already_stored: 0,
    left_by_reason: {},
    clock_offset_seconds: null,
  };
  for (let after: string | null = null; ; ) {
    const asked = await ask('POST', path, { body: after === null ? body : { ...body, after } });
    const read: z.infer<typeof piece> = readAnswer(asked, piece);
    const left = read.refused_by_reason ?? read.not_proven_by_reason ?? {};
    const sum: Record<string, number> = { ...total.left_by_reason };
    for (const [reason, count] of Object.entries(left)) sum[reason] = (sum[reason] ?? 0) + count;
    total = {
      dry_run: body.dry_run,
      checked: total.checked + read.checked,
      admitted: total.admitted + read.admitted,
      already_stored: total.already_stored + read.already_stored,
      left_by_reason: sum,
      clock_offset_seconds: read.clock_offset_seconds ?? total.clock_offset_seconds,
    };
    after = read.next_after;
    if (after === null) return total;
    const did = body.dry_run ? 'would be admitted' : 'admitted';
    tell(`${total.checked} looked at, ${total.admitted} ${did} …`);
  }
}

function printTotal(total: Total, { print, paint }: Context): void {
  const { checked, admitted, already_stored: stored, left_by_reason: left } = total;
  const { clock_offset_seconds: offsetSeconds } = total;
  if (checked === 0) {
    print('There is nothing to do: no refused request is left that this names.');
    return;
  }
  const did = total.dry_run ? 'would be admitted' : 'admitted';
  const known = stored === 0 ? '' : `, ${stored} of them had come in already`;
  print(`${paint(admitted > 0 ? 'green' : 'yellow', `${admitted} of ${checked} ${did}`)}${known}.`);
  for (const [reason, count] of Object.entries(left)) {
    print(`  ${count} ${count === 1 ? 'stays' : 'stay'} refused: ${meanings[reason] ?? reason}`);
  }
  if (offsetSeconds !== null) {
    const clock = describeClockOff(offsetSeconds);
    print(`The signature is right where the time is not: ${clock}. Admit them with:`);
    print(`  ${clockCommand(offsetSeconds)} --why '…'`);
    return;
  }
  if (admitted < checked) print('See what would have matched: ilive-webhooks refusals list --state refused');
}

function hasFilter(given: Given): boolean {
  return ['reason', 'account', 'address', 'since', 'from', 'to'].some((option) => given.has(option));
}

function readFilter(given: Given, context: Context, command: string): object {
  const ids = readIds(given, 'a refusal', command);
  return {
    ...(ids.length === 0 ? {} : { ids }),
    reason: given.text('reason'),
    account: given.text('account'),
    address: given.text('address'),
    ...readTimes(given, context.now(), command),
  };
}
