// `alerts list|show|acknowledge|resolve`: compliance alerts, and what somebody here does about them. The note goes to the
// alert and into the audit.
import { z } from 'zod';
import { printable } from '../printable.ts';
import { type Command, type Context, type Given, wrongUsage } from './command.ts';
import { pathPart } from './id-operand.ts';
import { listOptions, showList } from './list.ts';
import { createAsk, nullableText, serviceOptions } from './service-api.ts';
import { showAnswer } from './show-answer.ts';
import { renderFields, renderTime } from './table.ts';

const alert = z.object({
  alert_id: z.string(),
  account: z.string(),
  session_id: nullableText,
  reference_id: nullableText,
  severity: nullableText,
  category: nullableText,
  message: nullableText,
  occurred_at: z.string(),
  known_at: z.string(),
  status: z.string(),
  acknowledged_at: nullableText,
  acknowledged_by: nullableText,
  acknowledged_note: nullableText,
  resolved_at: nullableText,
  resolved_by: nullableText,
  resolved_note: nullableText,
});

const accountOption = {
  account: { value: 'ACCOUNT', doc: 'of which iLive account, where several have this id' },
};

export const listAlerts: Command = {
  name: 'alerts list',
  operands: [],
  summary: 'Lists compliance alerts, newest first',
  details: '',
  options: {
    status: {
      value: 'STATUS',
      choices: ['open', 'acknowledged', 'resolved'],
      doc: 'only those about which this much was done',
    },
    reference: { value: 'ID', doc: 'only those of this person, by your own id' },
    session: { value: 'ID', doc: 'only those of this session' },
    account: { value: 'ACCOUNT', doc: 'only those of this account' },
    ...listOptions,
    ...serviceOptions,
  },
  examples: [
    'ilive-webhooks alerts list --status open',
    'ilive-webhooks alerts list --reference user-12345',
    'ilive-webhooks alerts list --all --json',
  ],
  async run(given, context) {
    const ask = await createAsk(given, context, this.name);
    await showList(ask, given, context, {
      command: this.name,
      path: '/v1/compliance-alerts',
      query: {
        status: given.text('status'),
        reference_id: given.text('reference'),
        session_id: given.text('session'),
        account: given.text('account'),
      },
      row: alert,
      columns: ['alert', 'reference', 'severity', 'category', 'occurred', 'status'],
      cells: (row) => [
        row.alert_id,
        row.reference_id,
        row.severity,
        row.category,
        renderTime(row.occurred_at),
        row.status,
      ],
      empty: 'No alert matches.',
    });
    return 0;
  },
};

export const showAlert: Command = {
  name: 'alerts show',
  operands: ['ID'],
  summary: 'Shows one compliance alert, and what was done about it',
  details: '',
  options: { ...accountOption, ...serviceOptions },
  examples: [
    'ilive-webhooks alerts show alr_7c1',
    'ilive-webhooks alerts show dispute:0196f1c2-5b7e-7c55-9d2a-3f4f6f0e1a11 --json',
  ],
  async run(given, context) {
    const path = pathOf(given, this.name);
    const ask = await createAsk(given, context, this.name);
    const asked = await ask('GET', `${path}${accountQuery(given)}`);
    showAnswer(asked, alert, given, context, printAlert);
    return 0;
  },
};

export const acknowledgeAlert = handling(
  'acknowledge',
  'Notes that somebody has seen an alert (role operator)',
  `Until it is resolved, nobody whom it is about counts as verified.
One that is acknowledged already stays as it is. A newer statement of iLive's opens it again.`,
  'asked the customer for a passport',
);

export const resolveAlert = handling(
  'resolve',
  'Notes that an alert is dealt with (role operator)',
  `Nobody who is only kept out by it is kept out any longer. It is acknowledged with it where nobody has.
One that is resolved already stays as it is. A newer statement of iLive's opens it again.`,
  'the same person, checked by hand',
);

function handling(verb: 'acknowledge' | 'resolve', summary: string, details: string, note: string): Command {
  return {
    name: `alerts ${verb}`,
    operands: ['ID'],
    summary,
    details,
    options: {
      note: { value: 'TEXT', doc: 'what was found or done, for the alert and the audit (required)' },
      ...accountOption,
      ...serviceOptions,
    },
    examples: [`ilive-webhooks alerts ${verb} alr_7c1 --note '${note}'`],
    async run(given, context) {
      const path = pathOf(given, this.name);
      const said = given.text('note')?.trim();
      if (said === undefined || said === '') {
        throw wrongUsage('--note is needed: say what was found or done, which the audit keeps.', this.name);
      }
      const ask = await createAsk(given, context, this.name);
      const asked = await ask('POST', `${path}/${verb}${accountQuery(given)}`, { body: { note: said } });
      const row = showAnswer(asked, alert, given, context, printAlert);
      const [by, note] =
        verb === 'resolve'
          ? [row.resolved_by, row.resolved_note]
          : [row.acknowledged_by, row.acknowledged_note];
      // The first who did it stands.
      if (note !== said) {
        context.tell(`It was ${verb}d already, by ${printable(by ?? '')}; your note is in the audit alone.`);
      }
      return 0;
    },
  };
}

function pathOf(given: Given, command: string): string {
  return `/v1/compliance-alerts/${pathPart(given.operands[0] ?? '', 'ID cannot be an alert’s', command)}`;
}

function accountQuery(given: Given): string {
  const account = given.text('account');
  return account === undefined ? '' : `?${new URLSearchParams({ account })}`;
}

function printAlert(row: z.infer<typeof alert>, { print }: Context): void {
  print(
    renderFields([
      ['alert', row.alert_id],
      ['account', row.account],
      ['reference', row.reference_id],
      ['session', row.session_id],
      ['severity', row.severity],
      ['category', row.category],
      ['message', row.message],
      ['occurred', renderTime(row.occurred_at)],
      ['known since', renderTime(row.known_at)],
      ['status', row.status],
      ['acknowledged', deed(row.acknowledged_at, row.acknowledged_by, row.acknowledged_note)],
      ['resolved', deed(row.resolved_at, row.resolved_by, row.resolved_note)],
    ]),
  );
}

function deed(at: string | null, by: string | null, note: string | null): string | null {
  return at === null ? null : `${renderTime(at)} by ${printable(by ?? '')}: ${printable(note ?? '')}`;
}
