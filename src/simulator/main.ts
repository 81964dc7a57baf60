// `npm run simulate`: the pretend vendor against any running service, near or far, or its REST API alone. Secrets are best
// given in the environment, where no list of processes shows them. Against a service it reads everything back over the
// service's API and exits 0 only when nothing differs from the oracle.
import { setTimeout as sleep } from 'node:timers/promises';
import { asServiceError, ServiceError } from '../errors.ts';
import { createProgressDisplay } from './progress.ts';
import { writeReport } from './report.ts';
import { runApi } from './run-api.ts';
import { runScenario } from './run-scenario.ts';
import { planScenario } from './scenario.ts';
import { readSimulateSettings, simulateHelp } from './simulate-options.ts';
import { summarize } from './summary.ts';

const exitCodes = { ok: 0, different: 1, usage: 2, interrupted: 130 } as const;

async function main(): Promise<number> {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => controller.abort());
  try {
    return await simulate(controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    console.error('\n  Interrupted.\n');
    return exitCodes.interrupted;
  }
}

async function simulate(signal: AbortSignal): Promise<number> {
  const settings = readSimulateSettings(process.argv.slice(2), process.env, signal);
  if (settings === 'help') {
    console.log(simulateHelp);
    return exitCodes.ok;
  }
  if ('api' in settings) {
    await runApi(settings.api, settings.isSigningKnown, signal);
    return exitCodes.ok;
  }
  const { run, scenario, isJson } = settings;
  const progress = createProgressDisplay(process.stdout, isJson);
  await untilReady(run.api.url, settings.waitMs, signal);
  if (!isJson)
    console.log(`\n  Playing iLive to ${run.url.href}: seed ${scenario.seed}, run ${scenario.label}\n`);
  try {
    const result = await runScenario({
      ...run,
      scenario: planScenario({ ...scenario, now: new Date() }),
      onProgress: progress.show,
    });
    progress.finish();
    const summary = summarize(result);
    console.log(isJson ? JSON.stringify(summary, null, 2) : `${writeReport(summary, process.stdout)}\n`);
    return summary.differences.length === 0 ? exitCodes.ok : exitCodes.different;
  } finally {
    progress.finish();
  }
}

const readyPauseMs = 250;

// Started together with the service, as containers are, we are often there first.
async function untilReady(apiUrl: string, waitMs: number, signal: AbortSignal): Promise<void> {
  const url = `${apiUrl.replace(/\/$/, '')}/readyz`;
  const deadline = performance.now() + waitMs;
  for (;;) {
    const said = await fetch(url, { signal }).then(
      (response) => (response.ok ? 'ready' : `it answers ${response.status}`),
      (error: unknown) => String((error as { cause?: unknown }).cause ?? error),
    );
    signal.throwIfAborted();
    if (said === 'ready') return;
    if (performance.now() > deadline) {
      throw new ServiceError('unavailable', `The service is not ready; ${url}: ${said}.`);
    }
    await sleep(readyPauseMs, undefined, { signal });
  }
}

main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    console.error(error instanceof Error ? `\n  ${error.message}\n` : error);
    process.exitCode =
      asServiceError(error).code === 'config_invalid' ? exitCodes.usage : exitCodes.different;
  },
);
