// The summary as a person reads it: what was sent, what the tables hold, how fast it was, and one line that says whether
// everything is as it must be. Words before numbers, and a short explanation where a word is ours.
import { styleText } from 'node:util';
import type { Summary } from './summary.ts';

const differencesShown = 20;
const labelWidth = 24;
const numberWidth = 8;

/** Lines of text, with colour where `stream` shows it. */
export function writeReport(summary: Summary, stream: NodeJS.WritableStream): string {
  const paint = (format: Parameters<typeof styleText>[0], text: string) =>
    styleText(format, text, { stream });
  const heading = (text: string) => `\n  ${paint('bold', text)}`;
  const line = (label: string, value: string, note = '') =>
    `    ${label.padEnd(labelWidth)}${value.padStart(numberWidth)}${note === '' ? '' : `   ${paint('dim', note)}`}`;
  const { sent, accepted, refused, verdicts, sessions, parked } = summary;
  return [
    heading('What was sent'),
    line('requests', count(sent.requests), `${count(sent.messages)} messages, some of them more than once`),
    line(
      'accepted',
      count(accepted.total),
      `${count(accepted.deliveries)} deliveries, ${count(accepted.repeats)} repeats of one`,
    ),
    line('refused', count(refused.total), list(refused.byCode)),
    line('network retries', count(sent.retries), retryNote(summary)),
    ...(summary.lost === 0
      ? []
      : [line('lost', count(summary.lost), 'failed twice; the vendor gives up here')]),
    heading('What the tables hold'),
    line('verdicts', count(verdicts.pass + verdicts.retry + verdicts.fail), list(verdicts)),
    line('disputed', count(sessions.disputed), 'two verdicts for one moment: the less favourable stands'),
    line('expected', count(sessions.expected), 'sessions that were mentioned and have no verdict yet'),
    line('face matches', count(summary.faceMatches)),
    line('compliance alerts', count(summary.complianceAlerts)),
    line('parked deliveries', count(parked.total), 'kept for a person to look at:'),
    ...Object.entries(parked.byReason)
      .sort(([, a], [, b]) => b - a)
      .map(([reason, number]) => line(`  ${reason}`, count(number))),
    heading('How fast it was'),
    line('acknowledgement', '', `${times(summary.acknowledgementMs)}   last byte sent → 202`),
    line(
      'received to queryable',
      '',
      `${times(summary.receivedToQueryableMs)}   received_at → finished_at, by the service’s clock`,
    ),
    line('accepted per second', count(Math.round(summary.acceptedPerSecond))),
    '',
    ...verdictLines(summary, paint),
  ].join('\n');
}

function verdictLines(
  { matchesOracle, differences, sessions, faceMatches, complianceAlerts, accepted, undecided }: Summary,
  paint: (format: Parameters<typeof styleText>[0], text: string) => string,
): string[] {
  const unjudged =
    undecided === 0
      ? []
      : [`  ${count(undecided)} ids could not be judged, because their answers were lost.`];
  if (matchesOracle) {
    const what = [
      `${count(sessions.total)} sessions`,
      `${count(faceMatches)} face matches`,
      `${count(complianceAlerts)} alerts`,
      `${count(accepted.deliveries)} deliveries`,
    ].join(', ');
    return [
      `  ${paint(['bold', 'green'], 'The tables match the oracle:')} ${what}, each as it must be.`,
      ...unjudged,
    ];
  }
  const rest = differences.length - differencesShown;
  return [
    `  ${paint(['bold', 'red'], `DIFFERENCES: ${count(differences.length)}`)} between the tables and the oracle`,
    ...differences.slice(0, differencesShown).map((difference) => `    - ${difference}`),
    ...(rest > 0 ? [`    … and ${count(rest)} more`] : []),
    ...unjudged,
  ];
}

function retryNote({ sent }: Summary): string {
  return sent.networkErrors === 0
    ? ''
    : `${count(sent.networkErrors)} connections broke, and were tried once more`;
}

function list(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, number]) => `${name} ${count(number)}`)
    .join(' · ');
}

function times({ p50, p99 }: Summary['acknowledgementMs']): string {
  return `p50 ${milliseconds(p50)}   p99 ${milliseconds(p99)}`;
}

function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`.padStart(7);
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
