// The command line of the benchmark of replays.
import { parseArgs } from 'node:util';
import { readCount, readNumber } from './options.ts';

export interface ReplayOptions {
  /** Finished deliveries that are replayed. */
  readonly deliveries: number;
  /** Live deliveries a second. */
  readonly rate: number;
  /** How long live deliveries are measured before the replay. */
  readonly seconds: number;
  /** REPLAY_MAX_PER_SECOND; undefined for the service's own default. */
  readonly replayPerSecond: number | undefined;
  /** How far the second replay is when the service is killed. */
  readonly killShare: number;
  readonly maxRatio: number;
  readonly seed: number;
  readonly jsonFile: string | undefined;
}

export const replayHelp = `
Measures what a replay does to live deliveries: how long after its acknowledgement each
can be queried, without a replay and while one of all earlier deliveries runs. Then a
second replay is started and the service killed in the middle of it. Exit code 1 when an
answer was wrong, a row changed that should not, the counts do not add up, or live
deliveries became slower than allowed.

Usage: npm run bench:replay -- [options]

  --deliveries N         finished deliveries that are replayed (default 50000)
  --rate N               live deliveries a second, evenly spaced (default 50)
  --seconds N            how long they are measured without a replay (default 60), and half
                         as long once more after it
  --replay-per-second N  REPLAY_MAX_PER_SECOND (default: the service's own)
  --kill-at SHARE        how far the second replay is when the service is killed
                         (default 0.5)
  --max-ratio N          p99 with the replay over p99 without it, at most (default 2)
  --seed N               decides what the replayed deliveries say (default 1)
  --json FILE            write every figure to FILE as well
  --help                 this text
`.trim();

/** Throws an error whose message is for the reader; `help` when that is what was asked for. */
export function readReplayOptions(args: readonly string[]): ReplayOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      deliveries: { type: 'string', default: '50000' },
      rate: { type: 'string', default: '50' },
      seconds: { type: 'string', default: '60' },
      'replay-per-second': { type: 'string' },
      'kill-at': { type: 'string', default: '0.5' },
      'max-ratio': { type: 'string', default: '2' },
      seed: { type: 'string', default: '1' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  const perSecond = values['replay-per-second'];
  return {
    deliveries: readCount('deliveries', values.deliveries, 1_000_000),
    rate: readNumber('rate', values.rate, 0.1, 2_000),
    seconds: readCount('seconds', values.seconds, 3_600),
    replayPerSecond: perSecond === undefined ? undefined : readCount('replay-per-second', perSecond, 100_000),
    killShare: readNumber('kill-at', values['kill-at'], 0, 0.99),
    maxRatio: readNumber('max-ratio', values['max-ratio'], 0, 1_000),
    seed: readNumber('seed', values.seed, 0, 1e9),
    jsonFile: values.json,
  };
}
