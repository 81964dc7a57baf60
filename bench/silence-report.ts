// The experiment about silence in lines that a person reads, and what in them is not as it should be.
import type { Completeness } from '../src/simulator/completeness.ts';
import type { Figures } from './silence-figures.ts';
import type { Load } from './silence-load.ts';
import { limits, type SilenceOptions } from './silence-options.ts';
import { type Quantiles, quantilesOf } from './statistics.ts';

export interface Run {
  readonly options: SilenceOptions;
  readonly load: Load;
  readonly figures: Figures;
  readonly completeness: Completeness;
  readonly realSeconds: number;
  readonly simulatedSeconds: number;
}

// Above it the delays are the machine's rather than the policy's; a webhook that arrives takes the service less than one.
const calmSeconds = 5;

export function writeRun({ options, load, figures, completeness, ...run }: Run): string {
  const { sessions, settled, calls, repair, arrival } = figures;
  const counts = Object.entries(completeness)
    .filter(([, value]) => typeof value === 'number' && value > 0)
    .map(([name, value]) => `${name.replaceAll('_', ' ')} ${value}`);
  const lines: [string, string][] = [
    [
      'sessions',
      `${sessions.count}: ended ${sessions.ended} (webhook lost: ${sessions.missed}), abandoned ${sessions.abandoned}`,
    ],
    ['settled', `by webhook ${settled.byWebhook}, by pull ${settled.byPull}`],
    [
      'before expiry',
      figures.missing + figures.late === 0
        ? 'every verdict'
        : `missing ${figures.missing}, late ${figures.late}`,
    ],
    ['repaired after', writeQuantiles(repair)],
    ['calls to iLive', writeCalls(figures)],
    [
      'busiest',
      `minute ${calls.busiestMinute} of ${limits.perMinute}, second ${calls.busiestSecond} of ${limits.perSecond}; refused with 429: ${calls.refused}`,
    ],
    ['completeness', `${counts.join(', ')}; ${completeness.adds_up ? 'adds up' : 'DOES NOT ADD UP'}`],
    [
      options.isRegistering ? 'registered after' : 'created after',
      writeQuantiles(quantilesOf(load.answerMs.map((ms) => ms / 1_000))),
    ],
    ['webhook settled', writeQuantiles(arrival)],
    [
      'machine',
      `${run.realSeconds.toFixed(0)} s for ${(run.simulatedSeconds / 60).toFixed(0)} simulated minutes: ${(run.simulatedSeconds / run.realSeconds).toFixed(1)} times as fast as the wall's clock`,
    ],
  ];
  return lines.map(([name, text]) => `${name.padEnd(18)}${text}`).join('\n');
}

/** What makes the run a failure; empty when all is well. */
export function findFaults({ options, load, figures, completeness }: Run): string[] {
  const { missing, wrong, late, repair, calls, sessions } = figures;
  const faults = [
    [missing, 'verdicts are missing'],
    [wrong, 'verdicts are not those of iLive'],
    [late, 'verdicts came after their expiry'],
    [calls.refused, 'calls were refused with 429'],
    [completeness.open, 'sessions are still open'],
    [sessions.count - completeness.expected, 'sessions are unknown to the ledger'],
  ] as const;
  const { maxP99Seconds } = options;
  const isSlow = maxP99Seconds !== undefined && (repair?.p99 ?? 0) > maxP99Seconds;
  return [
    ...faults.filter(([count]) => count !== 0).map(([count, text]) => `${count} ${text}`),
    ...[...load.failures].map(([message, count]) => `${count} times: ${message}`),
    ...(completeness.adds_up ? [] : ['the counts do not add up']),
    ...(isSlow ? [`the p99 of repairs is above ${maxP99Seconds} s`] : []),
  ];
}

/** Whether the figures are the machine's rather than the policy's; undefined when they are not. */
export function doubtMachine({ figures, options }: Run): string | undefined {
  const p99 = figures.arrival?.p99 ?? 0;
  if (p99 <= calmSeconds) return undefined;
  return `The machine did not keep up: webhooks that arrived took ${p99.toFixed(1)} s (p99). Use a --speed below ${options.speed}.`;
}

function writeCalls({ calls, sessions }: Figures): string {
  const { count, perMissed, perAbandoned } = calls;
  const each = (count / Math.max(1, sessions.count)).toFixed(1);
  return `${count}, ${each} a session; about one with a lost webhook ${perMissed.toFixed(1)}, about an abandoned one ${perAbandoned.toFixed(1)}`;
}

function writeQuantiles(quantiles: Quantiles | undefined): string {
  if (quantiles === undefined) return 'none';
  return Object.entries(quantiles)
    .map(([name, seconds]) => `${name} ${seconds.toFixed(1)} s`)
    .join(', ');
}
