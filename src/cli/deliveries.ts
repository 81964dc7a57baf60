// `deliveries list` and `deliveries show`: what became of what we were told.
import { z } from 'zod';
import { decisions } from '../events/decide.ts';
import { eventKinds, sources } from '../events/event.ts';
import type { Command, Context, Given, Options } from './command.ts';
import { readId } from './id-operand.ts';
import { listOptions, orderOptions, readOrder, showList } from './list.ts';
import { printBody, readBodyOptions, shownBody } from './print-body.ts';
import { createAsk, nullableText, serviceOptions } from './service-api.ts';
import { showAnswer } from './show-answer.ts';
import { renderFields, renderTime } from './table.ts';
import { readTimes, timeOptions } from './time-option.ts';

export const shownDelivery = z.object({
  delivery_id: z.string(),
  account: z.string(),
  source: z.string(),
  webhook_id: nullableText,
  body_sha256: z.string(),
  state: z.string(),
  kind: nullableText,
  vendor_kind: nullableText,
  session_id: nullableText,
  decision: nullableText,
  reason: nullableText,
  detail: nullableText,
  attempts: z.number(),
  admission: nullableText,
  received_at: z.string(),
  finished_at: nullableText,
  trace_id: nullableText,
});

export const deliveryFilterOptions: Options = {
  state: {
    value: 'STATE',
    choices: ['received', 'done', 'ignored', 'parked'],
    doc: 'only those in this state',
  },
  reason: { value: 'REASON', doc: 'only those parked for this, such as unknown_kind' },
  kind: {
    value: 'KIND',
    choices: eventKinds,
    doc: 'only those that say this',
  },
  'vendor-kind': { value: 'NAME', doc: 'only those that iLive calls this' },
  source: { value: 'SOURCE', choices: sources, doc: 'only those that came this way' },
  decision: {
    value: 'DECISION',
    choices: decisions,
    doc: 'only those that we decided so about',
  },
  admission: {
    value: 'PROOF',
    choices: ['signature', 'pull'],
    doc: 'only those refused at first and admitted by this',
  },
  account: { value: 'ACCOUNT', doc: 'only those of this account' },
  session: { value: 'ID', doc: 'only those about this session' },
  reference: { value: 'ID', doc: 'only those about this person, by your own id' },
  'webhook-id': { value: 'ID', doc: 'only those under this webhook id; of unsigned ones unproven:ID' },
  trace: { value: 'ID', doc: 'only those of this trace' },
  ...timeOptions,
};

/** The filter as the API takes it. Throws `config_invalid` for what is no time. */
export function readDeliveryFilter(given: Given, now: Date, command: string): Record<string, string> {
  const named = {
    state: given.text('state'),
    reason: given.text('reason'),
    kind: given.text('kind'),
    source: given.text('source'),
    decision: given.text('decision'),
    admission: given.text('admission'),
    account: given.text('account'),
    session_id: given.text('session'),
    reference_id: given.text('reference'),
    vendor_kind: given.text('vendor-kind'),
    webhook_id: given.text('webhook-id'),
    trace_id: given.text('trace'),
    ...readTimes(given, now, command),
  };
  return Object.fromEntries(
    Object.entries(named).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

const times = ['received_at'] as const;

export const listDeliveries: Command = {
  name: 'deliveries list',
  operands: [],
  summary: 'Lists deliveries, newest first',
  details: '',
  options: { ...deliveryFilterOptions, ...orderOptions(times), ...listOptions, ...serviceOptions },
  examples: [
    'ilive-webhooks deliveries list --state parked',
    'ilive-webhooks deliveries list --reference user-12345 --since 7d',
    "ilive-webhooks deliveries list --state parked --all --json | jq -r '.data[].delivery_id'",
  ],
  async run(given, context) {
    const filter = readDeliveryFilter(given, context.now(), this.name);
    const query = { ...filter, sort: readOrder(given, times) };
    const ask = await createAsk(given, context, this.name);
    await showList(ask, given, context, {
      command: this.name,
      path: '/v1/deliveries',
      query,
      row: shownDelivery,
      columns: ['delivery', 'received', 'source', 'state', 'kind', 'decision', 'session'],
      cells: (row) => [
        row.delivery_id,
        renderTime(row.received_at),
        row.source,
        row.reason === null ? row.state : `${row.state}: ${row.reason}`,
        row.kind === 'unknown' ? (row.vendor_kind ?? row.kind) : row.kind,
        row.decision,
        row.session_id,
      ],
      empty: 'No delivery matches.',
    });
    return 0;
  },
};

export const showDelivery: Command = {
  name: 'deliveries show',
  operands: ['ID'],
  summary: 'Shows what became of one delivery',
  details: `With --body its headers and bytes too. Bodies are personal data: reading one needs --why
and is kept in the audit.`,
  options: { ...shownBody, ...serviceOptions },
  examples: [
    'ilive-webhooks deliveries show 01a20a3d-0d06-70b4-a6e5-64e97eb54455',
    "ilive-webhooks deliveries show 01a20a3d-0d06-70b4-a6e5-64e97eb54455 --body --why 'what is this kind?'",
  ],
  async run(given, context) {
    const reading = readBodyOptions(given, this.name);
    const id = readId(given, 'a delivery', this.name);
    const ask = await createAsk(given, context, this.name);
    const path =
      reading === undefined ? `/v1/deliveries/${id}` : `/v1/ops/deliveries/${id}/body?${reading.query}`;
    const asked = await ask('GET', path);
    showAnswer(asked, shownDelivery, given, context, printDelivery);
    if (reading !== undefined) await printBody(asked, reading, given, context);
    return 0;
  },
};

function printDelivery(row: z.infer<typeof shownDelivery>, { print }: Context): void {
  print(
    renderFields([
      ['delivery', row.delivery_id],
      ['account', row.account],
      ['source', row.source],
      ['admitted by', row.admission],
      ['state', row.state],
      ['kind', row.vendor_kind === null ? row.kind : `${row.kind} (${row.vendor_kind})`],
      ['decision', row.decision],
      ['reason', row.detail === null ? row.reason : `${row.reason ?? ''} ${row.detail}`.trim()],
      ['session', row.session_id],
      ['received', renderTime(row.received_at)],
      ['finished', renderTime(row.finished_at)],
      ['attempts', String(row.attempts)],
      ['webhook id', row.webhook_id],
      ['body sha256', row.body_sha256],
      ['trace', row.trace_id],
    ]),
  );
}
