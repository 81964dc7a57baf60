// The process: reads the environment, builds the service, starts it, and stops it on a signal. The only file of the
// service with effects at import.
import { existsSync } from 'node:fs';
import { enableCompileCache, flushCompileCache } from 'node:module';
import path from 'node:path';
import { asServiceError, ServiceError } from './errors.ts';
import type { Service } from './service.ts';

const exitCodeConfigInvalid = 78; // EX_CONFIG of sysexits.h
const exitCodeFailed = 1;

async function main(): Promise<void> {
  // What the environment says wins over the file.
  if (existsSync('.env')) process.loadEnvFile('.env');
  // What is compiled at the first start is only read at the next, if it is loaded after this. Beside our data and not in
  // the folder for temporary files, where it could be somebody else's. Where it cannot be written there is none.
  enableCompileCache(path.join(process.env.DATA_DIR || '.data', 'compile-cache'));
  const { parseConfig } = await import('./config.ts');
  const { createLog } = await import('./log.ts');
  const { createService } = await import('./service.ts');
  const config = parseConfig(process.env);
  const log = createLog(config.logLevel);
  const service = createService(config, { log, onLost: () => void stop(service, exitCodeFailed) });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info({ signal }, 'stopping');
      void stop(service, 0);
    });
  }
  process.on('unhandledRejection', (error) => {
    log.error({ err: error }, 'a promise was rejected and nobody listened: a bug; stopping');
    void stop(service, exitCodeFailed);
  });
  await service.start();
  flushCompileCache(); // one that is killed leaves it behind too
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
