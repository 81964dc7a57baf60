// A database that is ready for this version: the one that is named, or our own, migrated. In a cluster it may come up
// after us, so a database that does not answer yet is waited for; a wrong schema is told at once.
import { setTimeout as wait } from 'node:timers/promises';
import { backoffMs } from '../backoff.ts';
import { isUnavailable, type ServiceError } from '../errors.ts';
import type { Log } from '../log.ts';
import { startEmbeddedPostgres } from './embedded.ts';
import { migrate } from './migrate.ts';

export interface OpenOptions {
  /** Undefined starts the embedded Postgres in `dataDir`. */
  readonly url: string | undefined;
  readonly dataDir: string;
  /** Of the embedded Postgres, beside the service's own. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly log: Log;
  /** Called when the embedded Postgres is gone for good. */
  readonly onLost: () => void;
  /** True once nobody wants the database any more. */
  readonly isGivenUp: () => boolean;
}

export interface OpenDatabase {
  readonly url: string;
  /** Stops the embedded Postgres; nothing for one that is not ours. */
  readonly close: () => Promise<void>;
}

const startDeadlineMs = 60_000;

/** Throws `unavailable` when the database does not answer within a minute, `schema_mismatch` when it is newer than us. */
export async function openDatabase(options: OpenOptions): Promise<OpenDatabase> {
  const { url, dataDir, settings = {}, log, onLost } = options;
  const postgres =
    url === undefined ? await startEmbeddedPostgres({ dataDir, settings, log, onLost }) : undefined;
  const opened = { url: postgres?.url ?? url ?? '', close: async () => postgres?.stop() };
  try {
    await migrateWhenThere(opened.url, options);
    return opened;
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function migrateWhenThere(url: string, { log, isGivenUp }: OpenOptions): Promise<void> {
  const startedAt = performance.now();
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await migrate(url, { log, isGivenUp });
    } catch (error) {
      const isOver = isGivenUp() || performance.now() - startedAt > startDeadlineMs;
      if (!isUnavailable(error) || isForPeople(error) || isOver) throw error;
      log.warn({ err: error }, 'the database does not answer yet; trying again');
      await wait(backoffMs(attempt, { baseMs: 200, maxMs: 5_000 }));
    }
  }
}

// A password that is wrong, or a role that may not come in: whoever starts the service is told at once.
function isForPeople({ cause }: ServiceError): boolean {
  return (cause as { code?: string } | undefined)?.code?.startsWith('28') ?? false;
}
