// The stage of a benchmark: a service process and a Postgres that outlives it, so that the service can be
// killed and started anew on the same data, and what both of them are asked through.
import { randomBytes } from 'node:crypto';
import type { Database } from '../src/db/connect.ts';
import type { ChildService } from '../src/simulator/child-service.ts';
import { connectOnce } from './own-connection.ts';
import type { Bench } from './run-bench.ts';
import { startPostgres, startService } from './start-service.ts';
import { sumUp } from './statistics.ts';

export interface Stage {
  readonly secret: string;
  /** Of role admin. */
  readonly apiKey: string;
  readonly databaseUrl: string;
  readonly db: Database;
  /** Where the service is now, such as `http://127.0.0.1:41234`. */
  address(): string;
  pid(): number;
  /** Warnings of all services so far, counted by message. */
  warnings(): Readonly<Record<string, number>>;
  /** SIGKILL, and a new one on the same data; resolves once that listens. */
  killAndRestart(): Promise<void>;
  /** Sends one request to the API; throws for any other status than those that are wanted. */
  ask(method: 'GET' | 'POST', path: string, wantedStatus: number, body?: object): Promise<unknown>;
}

const askTimeoutMs = 60_000;

/** Starts both; `further` are settings of the service beside its defaults, `postgresSettings` those of Postgres. */
export async function setStage(
  further: Readonly<Record<string, string>>,
  { signal, undo }: Bench,
  postgresSettings: Readonly<Record<string, string>> = {},
): Promise<Stage> {
  const secret = randomBytes(24).toString('hex');
  const apiKey = randomBytes(24).toString('hex');
  const postgres = await startPostgres(postgresSettings);
  undo.push(postgres.stop);
  const settings = { ...postgres.settings, ...further, BOOTSTRAP_API_KEY: apiKey };
  const started: { service: ChildService; pid: number }[] = [];
  const start = async () => {
    const service = await startService(settings, { secret, signal });
    undo.push(() => service.stop());
    started.push({ service, pid: Number((await service.log.listening).pid) });
  };
  await start();
  const current = () => {
    const last = started.at(-1);
    if (last === undefined) throw new Error('a service was started');
    return last;
  };
  const db = connectOnce(postgres.url);
  undo.push(() => db.close());
  return {
    secret,
    apiKey,
    databaseUrl: postgres.url,
    db,
    address: () => current().service.address,
    pid: () => current().pid,
    warnings: () => sumUp(started.map(({ service }) => service.log.warnings())),
    killAndRestart: async () => {
      const { service, pid } = current();
      process.kill(pid, 'SIGKILL');
      await service.ended;
      await start();
    },
    ask: async (method, path, wantedStatus, body) => {
      const response = await fetch(new URL(path, current().service.address), {
        method,
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(askTimeoutMs)]),
      });
      const said = await response.text();
      if (response.status === wantedStatus) return JSON.parse(said);
      throw new Error(`${method} ${path} was answered with ${response.status}: ${said.slice(0, 500)}`);
    },
  };
}
