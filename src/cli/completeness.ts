// `completeness`: every verdict that should exist, does exist, and here is the count. For people, for reports and, by its
// exit code, for alarms.
import { z } from 'zod';
import { renderSpan } from '../operations/counted.ts';
import type { Command, Context } from './command.ts';
import { createAsk, serviceOptions } from './service-api.ts';
import { showAnswer } from './show-answer.ts';
import { renderDistance, renderTable, renderTime } from './table.ts';
import { readTimes } from './time-option.ts';

const counts = z.object({
  from: z.string(),
  to: z.string(),
  expected: z.number(),
  settled_by_webhook: z.number(),
  settled_by_pull: z.number(),
  disputed: z.number(),
  expired: z.number(),
  unrecoverable: z.number(),
  open: z.number(),
  adds_up: z.boolean(),
  settle_delay_ms: z.object({ p50: z.number().nullable(), p99: z.number().nullable() }),
  oldest_open_at: z.string().nullable(),
});

export const showCompleteness: Command = {
  name: 'completeness',
  operands: [],
  summary: 'Counts how the expected sessions have ended',
  details: `Exits 0 when the counts add up and 1 when they do not. Sessions that are still open,
disputed or unrecoverable are counted, and do not make it fail: use --json to
decide by them.`,
  options: {
    since: { value: 'TIME', doc: 'sessions expected from then on: 30m, 2h, 7d ago, or a time' },
    from: { value: 'TIME', doc: 'the same as a time (default: a day before --to)' },
    to: { value: 'TIME', doc: 'and before then (default: now)' },
    ...serviceOptions,
  },
  examples: [
    'ilive-webhooks completeness --since 7d',
    'ilive-webhooks completeness --from 2026-11-01 --to 2026-12-01',
    "ilive-webhooks completeness --json | jq -e '.unrecoverable == 0'",
  ],
  async run(given, context) {
    const query = new URLSearchParams(readTimes(given, context.now(), this.name));
    const ask = await createAsk(given, context, this.name);
    const asked = await ask('GET', query.size === 0 ? '/v1/completeness' : `/v1/completeness?${query}`);
    return showAnswer(asked, counts, given, context, print).adds_up ? 0 : 1;
  },
};

function print(read: z.infer<typeof counts>, context: Context): void {
  const share = (count: number) =>
    read.expected === 0 ? '' : `${((count / read.expected) * 100).toFixed(1)} %`;
  const oldest = read.oldest_open_at;
  const openNote =
    oldest === null ? '' : `the oldest since ${renderTime(oldest)}, ${renderDistance(oldest, context.now())}`;
  const rows: [string, number, string][] = [
    ['settled by webhook', read.settled_by_webhook, ''],
    ['settled by pull', read.settled_by_pull, 'the webhook was missing or late'],
    ['disputed', read.disputed, 'two sources contradict each other'],
    ['expired', read.expired, 'nobody finished them'],
    ['unrecoverable', read.unrecoverable, 'iLive does not tell us any more'],
    ['still open', read.open, openNote],
  ];
  context.print(`Sessions expected from ${renderTime(read.from)} until before ${renderTime(read.to)}\n`);
  context.print(
    renderTable(
      ['how it ended', { title: 'sessions', isNumber: true }, { title: 'share', isNumber: true }, ''],
      [
        ...rows.map(([name, count, note]) => [name, String(count), share(count), count === 0 ? '' : note]),
        ['expected', String(read.expected), '', ''],
      ],
      context.paint,
    ),
  );
  const { p50, p99 } = read.settle_delay_ms;
  if (p50 !== null && p99 !== null) {
    context.print(`\nFrom the verdict to settled: p50 ${renderSpan(p50)}, p99 ${renderSpan(p99)}`);
  }
  const sentence = read.adds_up
    ? context.paint('green', 'It adds up.')
    : context.paint('red', 'It does not add up: a session is counted in no way, or in two.');
  context.print(`\n${sentence}`);
}
