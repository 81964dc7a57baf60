// `refusals list` and `refusals show`: what did not prove that it came from iLive, and what would have matched.
import { z } from 'zod';
import { refusalReasons } from '../operations/refusal-reasons.ts';
import { printable } from '../printable.ts';
import type { Command, Context } from './command.ts';
import { readId } from './id-operand.ts';
import { listOptions, showList } from './list.ts';
import { printBody, readBodyOptions, shownBody } from './print-body.ts';
import { createAsk, serviceOptions } from './service-api.ts';
import { showAnswer } from './show-answer.ts';
import { renderFields, renderTime } from './table.ts';
import { readTimes, timeOptions } from './time-option.ts';

export const refusalFilterOptions = {
  reason: { value: 'REASON', choices: refusalReasons, doc: 'only those refused for this' },
  account: { value: 'ACCOUNT', doc: 'only those of this account' },
  address: { value: 'ADDRESS', doc: 'only those that came from this address' },
  ...timeOptions,
};

const refusal = z.object({
  refusal_id: z.string(),
  account: z.string(),
  reason: z.string(),
  address: z.string(),
  received_at: z.string(),
  times: z.number(),
  last_received_at: z.string(),
  body_bytes: z.number(),
  diagnosis: z.object({ findings: z.array(z.string()), is_complete: z.boolean() }).nullable(),
  delivery_id: z.string().nullable(),
  admission: z.string().nullable(),
  admitted_at: z.string().nullable(),
});

export const listRefusals: Command = {
  name: 'refusals list',
  operands: [],
  summary: 'Lists requests that did not prove that they came from iLive',
  details: `Newest first by when they first came, each with what would have made it match. The very same
request, sent again, is one line: it tells when it came last, and is found by that.`,
  options: {
    state: {
      value: 'STATE',
      choices: ['refused', 'admitted'],
      doc: 'only those refused still, or admitted since',
    },
    ...refusalFilterOptions,
    ...listOptions,
    ...serviceOptions,
  },
  examples: [
    'ilive-webhooks refusals list --state refused --since 1h',
    'ilive-webhooks refusals list --reason signature_mismatch --address 203.0.113.7',
    "ilive-webhooks refusals list --all --json | jq -r '.data[].diagnosis.findings[0]' | sort | uniq -c",
  ],
  async run(given, context) {
    const times = readTimes(given, context.now(), this.name);
    const ask = await createAsk(given, context, this.name);
    await showList(ask, given, context, {
      command: this.name,
      path: '/v1/ops/refusals',
      query: {
        state: given.text('state'),
        reason: given.text('reason'),
        account: given.text('account'),
        address: given.text('address'),
        ...times,
      },
      row: refusal,
      columns: [
        'refusal',
        'last received',
        'reason',
        'address',
        { title: 'times', isNumber: true },
        'diagnosis',
      ],
      cells: (row) => [
        row.refusal_id,
        renderTime(row.last_received_at),
        row.reason,
        row.address,
        String(row.times),
        row.delivery_id === null
          ? (row.diagnosis?.findings[0] ?? 'not diagnosed yet')
          : `admitted as ${row.delivery_id}`,
      ],
      empty: 'No refusal matches.',
    });
    return 0;
  },
};

export const showRefusal: Command = {
  name: 'refusals show',
  operands: ['ID'],
  summary: 'Shows one refused request, diagnosed anew',
  details: `With --body its headers and bytes too. Bodies are personal data: reading one needs --why
and is kept in the audit.`,
  options: { ...shownBody, ...serviceOptions },
  examples: [
    'ilive-webhooks refusals show 01a20a3d-0d06-70b4-a6e5-64e97eb54455',
    "ilive-webhooks refusals show 01a20a3d-0d06-70b4-a6e5-64e97eb54455 --body --why 'which sender?'",
    "ilive-webhooks refusals show ID --body-file body.bin --why 'find the formula'",
  ],
  async run(given, context) {
    const reading = readBodyOptions(given, this.name);
    const id = readId(given, 'a refusal', this.name);
    const ask = await createAsk(given, context, this.name);
    const path = `/v1/ops/refusals/${id}`;
    const asked = await ask('GET', reading === undefined ? path : `${path}/body?${reading.query}`);
    showAnswer(asked, refusal, given, context, printRefusal);
    if (reading !== undefined) await printBody(asked, reading, given, context);
    return 0;
  },
};

function printRefusal(row: z.infer<typeof refusal>, context: Context): void {
  const admitted =
    row.delivery_id === null
      ? null
      : `as ${row.delivery_id}, by ${row.admission}, at ${renderTime(row.admitted_at)}`;
  context.print(
    renderFields([
      ['refusal', row.refusal_id],
      ['reason', row.reason],
      ['account', row.account],
      ['address', row.address],
      ['received', renderTime(row.received_at)],
      ['times', row.times === 1 ? '1' : `${row.times}, last at ${renderTime(row.last_received_at)}`],
      ['body', `${row.body_bytes} bytes`],
      ['admitted', admitted],
    ]),
  );
  // What was found out before it was admitted would read like something to do.
  if (row.delivery_id !== null) return;
  context.print(`\n${context.paint('dim', 'what would have matched')}`);
  for (const finding of row.diagnosis?.findings ?? []) context.print(`  ${printable(finding)}`);
}
