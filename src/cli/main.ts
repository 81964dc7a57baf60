#!/usr/bin/env node
// The command `ilive-webhooks`: asks the process for what a command needs, and leaves the rest to `run.ts`. It
// imports nothing but Node itself and one file that does the same, so that it can be read by a Node that is too old for
// the rest: then it runs itself again on the Node that was installed along. It alone reads the environment.
import { findOwnNode, wantedMajor } from './own-node.ts';
import { spawnInPlace } from './spawn-in-place.ts';

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (Number.parseInt(process.versions.node, 10) >= wantedMajor) {
    const { run } = await import('./run.ts');
    const { createProcessContext } = await import('./process-context.ts');
    return run(args, createProcessContext(process.env));
  }
  const node = findOwnNode();
  if (node !== undefined) return spawnInPlace(node, [import.meta.filename, ...args], process.env);
  const reason = 'and the one that is packaged for this platform is not installed';
  process.stderr.write(
    `ilive-webhooks needs Node ${wantedMajor}. This is ${process.version}, ${reason}. Install Node ${wantedMajor}.\n`,
  );
  return 1;
}

process.exitCode = await main();
