// `subjects show`: all that is known of one person, now or by some time.
import { z } from 'zod';
import type { Command, Context } from './command.ts';
import { pathPart } from './id-operand.ts';
import { momentOptions, readMomentQuery } from './moment-option.ts';
import { createAsk, nullableText, serviceOptions } from './service-api.ts';
import { showAnswer } from './show-answer.ts';
import { renderFields, renderTable, renderTime } from './table.ts';

const listOf = <Row extends z.ZodType>(row: Row) =>
  z.object({ data: z.array(row), is_complete: z.boolean() });

const shownSubject = z.object({
  reference_id: z.string(),
  account: z.string(),
  as_of: nullableText,
  known_at: nullableText,
  standing: z.object({
    is_verified: z.boolean(),
    obstacles: z.array(z.string()),
    latest_verdict: z
      .object({ session_id: z.string(), verdict: z.string(), state: z.string(), verdict_at: nullableText })
      .nullable(),
    open_sessions_count: z.number(),
  }),
  sessions: listOf(
    z.object({ session_id: z.string(), state: z.string(), verdict: nullableText, verdict_at: nullableText }),
  ),
  face_matches: listOf(
    z.object({ match_id: z.string(), similarity: z.number().nullish(), occurred_at: z.string() }),
  ),
  compliance_alerts: listOf(
    z.object({
      alert_id: z.string(),
      severity: nullableText,
      category: nullableText,
      status: z.string(),
      occurred_at: z.string(),
    }),
  ),
});
type ShownSubject = z.infer<typeof shownSubject>;

export const showSubject: Command = {
  name: 'subjects show',
  operands: ['REFERENCE'],
  summary: 'Shows all that is known of one person, and whether they are verified',
  details: `REFERENCE is your own id of the person. Exits 0 whether they are verified or not, and 1 for
one that the service has never heard of.

--as-of asks what had happened by then, by iLive's clock and as far as it is known now;
--known-at what was known here by then. Both together are both.`,
  options: {
    account: { value: 'ACCOUNT', doc: 'of which iLive account, where several know this id' },
    ...momentOptions,
    ...serviceOptions,
  },
  examples: [
    'ilive-webhooks subjects show user-12345',
    'ilive-webhooks subjects show user-12345 --known-at 2026-04-11T09:30:00Z',
    'ilive-webhooks subjects show user-12345 --json | jq .standing.is_verified',
  ],
  async run(given, context) {
    const reference = pathPart(given.operands[0] ?? '', 'REFERENCE cannot be a person’s', this.name);
    const query = readMomentQuery(given, this.name);
    const ask = await createAsk(given, context, this.name);
    const asked = await ask('GET', `/v1/subjects/${reference}${query}`);
    showAnswer(asked, shownSubject, given, context, printSubject);
    return 0;
  },
};

function printSubject(subject: ShownSubject, context: Context): void {
  const { standing, as_of: asOf, known_at: knownAt } = subject;
  const latest = standing.latest_verdict;
  context.print(
    renderFields([
      ['reference', subject.reference_id],
      ['account', subject.account],
      ...(asOf === null ? [] : [['as of', renderTime(asOf)] as const]),
      ...(knownAt === null ? [] : [['known at', renderTime(knownAt)] as const]),
      ['verified', standing.is_verified ? 'yes' : `no: ${standing.obstacles.join(', ')}`],
      [
        'latest verdict',
        latest &&
          `${latest.verdict} (${latest.state}) at ${renderTime(latest.verdict_at)}, ${latest.session_id}`,
      ],
      ['open sessions', String(standing.open_sessions_count)],
    ]),
  );
  const { sessions, face_matches: matches, compliance_alerts: alerts } = subject;
  printRows(context, sessions, ['session', 'state', 'verdict', 'of'], (row) => [
    row.session_id,
    row.state,
    row.verdict,
    renderTime(row.verdict_at),
  ]);
  printRows(context, matches, ['face match', 'similarity', 'occurred'], (row) => [
    row.match_id,
    row.similarity?.toString() ?? null,
    renderTime(row.occurred_at),
  ]);
  printRows(context, alerts, ['alert', 'severity', 'category', 'status', 'occurred'], (row) => [
    row.alert_id,
    row.severity,
    row.category,
    row.status,
    renderTime(row.occurred_at),
  ]);
}

function printRows<Row>(
  { print, tell, paint }: Context,
  rows: { readonly data: readonly Row[]; readonly is_complete: boolean },
  titles: readonly string[],
  cells: (row: Row) => readonly (string | null)[],
): void {
  if (rows.data.length === 0) return;
  print(`\n${renderTable(titles, rows.data.map(cells), paint)}`);
  if (!rows.is_complete) tell(`There are more than these ${rows.data.length}.`);
}
