// The process: reads the environment, builds the service, starts it, and stops it on a signal. The only file of the
// service with effects at import.
import { existsSync } from 'node:fs';
import { parseConfig } from './config.ts';
import { asServiceError, ServiceError } from './errors.ts';
import { createLog } from './log.ts';
import { createService, type Service } from './service.ts';

const exitCodeConfigInvalid = 78; // EX_CONFIG of sysexits.h
const exitCodeFailed = 1;

async function main(): Promise<void> {
  // What the environment says wins over the file.
  if (existsSync('.env')) process.loadEnvFile('.env');
  const config = parseConfig(process.env);
  const log = createLog(config.logLevel);
  const service = createService(config, { log, onLost: () => void stop(service, exitCodeFailed) });
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info({ signal }, 'stopping');
      // SIGTERM is a platform's, which has a proxy in front; SIGINT is a person's, and so is whatever comes second.
      void stop(service, 0, signal === 'SIGTERM' && !isStopping ? service.leave : service.stop);
      isStopping = true;
    });
  }
  process.on('unhandledRejection', (error) => {
    log.error({ err: error }, 'a promise was rejected and nobody listened: a bug; stopping');
    void stop(service, exitCodeFailed);
  });
  await service.start();
}

async function stop(service: Service, exitCode: number, how = service.stop): Promise<void> {
  await how();
  process.exit(exitCode);
}

main().catch((error: unknown) => {
  const known = asServiceError(error);
  // The operator reads this line first: a sentence, and the stack only where it is ours to mend.
  console.error(error instanceof ServiceError ? error.message : error);
  process.exit(known.code === 'config_invalid' ? exitCodeConfigInvalid : exitCodeFailed);
});
