// What this process holds in memory once all that nobody needs is collected.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export function usedBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
