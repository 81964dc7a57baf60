// What every program in this folder has in common: it is started by the benchmark with an address of its stores and the
// part that it is to play, says where it listens, and tells on request how much it has accepted and finished. It lives no
// longer than the benchmark. Nothing here may do work for a delivery, since that would be measured with it.
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Whether it only accepts, only works off what was accepted before, or both in one process. */
export type Part = 'receive' | 'work' | 'whole';

export interface Setup {
  readonly part: Part;
  readonly secret: string;
  readonly databaseUrl: string;
  /** Where there is a Redis. */
  readonly redisUrl: string | undefined;
  /** Jobs that wait in the queue already. */
  readonly filledCount: number;
}

/** Since its start, with what waited then among the accepted. */
export interface Counts {
  accepted: number;
  finished: number;
}

export type Told = { readonly address: string } | { readonly counts: Counts };
export type Asked = { readonly setup: Setup } | { readonly ask: 'counts' };

/** Connections that each program that stores in Postgres holds there, twice what `pg` takes by default. */
export const poolMaxConnections = 20;

/** Listens on any free port; gives the address. */
export async function listenHere(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Runs the program once it is told its part. `start` gives where it listens, and nothing where it only works. */
export function runProgram(start: (setup: Setup, counts: Counts) => Promise<string | undefined>): void {
  const counts: Counts = { accepted: 0, finished: 0 };
  const tell = (message: Told) => process.send?.(message);
  process.on('message', (message: Asked) => {
    if ('ask' in message) {
      tell({ counts });
      return;
    }
    const { setup } = message;
    counts.accepted = setup.filledCount;
    start(setup, counts).then(
      (address) => tell({ address: address ?? '' }),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.once('disconnect', () => process.exit());
}
