// One connection that listens to what Postgres announces on a channel. A broken connection is opened again for as long as it
// takes, and each time that it listens anew the caller is told, since what was announced meanwhile is gone. A connection that
// is broken without anybody having said so is found by a heartbeat.
import { setTimeout as wait } from 'node:timers/promises';
import { Client } from 'pg';
import { backoffMs } from '../backoff.ts';
import type { Log } from '../log.ts';
import { postgresAddress } from '../postgres-address.ts';
import { createSeldom } from '../seldom.ts';

export interface ListenOptions {
  readonly url: string;
  /** Plain lower-case letters and underscores. */
  readonly channel: string;
  readonly onNotify: (payload: string) => void;
  /** Called whenever it begins to listen: whatever was announced before is to be looked for. */
  readonly onListening: () => void;
  readonly log: Log;
}

export interface Listener {
  close(): Promise<void>;
}

const connectTimeoutMs = 5_000;
const heartbeatMs = 5_000;
const reconnectBackoff = { baseMs: 100, maxMs: 5_000 };
const logIntervalMs = 60_000;

/** Begins to listen in the background; never throws. */
export function listenTo(options: ListenOptions): Listener {
  const stopping = new AbortController();
  const running = run(options, stopping.signal);
  return {
    close: async () => {
      stopping.abort();
      await running;
    },
  };
}

async function run(options: ListenOptions, stopping: AbortSignal): Promise<void> {
  const countBreaks = createSeldom(logIntervalMs);
  for (let attempt = 0; !stopping.aborted; attempt += 1) {
    const startedAt = performance.now();
    try {
      await listenOnce(options, stopping);
    } catch (error) {
      const count = countBreaks();
      if (count !== undefined) {
        options.log.warn(
          { err: error, count },
          'listening for changes was interrupted; it is taken up again',
        );
      }
    }
    if (performance.now() - startedAt > heartbeatMs) attempt = 0;
    await wait(backoffMs(attempt, reconnectBackoff), undefined, { signal: stopping }).catch(() => {});
  }
}

// Returns when `stopping` is aborted, throws when the connection breaks.
async function listenOnce(options: ListenOptions, stopping: AbortSignal): Promise<void> {
  const { url, channel, onNotify, onListening } = options;
  const client = new Client({
    ...postgresAddress(url),
    application_name: 'ilive-webhooks listen',
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: connectTimeoutMs,
    keepAlive: true,
  });
  // No promise that is raced with each heartbeat: it would keep all of them.
  const broken = new AbortController();
  client.on('error', (error) => broken.abort(error));
  client.on('end', () => broken.abort(new Error('the connection ended')));
  const signal = AbortSignal.any([stopping, broken.signal]);
  try {
    await client.connect();
    client.on('notification', ({ payload }) => onNotify(payload ?? ''));
    await client.query(`listen ${channel}`);
    onListening();
    while (!stopping.aborted) {
      await wait(heartbeatMs, undefined, { signal }).catch(() => {});
      broken.signal.throwIfAborted();
      if (!stopping.aborted) await client.query('select 1');
    }
  } finally {
    await client.end().catch(() => {});
  }
}
