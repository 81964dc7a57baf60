// What every benchmark does around its measurement: reads the command line, undoes at the end whatever was started, last
// in first out, and stops on a signal with nothing left behind. Exit code 0 when all is well, 1 when it is not, 2 for a
// command line that is wrong, 130 when it was interrupted.

export interface Bench {
  readonly signal: AbortSignal;
  /** What is undone at the end. */
  readonly undo: (() => Promise<void>)[];
}

const exitCodes = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Runs the program; `run` answers whether all is well. */
export function runBench<Options extends object>(
  help: string,
  readOptions: (args: readonly string[]) => Options | 'help',
  run: (options: Options, bench: Bench) => Promise<boolean>,
): void {
  runAll(help, readOptions, run).then(
    (exitCode) => {
      process.exitCode = exitCode;
    },
    (error: unknown) => {
      console.error(error);
      process.exitCode = exitCodes.failed;
    },
  );
}

async function runAll<Options extends object>(
  help: string,
  readOptions: (args: readonly string[]) => Options | 'help',
  run: (options: Options, bench: Bench) => Promise<boolean>,
): Promise<number> {
  const options = readLine(readOptions);
  if (options === undefined) return exitCodes.usage;
  if (options === 'help') {
    console.log(help);
    return exitCodes.ok;
  }
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => controller.abort(new Error(`stopped by ${name}`)));
  }
  const bench: Bench = { signal: controller.signal, undo: [] };
  try {
    return (await run(options, bench)) ? exitCodes.ok : exitCodes.failed;
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    return exitCodes.interrupted;
  } finally {
    for (let step = bench.undo.pop(); step !== undefined; step = bench.undo.pop()) {
      await step().catch((error: unknown) => console.error(error));
    }
  }
}

function readLine<Options>(
  readOptions: (args: readonly string[]) => Options | 'help',
): Options | 'help' | undefined {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\nSee --help.`);
    return undefined;
  }
}
