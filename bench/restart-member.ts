// One process of the service that is restarted at its address, of this version or of another's folder.
import { type ChildService, startChildService } from '../src/simulator/child-service.ts';
import { findFreePort } from '../test/support/free-port.ts';
import type { Bench } from './run-bench.ts';
import { createDataDir } from './start-service.ts';

export interface Member {
  readonly name: string;
  readonly address: string;
  /** Resolves once it listens. */
  start(): Promise<void>;
  /** Ends it with SIGTERM; tells how it ended. */
  end(): Promise<string>;
  /** Both. */
  restart(): Promise<string>;
}

const startTimeoutMs = 120_000;

/** A service that is not started yet, on a port and with a folder of its own. `root` is where its code lies. */
export async function createMember(
  settings: Readonly<Record<string, string>>,
  { signal, undo }: Bench,
  root?: string,
): Promise<Member> {
  const { dataDir, remove } = await createDataDir();
  undo.push(remove);
  const port = await findFreePort();
  const all = { HOST: '127.0.0.1', ...settings, DATA_DIR: dataDir, PORT: String(port) };
  let service: ChildService | undefined;
  undo.push(async () => service?.stop());
  const start = async () => {
    service = await startChildService({
      settings: all,
      startTimeoutMs,
      temporaryDir: undefined,
      signal,
      root,
    });
  };
  const end = async () => {
    if (service === undefined) throw new Error('a member is started before it is ended');
    process.kill(Number((await service.log.listening).pid), 'SIGTERM');
    return service.ended;
  };
  return {
    name: settings.ROLE ?? '',
    address: `http://127.0.0.1:${port}`,
    start,
    end,
    restart: async () => {
      const how = await end();
      await start();
      return how;
    },
  };
}
