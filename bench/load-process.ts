// A load or an open loop as a process of its own, as whoever measures sees it: it is handed a job and tells of itself, one
// message at a time. Its end before its result is an error.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { LoadResult } from './cannon.ts';

/** Starts `file` of this folder and hands it the job. It ends with `signal`. */
export function forkLoad(file: string, job: object, signal: AbortSignal): ChildProcess {
  const child = fork(path.join(import.meta.dirname, file), { signal });
  child.on('error', () => {}); // the abort of `signal`, which `untilTold` tells as well
  child.send(job);
  return child;
}

/** Resolves with its next message, which must be about this. */
export async function untilTold<Message extends { readonly about: string }, About extends Message['about']>(
  child: ChildProcess,
  about: About,
  signal: AbortSignal,
): Promise<Extract<Message, { about: About }>> {
  const failed = new AbortController();
  const onExit = () => failed.abort(new Error('the load ended before it had told its result'));
  if (child.exitCode !== null || child.signalCode !== null) onExit();
  child.once('exit', onExit);
  try {
    const stopped = AbortSignal.any([signal, failed.signal]);
    const [message] = (await once(child, 'message', { signal: stopped })) as [Message];
    if (message.about !== about) throw new Error(`the load told "${message.about}" and not "${about}"`);
    return message as Extract<Message, { about: About }>;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (failed.signal.aborted) throw failed.signal.reason;
    throw error;
  } finally {
    child.off('exit', onExit);
  }
}

/** What makes a load's figures worthless; empty when all went well. */
export function troublesOf({
  otherStatuses,
  errorCount,
  lateCount,
  acknowledgedCount,
}: LoadResult): string[] {
  const troubles = Object.entries(otherStatuses).map(([status, count]) => `${count} answers ${status}`);
  if (errorCount > 0) troubles.push(`${errorCount} connections broken or timed out`);
  if (lateCount > 0) troubles.push(`${lateCount} requests signed while the load ran`);
  if (acknowledgedCount === 0) troubles.push('nothing was acknowledged');
  return troubles;
}
