// The service as the explorer's child: `src/main.ts` itself, with points in it. It loads everything first and then waits for
// the word, so that the one that takes a killed one's place is there at once. It runs on nothing but what it is told, and
// ends with the explorer.
import { flushCompileCache } from 'node:module';
import { type Arming, watchPoints } from './child-points.ts';

export type Word =
  | { readonly type: 'start'; readonly env: Readonly<Record<string, string>> }
  | { readonly type: 'arm'; readonly arming: Arming | null }
  | { readonly type: 'hits' };

export type Said =
  | { readonly type: 'ready' }
  | { readonly type: 'hits'; readonly hits: readonly (readonly [number, number])[] };

const keepCompiledAfterMs = 4_000;

async function runAsChild(): Promise<void> {
  const points = watchPoints(Number(process.argv[2]));
  const say = (said: Said) => process.send?.(said);
  const { promise: told, resolve } = Promise.withResolvers<Readonly<Record<string, string>>>();
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.on('message', (word: Word) => {
    if (word.type === 'start') resolve(word.env);
    if (word.type === 'arm') points.arm(word.arming);
    if (word.type === 'hits') say({ type: 'hits', hits: points.takeHits() });
  });
  await import('../../../src/service.ts');
  say({ type: 'ready' });
  Object.assign(process.env, await told);
  // Usually written at a process's end, which few of ours come to; by now what a start needs has been compiled.
  setTimeout(flushCompileCache, keepCompiledAfterMs).unref();
  process.channel?.unref();
  await import('../../../src/main.ts');
}

void runAsChild();
