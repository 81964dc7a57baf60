// Runs another program as if it were this one: same terminal, same signals, same exit code. It has to be read by old
// versions of Node, so it imports nothing but Node's own modules.
import { spawn } from 'node:child_process';
import os from 'node:os';

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Resolves with the exit code; 128 and the signal's number where a signal ended it, as a shell tells it. */
export function spawnInPlace(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env });
    // Ctrl-C reaches the child by itself as well; whoever stops twice stops once.
    const listeners = forwarded.map((signal) => ({ signal, forward: () => void child.kill(signal) }));
    for (const { signal, forward } of listeners) process.on(signal, forward);
    const finish = () => {
      for (const { signal, forward } of listeners) process.off(signal, forward);
    };
    child.on('error', (error) => {
      finish();
      reject(error);
    });
    child.on('exit', (code, signal) => {
      finish();
      resolve(code ?? 128 + (signal === null ? 0 : os.constants.signals[signal]));
    });
  });
}
