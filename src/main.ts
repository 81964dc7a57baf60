// The process: reads the environment, builds the service, starts it, and stops it on a signal; or, where several are
// wanted, starts and stops those. The only file of the service with effects at import.
import cluster from 'node:cluster';
import { existsSync, readFileSync } from 'node:fs';
import { enableCompileCache, flushCompileCache } from 'node:module';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import type { Config } from './config.ts';
import { type CutValue, findCutValues } from './env-file.ts';
import { asServiceError, ServiceError } from './errors.ts';
import type { Log } from './log.ts';
import type { Overrides } from './running.ts';
import { withSecretFiles } from './secret-files.ts';
import { onStopSignals } from './stop-signals.ts';

const exitCodeConfigInvalid = 78; // EX_CONFIG of sysexits.h
const exitCodeFailed = 1;

async function main(): Promise<void> {
  const { cutValues, names } = readEnvFile();
  // What is compiled at the first start is only read at the next, if it is loaded after this. Beside our data and not in
  // the folder for temporary files, where it could be somebody else's. Where it cannot be written there is none.
  enableCompileCache(path.join(process.env.DATA_DIR || '.data', 'compile-cache'));
  const { parseConfig, secretKeys } = await import('./config.ts');
  const { createLog } = await import('./log.ts');
  const config = readConfig(() => parseConfig(withSecretFiles(process.env, secretKeys), names), cutValues);
  if (!cluster.isPrimary) return runOneOfSeveral(config);
  const log = createLog(config.logLevel);
  for (const where of cutValues) log.warn(where, `the value in .env ${cutSentence}`);
  await (config.processes > 1 ? runSeveral(config, log) : runOne(config, log));
}

const cutSentence =
  'ends at a # that nothing quotes; if it belongs to the value, put that into single quotes';

function readEnvFile(): { readonly cutValues: readonly CutValue[]; readonly names: readonly string[] } {
  if (!existsSync('.env')) return { cutValues: [], names: [] };
  const text = readText('.env').replace(/^\uFEFF/, ''); // some editors begin a file with it
  const values = parseEnv(text);
  // What the environment says wins over the file.
  for (const [name, value] of Object.entries(values)) process.env[name] ??= value;
  return { cutValues: findCutValues(text), names: Object.keys(values) };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const message = `${file} is there and cannot be read (${(error as NodeJS.ErrnoException).code}).`;
    throw new ServiceError('config_invalid', message, { cause: error });
  }
}

function readConfig(parse: () => Config, cutValues: readonly CutValue[]): Config {
  try {
    return parse();
  } catch (error) {
    // It may be why: there is no log yet.
    for (const { key, line } of cutValues)
      console.error(`${key}: the value in line ${line} of .env ${cutSentence}`);
    if (!(error instanceof ServiceError) || existsSync('.env')) throw error;
    // It may stand in another folder.
    const where = `There is no .env in ${process.cwd()}: only the environment was read.`;
    throw new ServiceError(error.code, `${error.message}\n${where}`, { cause: error });
  }
}

async function runOne(config: Config, log: Log, overrides: Overrides = {}): Promise<void> {
  // The newest objects are few, and helpers for collecting them take the processor from Postgres and from us. See 040.
  setFlagsFromString('--no-parallel-scavenge');
  // A receiver has little in use and throws away much: V8 would let that pile up to several times what is in use. Whoever works has
  // batches in use, and would collect them again and again. The newest it collects at half their room, which saves memory. See 040.
  if (config.role === 'receiver') {
    setFlagsFromString('--heap-growing-percent=20');
    setFlagsFromString('--minor-gc-task-trigger=50');
  }
  const { createService } = await import('./service.ts');
  const service = createService(config, { ...overrides, log, onLost: () => void stop(exitCodeFailed) });
  let firstExitCode: number | undefined;
  const stop = async (exitCode: number, how = service.stop) => {
    // Who asked first says how it ends: what breaks while it stops is no reason to have it started again.
    firstExitCode ??= exitCode;
    await how();
    process.exit(firstExitCode);
  };
  onSignals(log, (exitCode, isLeaving) => void stop(exitCode, isLeaving ? service.leave : service.stop));
  await service.start().catch((error: unknown) => {
    // Stopped before it had started, such as while the database was waited for: that was asked for.
    if (firstExitCode === undefined) throw error;
  });
  flushCompileCache(); // one that is killed leaves it behind too
}

async function runOneOfSeveral(config: Config): Promise<void> {
  const { createLog } = await import('./log.ts');
  const { shareMetrics } = await import('./process-metrics.ts');
  const { processNumberKey } = await import('./processes.ts');
  const number = Number(process.env[processNumberKey]);
  await runOne(config, createLog(config.logLevel, number), {
    shareMetrics: (own) => shareMetrics(number, own),
  });
}

async function runSeveral(config: Config, log: Log): Promise<void> {
  const { createProcesses } = await import('./processes.ts');
  const processes = createProcesses(config, log);
  onSignals(log, processes.stop);
  process.exit(await processes.run());
}

function onSignals(log: Log, end: (exitCode: number, isLeaving: boolean) => void): void {
  const nowMs = () => performance.now();
  onStopSignals({ source: process, log, nowMs, end: (isLeaving) => end(0, isLeaving) });
  // As Node would, but for what hangs on the error.
  process.on('uncaughtException', (error) => {
    log.error({ err: error }, 'an error was thrown and nobody caught it: a bug; ending');
    process.exit(exitCodeFailed);
  });
  process.on('unhandledRejection', (error) => {
    log.error({ err: error }, 'a promise was rejected and nobody listened: a bug; stopping');
    end(exitCodeFailed, false);
  });
}

main().catch(async (error: unknown) => {
  const known = asServiceError(error);
  // The operator reads this line first: a sentence, and the stack only where it is ours to mend.
  const { renderError } = await import('./log.ts');
  console.error(error instanceof ServiceError ? error.message : renderError(error));
  process.exit(known.code === 'config_invalid' ? exitCodeConfigInvalid : exitCodeFailed);
});
