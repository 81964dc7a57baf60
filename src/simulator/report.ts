// The summary as a person reads it: what was sent, what the tables hold, how fast it was, and one line that says whether
// everything is as it must be. Words before numbers, and a short explanation where a word is ours.
import { styleText } from 'node:util';
import type { Completeness } from './completeness.ts';
import type { Quantiles, Summary } from './summary.ts';

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
  const breakdown = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
      .map(([name, number]) => line(`  ${name}`, count(number)));
  const pace = (label: string, { p50, p99 }: Quantiles, note: string) =>
    `    ${label.padEnd(labelWidth)}   p50 ${milliseconds(p50)}   p99 ${milliseconds(p99)}   ${paint('dim', note)}`;
  const { sent, accepted, refused, verdicts, sessions, parked } = summary;
  return [
    heading('What was sent'),
    line(
      'requests',
      count(sent.requests),
      `${plural(sent.messages, 'message')}, some of them more than once`,
    ),
    line(
      'accepted',
      count(accepted.total),
      `${plural(accepted.deliveries, 'delivery', 'deliveries')}, ${plural(accepted.repeats, 'repeat')} of one`,
    ),
    line('refused', count(refused.total), refused.total === 0 ? '' : 'did not prove to come from iLive:'),
    ...breakdown(refused.byCode),
    line('sent once more', count(sent.retries), retryNote(summary)),
    ...(summary.lost === 0
      ? []
      : [line('lost', count(summary.lost), 'failed twice; the vendor gives up here')]),
    ...(sent.droppedSessions === 0
      ? []
      : [
          line(
            'never sent',
            count(sent.dropped),
            `the verdicts of ${plural(sent.droppedSessions, 'session')}`,
          ),
        ]),
    heading('What the tables hold'),
    line('verdicts', count(verdicts.pass + verdicts.retry + verdicts.fail), list(verdicts)),
    ...(summary.completeness === null
      ? []
      : [
          line('  by webhook', count(sessions.byWebhook)),
          line('  by pull', count(sessions.byPull), 'no webhook came in time, and iLive was asked'),
        ]),
    line('disputed', count(sessions.disputed), 'two verdicts for one moment: the less favourable stands'),
    line('expected', count(sessions.expected), 'sessions that were mentioned and have no verdict yet'),
    line('face matches', count(summary.faceMatches)),
    line('compliance alerts', count(summary.complianceAlerts)),
    line('parked deliveries', count(parked.total), parked.total === 0 ? '' : 'kept for a person to look at:'),
    ...breakdown(parked.byReason),
    ...(summary.completeness === null
      ? []
      : [heading('Whether all is there'), ...completenessLines(summary.completeness, line)]),
    heading('How fast it was'),
    pace('acknowledgement', summary.acknowledgementMs, 'last byte sent → 202'),
    pace('received to queryable', summary.receivedToQueryableMs, 'received_at → finished_at ¹'),
    line('accepted per second', count(Math.round(summary.acceptedPerSecond))),
    `    ${paint('dim', '¹ Both by the service’s own clock; the commit that shows the row comes on top.')}`,
    '',
    ...verdictLines(summary, paint),
  ].join('\n');
}

function completenessLines(
  said: Completeness,
  line: (label: string, value: string, note?: string) => string,
): string[] {
  const parts: [number, string][] = [
    [said.settled_by_webhook, 'by webhook'],
    [said.settled_by_pull, 'by pull'],
    [said.disputed, 'disputed'],
    [said.expired, 'expired'],
    [said.unrecoverable, 'unrecoverable'],
    [said.open, 'open'],
  ];
  const sum = parts
    .filter(([number]) => number > 0)
    .map(([number, name]) => `${count(number)} ${name}`)
    .join(' + ');
  const { p50, p99 } = said.settle_delay_ms;
  return [
    line('sessions expected', count(said.expected), `${said.adds_up ? '=' : '≠'} ${sum}`),
    `    ${'end to settled'.padEnd(labelWidth)}   p50 ${milliseconds(p50 ?? 0)}   p99 ${milliseconds(p99 ?? 0)}`,
  ];
}

/** What the service warned of, other than the refusals that it was made to warn of; empty for nothing. */
export function writeWarnings(warnings: Readonly<Record<string, number>>): string {
  const lines = Object.entries(warnings)
    .filter(([message]) => message !== 'refused requests on the webhook route')
    .map(([message, number]) => `    - ${message}${number === 1 ? '' : ` (${count(number)} times)`}\n`);
  return lines.length === 0 ? '' : `  The service warned:\n${lines.join('')}`;
}

function verdictLines(
  summary: Summary,
  paint: (format: Parameters<typeof styleText>[0], text: string) => string,
): string[] {
  const { matchesOracle, differences, sessions, faceMatches, complianceAlerts, accepted } = summary;
  if (matchesOracle) {
    const what = [
      plural(sessions.total, 'session'),
      plural(faceMatches, 'face match', 'face matches'),
      plural(complianceAlerts, 'alert'),
      plural(accepted.deliveries, 'delivery', 'deliveries'),
    ].join(', ');
    return [`  ${paint(['bold', 'green'], 'The tables match the oracle:')} ${what}, each as it must be.`];
  }
  if (differences.length === 0) {
    return [
      `  ${paint(['bold', 'yellow'], 'NOT ALL COULD BE JUDGED;')} of the rest nothing differs from the oracle.`,
      ...unjudged(summary),
    ];
  }
  const rest = differences.length - differencesShown;
  return [
    `  ${paint(['bold', 'red'], `DIFFERENCES: ${count(differences.length)}`)} between the service and the oracle`,
    ...differences.slice(0, differencesShown).map((difference) => `    - ${difference}`),
    ...(rest > 0 ? [`    … and ${count(rest)} more`] : []),
    ...unjudged(summary),
  ];
}

function unjudged({ lost, undecided }: Summary): string[] {
  if (lost + undecided === 0) return [];
  const ids = undecided === 0 ? '' : `, and ${plural(undecided, 'id')} could not be judged for it`;
  return [`  ${plural(lost, 'request')} failed twice${ids}.`];
}

function retryNote({ sent }: Summary): string {
  if (sent.retries === 0) return '';
  const reasons = [
    ...(sent.networkErrors === 0 ? [] : [plural(sent.networkErrors, 'broken connection')]),
    ...(sent.serverErrors === 0 ? [] : [plural(sent.serverErrors, 'answer of 5xx', 'answers of 5xx')]),
  ];
  return `after ${reasons.join(' and ')}`;
}

function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

function list(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, number]) => `${name} ${count(number)}`)
    .join(' · ');
}

function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`.padStart(7);
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
