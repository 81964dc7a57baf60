// The process: reads the environment, builds the service, starts it, and stops it on a signal; or, where several are
// wanted, starts and stops those. The only file of the service with effects at import.
import cluster from 'node:cluster';
import { existsSync } from 'node:fs';
import { type Config, parseConfig } from './config.ts';
import { asServiceError, ServiceError } from './errors.ts';
import { createLog, type Log } from './log.ts';
import { shareMetrics } from './process-metrics.ts';
import { createProcesses, processNumberKey } from './processes.ts';
import { createService, type Service } from './service.ts';

const exitCodeConfigInvalid = 78; // EX_CONFIG of sysexits.h
const exitCodeFailed = 1;

async function main(): Promise<void> {
  // What the environment says wins over the file.
  if (existsSync('.env')) process.loadEnvFile('.env');
  const config = parseConfig(process.env);
  if (cluster.isPrimary && config.processes > 1) await runSeveral(config, createLog(config.logLevel));
  else if (cluster.isPrimary) await runOne(config, createLog(config.logLevel));
  else {
    const number = Number(process.env[processNumberKey]);
    await runOne(config, createLog(config.logLevel, number), {
      shareMetrics: (own) => shareMetrics(number, own),
    });
  }
}

async function runOne(
  config: Config,
  log: Log,
  overrides: Parameters<typeof createService>[1] = {},
): Promise<void> {
  const end = (exitCode: number) => void stop(service, exitCode);
  const service = createService(config, { ...overrides, log, onLost: () => end(exitCodeFailed) });
  onSignals(log, end);
  await service.start();
}

async function runSeveral(config: Config, log: Log): Promise<void> {
  const processes = createProcesses(config, log);
  onSignals(log, processes.stop);
  process.exit(await processes.run());
}

function onSignals(log: Log, end: (exitCode: number) => void): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info({ signal }, 'stopping');
      end(0);
    });
  }
  process.on('unhandledRejection', (error) => {
    log.error({ err: error }, 'a promise was rejected and nobody listened: a bug; stopping');
    end(exitCodeFailed);
  });
}

async function stop(service: Service, exitCode: number): Promise<void> {
  await service.stop();
  process.exit(exitCode);
}

main().catch((error: unknown) => {
  const known = asServiceError(error);
  // The operator reads this line first: a sentence, and the stack only where it is ours to mend.
  console.error(error instanceof ServiceError ? error.message : error);
  process.exit(known.code === 'config_invalid' ? exitCodeConfigInvalid : exitCodeFailed);
});
