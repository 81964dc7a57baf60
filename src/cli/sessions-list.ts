// `sessions list`: sessions, of one person or in one state.
import { z } from 'zod';
import { sources, verdicts } from '../events/event.ts';
import { confirmations, sessionStates } from '../events/session.ts';
import type { Command } from './command.ts';
import { listOptions, orderOptions, readOrder, showList } from './list.ts';
import { createAsk, nullableText, serviceOptions } from './service-api.ts';
import { renderTime } from './table.ts';
import { readTimes, timeOptions } from './time-option.ts';

const listedSession = z.object({
  session_id: z.string(),
  account: z.string(),
  reference_id: nullableText,
  state: z.string(),
  verdict: nullableText,
  expected_at: nullableText,
  settled_at: nullableText,
  settled_source: nullableText,
  ended_reason: nullableText,
});

const times = ['expected_at', 'settled_at', 'verdict_at', 'expires_at'] as const;

export const listSessions: Command = {
  name: 'sessions list',
  operands: [],
  summary: 'Lists sessions, newest first',
  details: 'A span of time is that in which they came to be expected.',
  options: {
    reference: { value: 'ID', doc: 'only those of this person, by your own id' },
    state: {
      value: 'STATE',
      choices: sessionStates,
      doc: 'only those in this state',
    },
    verdict: { value: 'VERDICT', choices: verdicts, doc: 'only those with this verdict' },
    confirmation: {
      value: 'WORD',
      choices: confirmations,
      doc: 'only those of which this is so',
    },
    reason: { value: 'REASON', doc: 'only those that ended for this, such as no_token' },
    'settled-source': {
      value: 'SOURCE',
      choices: sources,
      doc: 'only those that were settled this way',
    },
    account: { value: 'ACCOUNT', doc: 'only those of this account' },
    ...timeOptions,
    ...orderOptions(times),
    ...listOptions,
    ...serviceOptions,
  },
  examples: [
    'ilive-webhooks sessions list --reference user-12345',
    'ilive-webhooks sessions list --state unrecoverable',
    'ilive-webhooks sessions list --settled-source pull --all --json',
    'ilive-webhooks sessions list --verdict fail --sort settled_at --limit 10',
  ],
  async run(given, context) {
    const { from, to } = readTimes(given, context.now(), this.name);
    const sort = readOrder(given, times);
    const ask = await createAsk(given, context, this.name);
    await showList(ask, given, context, {
      command: this.name,
      path: '/v1/sessions',
      query: {
        reference_id: given.text('reference'),
        state: given.text('state'),
        verdict: given.text('verdict'),
        confirmation: given.text('confirmation'),
        ended_reason: given.text('reason'),
        expected_from: from,
        expected_to: to,
        sort,
        settled_source: given.text('settled-source'),
        account: given.text('account'),
      },
      row: listedSession,
      columns: ['session', 'reference', 'state', 'verdict', 'expected', 'settled', 'by'],
      cells: (row) => [
        row.session_id,
        row.reference_id,
        row.ended_reason === null ? row.state : `${row.state}: ${row.ended_reason}`,
        row.verdict,
        renderTime(row.expected_at),
        renderTime(row.settled_at),
        row.settled_source,
      ],
      empty: 'No session matches.',
    });
    return 0;
  },
};
