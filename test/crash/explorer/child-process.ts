// One process of the service, seen from the explorer: started warm, told to begin, armed, asked for its hits, and killed. Its
// last lines are kept for when something is wrong. It never outlives the explorer.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import type { Said, Word } from './child.ts';
import type { Arming, Strike } from './child-points.ts';
import type { Packed } from './pack-service.ts';
import { root } from './watched-files.ts';

export interface ServiceChild {
  readonly pid: number;
  /** Resolves once it has loaded everything and waits. */
  readonly ready: Promise<void>;
  /** Resolves once it listens, after `start`. Rejects when it ends before. */
  readonly listening: Promise<void>;
  /** Resolves with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  start(env: Readonly<Record<string, string>>): void;
  arm(arming: Arming | null, onStrike: (strike: Strike) => void): void;
  /** Lets go on one that stands still at a strike. */
  release(): void;
  /** Adds its hits since the last time to `counts`. */
  collectHits(counts: Uint32Array): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  hasEnded(): boolean;
  lastLines(): string;
}

const keptLines = 60;
const hitsDeadlineMs = 1_000;

/** Starts one that waits to be told to begin. */
export function startChild({ program, points, compileCache }: Packed): ServiceChild {
  const child = spawn(process.execPath, [program, String(points.length * 3)], {
    cwd: root,
    env: { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: compileCache },
    detached: true, // what the terminal sends is for the explorer alone
    stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe', 'pipe'],
  });
  const lines = keepLines(child);
  const life = { hasEnded: false };
  const { promise: ended, resolve: end } = Promise.withResolvers<number | string>();
  // Its last report may come after its exit, and before this.
  child.once('close', (code, signal) => {
    life.hasEnded = true;
    end(code ?? signal ?? 'unknown');
  });
  const failure = ended.then((how) => {
    throw new Error(`a service process ended (${how}) before it listened:\n${lines.last()}`);
  });
  failure.catch(() => {});
  const listening = Promise.race([lines.listening, failure]);
  listening.catch(() => {});
  const ready = Promise.race([nextSaid(child, 'ready').then(() => {}), failure]);
  ready.catch(() => {});
  let onStrike: (strike: Strike) => void = () => {};
  createInterface({ input: child.stdio[4] as Duplex }).on('line', (line) => onStrike(JSON.parse(line)));
  const [, , , , , word] = child.stdio as unknown as Duplex[];
  word?.on('error', () => {});
  const send = (said: Word) => void (child.connected && child.send(said, () => {}));
  return {
    pid: child.pid ?? 0,
    ready,
    listening,
    ended,
    start: (env) => send({ type: 'start', env }),
    arm: (arming, hear) => {
      onStrike = hear;
      send({ type: 'arm', arming });
    },
    release: () => void word?.write('\n'),
    collectHits: async (counts) => {
      const late = new Promise<undefined>((resolve) =>
        setTimeout(() => resolve(undefined), hitsDeadlineMs).unref(),
      );
      const answer = Promise.race([nextSaid(child, 'hits'), ended, late]);
      send({ type: 'hits' });
      const said = await answer;
      if (typeof said !== 'object' || said.type !== 'hits') return;
      for (const [instant, count] of said.hits) counts[instant] = (counts[instant] ?? 0) + count;
    },
    signal: (signal) => void (life.hasEnded || child.kill(signal)),
    hasEnded: () => life.hasEnded,
    lastLines: lines.last,
  };
}

function nextSaid(child: ChildProcess, type: Said['type']): Promise<Said> {
  return new Promise((resolve) => {
    const hear = (said: Said) => {
      if (said.type !== type) return;
      child.off('message', hear);
      resolve(said);
    };
    child.on('message', hear);
  });
}

function keepLines(child: ChildProcess): { readonly listening: Promise<void>; last(): string } {
  const kept: string[] = [];
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      kept.push(line.slice(0, 2_000));
      if (kept.length > keptLines) kept.shift();
      if (line.includes('"msg":"listening"')) resolve();
    });
  }
  return { listening, last: () => kept.join('\n') };
}
