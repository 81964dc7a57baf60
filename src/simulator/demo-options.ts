// The demo's command line.
import { randomInt } from 'node:crypto';
import { type ConfirmPolicy, confirmPolicies } from '../events/session.ts';
import { type Dialect, dialects } from './api-routes.ts';
import {
  readArguments,
  readFaults,
  readSeed,
  readShare,
  readUrl,
  readWholeNumber,
  readWord,
} from './arguments.ts';
import type { FaultShares } from './faults.ts';

export interface DemoOptions {
  readonly isOnce: boolean;
  readonly isJson: boolean;
  readonly sessionCount: number;
  readonly seed: number;
  readonly ratePerSecond: number;
  readonly faults: FaultShares;
  /** The share of the sessions whose webhooks are never sent. */
  readonly dropShare: number;
  readonly dialect: Dialect;
  readonly confirm: ConfirmPolicy;
  readonly keepDir: string | undefined;
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
}

export const demoHelp = `
Shows the whole service at work: starts it with a database of its own, plays iLive
to it, with everything that goes wrong on the way, and checks that the tables hold
exactly what they must. The service creates the sessions itself; of some the webhook
never comes, and the service has to notice and ask. Nothing is left behind.

Usage: npm run demo -- [options]

  --once              stop after the summary; exit 0 when the tables match, else 1
  --sessions N        sessions to play (default 500); a few more are only mentioned
  --drop SHARE        sessions whose webhooks never come (default 0.1)
  --seed N            the same seed plays the same scenario (default: a random one)
  --rate N            messages a second, 0 for as many as possible (default 200)
  --dialect NAME      reference (default) or managed: which of iLive's two APIs to play
  --confirm POLICY    never (default), pass, always or unsigned: which verdicts the
                      service confirms by asking; unsigned leaves that fault out
  --faults LIST       all (default), none, or some: duplicate,tampered=0.1 or -slow
  --json              print only the summary, as JSON; implies --once
  --keep DIR          keep the data in DIR instead of a temporary folder
  --database-url URL  use this Postgres (also ILIVE_DEMO_DATABASE_URL)
  --help              this text

REDIS_URL in the environment puts the queue on Redis; else it lives in Postgres.

Examples:
  npm run demo
  npm run demo -- --once --sessions 2000 --rate 0
  npm run demo -- --drop 1 --dialect managed
  npm run demo -- --seed 7 --faults contradiction,reorder=0.2
  REDIS_URL=redis://localhost:6379 npm run demo
`.trim();

/** Reads the command line. Throws `config_invalid` with a sentence; `help` when that is what was asked for. */
export function readDemoOptions(args: readonly string[], env: NodeJS.ProcessEnv): DemoOptions | 'help' {
  const values = readArguments(args, {
    once: { type: 'boolean' },
    sessions: { type: 'string', default: '500' },
    seed: { type: 'string' },
    rate: { type: 'string', default: '200' },
    faults: { type: 'string', default: 'all' },
    drop: { type: 'string', default: '0.1' },
    dialect: { type: 'string', default: 'reference' },
    confirm: { type: 'string', default: 'never' },
    json: { type: 'boolean' },
    keep: { type: 'string' },
    'database-url': { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) return 'help';
  const databaseUrl = values['database-url'] ?? (env.ILIVE_DEMO_DATABASE_URL || undefined);
  if (databaseUrl !== undefined) readUrl('database-url', databaseUrl, ['postgres', 'postgresql']);
  const confirm = readWord('confirm', values.confirm, confirmPolicies);
  const faults = readFaults(values.faults);
  return {
    isOnce: values.once === true || values.json === true,
    isJson: values.json === true,
    sessionCount: readWholeNumber('sessions', values.sessions, 1, 1_000_000),
    seed: values.seed === undefined ? randomInt(1, 10_000) : readSeed(values.seed),
    ratePerSecond: readWholeNumber('rate', values.rate, 0, 100_000),
    // An unsigned message is a hint under that policy, and no forgery.
    faults: confirm === 'unsigned' ? { ...faults, unsigned: 0 } : faults,
    dropShare: readShare('drop', values.drop),
    dialect: readWord('dialect', values.dialect, dialects),
    confirm,
    keepDir: values.keep,
    databaseUrl,
    redisUrl: env.REDIS_URL || undefined,
  };
}
