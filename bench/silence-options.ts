// The command line of the experiment about silence. Times are those of the simulation: everybody in it lives by one
// clock, which runs up to `speed` times as fast as the wall's.
import { parseArgs } from 'node:util';
import { readNumber } from './options.ts';

export interface SilenceOptions {
  /** New sessions a simulated second. */
  readonly rate: number;
  /** Simulated minutes in which sessions are created. */
  readonly minutes: number;
  readonly dropShare: number;
  readonly abandonedShare: number;
  readonly speed: number;
  readonly isRegistering: boolean;
  readonly dialect: 'reference' | 'managed';
  readonly concurrency: number;
  readonly seed: number;
  /** In seconds; undefined where only verdicts and refusals decide. */
  readonly maxP99Seconds: number | undefined;
}

/** The Standard tier, on both sides. */
export const limits = { perMinute: 600, perSecond: 50 } as const;

export const silenceHelp = `
Runs the real service against the pretend iLive on one fast clock, loses a share of the
webhooks, and measures how long the service takes to notice. Ends once every session is
closed. Exit code 1 when a verdict is missing, wrong or late, or a call was refused with 429.

Usage: node scripts/run.mjs bench/silence.ts [options]

  --rate N           new sessions a second, evenly spaced (default 1)
  --minutes N        for so long (default 40; the sessions' TTL is 30)
  --drop SHARE       webhooks that iLive drops (default 0.3)
  --abandoned SHARE  sessions that nobody finishes (default 0.2)
  --speed N          how many times faster than the wall's the clock runs at most (default
                     20); it is held back whenever the machine does not keep up
  --register         sessions are created by another service, with another API key of the
                     same iLive account that has no limit, and registered with ours by
                     PUT /v1/sessions/{id}; without it ours creates them, each for a call
  --dialect NAME     reference or managed (default reference)
  --concurrency N    PULL_CONCURRENCY of the service (default 8, as its own)
  --seed N           decides how each session goes (default 1)
  --max-p99 SECONDS  exit code 1 also when missed webhooks take longer to repair (p99)
  --help             this text
`.trim();

/** Throws an error whose message is for the reader; `help` when that is what was asked for. */
export function readSilenceOptions(args: readonly string[]): SilenceOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rate: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '40' },
      drop: { type: 'string', default: '0.3' },
      abandoned: { type: 'string', default: '0.2' },
      speed: { type: 'string', default: '20' },
      register: { type: 'boolean', default: false },
      dialect: { type: 'string', default: 'reference' },
      concurrency: { type: 'string', default: '8' },
      seed: { type: 'string', default: '1' },
      'max-p99': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  const { dialect } = values;
  if (dialect !== 'reference' && dialect !== 'managed') {
    throw new Error(`--dialect must be reference or managed, not "${dialect}".`);
  }
  const rate = readNumber('rate', values.rate, 0.01, 100);
  if (!values.register && rate * 60 >= limits.perMinute * 0.9) {
    throw new Error(`Creating ${rate} sessions a second uses up the whole budget; see --register.`);
  }
  const maxP99 = values['max-p99'];
  return {
    rate,
    minutes: readNumber('minutes', values.minutes, 0.1, 1_440),
    dropShare: readNumber('drop', values.drop, 0, 1),
    abandonedShare: readNumber('abandoned', values.abandoned, 0, 1),
    speed: readNumber('speed', values.speed, 1, 1_000),
    isRegistering: values.register,
    dialect,
    concurrency: readNumber('concurrency', values.concurrency, 1, 200),
    seed: readNumber('seed', values.seed, 0, 1e9),
    maxP99Seconds: maxP99 === undefined ? undefined : readNumber('max-p99', maxP99, 0, 1e6),
  };
}
