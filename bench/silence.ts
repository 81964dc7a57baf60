// How fast silence is repaired within iLive's rate limits: the real service and the pretend vendor on one fast clock, a
// share of the webhooks lost, a share of the sessions abandoned. The clock is simulated, everything else is real: HTTP,
// Postgres, queue, workers. It runs until every session is closed, and fails when a verdict is missing, wrong or late.
import { setTimeout as wait } from 'node:timers/promises';
import type { Completeness } from '../src/simulator/completeness.ts';
import { describeMachine } from './machine.ts';
import { tellWarnings, writeMachine } from './report.ts';
import { type Bench, runBench } from './run-bench.ts';
import { readFigures } from './silence-figures.ts';
import { createSessions, otherAgent } from './silence-load.ts';
import { readSilenceOptions, type SilenceOptions, silenceHelp } from './silence-options.ts';
import { doubtMachine, findFaults, type Run, writeRun } from './silence-report.ts';
import { type Stage, setStage } from './silence-stage.ts';

const pollMs = 500;
const ttlMinutes = 30;
// How much longer than the last session's TTL the end may take before it is given up.
const graceMinutes = 10;
const progressMinutes = 5;

async function run(options: SilenceOptions, { undo, signal }: Bench): Promise<boolean> {
  const { rate, minutes, dropShare, abandonedShare, speed, isRegistering } = options;
  const stage = await setStage(options, undo);
  const machine = await describeMachine(stage.databaseUrl);
  console.log(`${writeMachine(machine)}`);
  console.log(
    `${rate} sessions a second for ${minutes} minutes, ${isRegistering ? 'registered' : 'created through the service'}, ` +
      `${dropShare * 100} % of the webhooks dropped, ${abandonedShare * 100} % abandoned, ` +
      `${options.dialect} dialect, at most ${speed} times as fast as the wall's clock\n`,
  );
  const beganMs = performance.now();
  const simulatedFromMs = stage.vendor.clock.now();
  const progress = createProgress(stage);
  const load = await createSessions(stage, options, signal, progress);
  const completeness = await waitForTheEnd(stage, signal, () => progress(load.sessionCount));
  const finished: Run = {
    options,
    load,
    completeness,
    figures: await readFigures(stage),
    realSeconds: (performance.now() - beganMs) / 1_000,
    simulatedSeconds: (stage.vendor.clock.now() - simulatedFromMs) / 1_000,
  };
  console.log(`\n${writeRun(finished)}`);
  tellWarnings('the service', [stage.warnings]);
  const doubt = doubtMachine(finished);
  if (doubt !== undefined) console.log(`\n${doubt}`);
  const faults = findFaults(finished);
  if (faults.length > 0)
    console.log(`\nNot as it should be:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
  return faults.length === 0;
}

function createProgress({ vendor }: Stage): (createdCount: number) => void {
  const startedMs = vendor.clock.now();
  let toldMinutes = 0;
  return (createdCount) => {
    const minutes = Math.floor((vendor.clock.now() - startedMs) / 60_000);
    if (minutes < toldMinutes + progressMinutes) return;
    toldMinutes = minutes - (minutes % progressMinutes);
    const callCount = vendor.log.filter(({ userAgent }) => userAgent !== otherAgent).length;
    console.log(`minute ${toldMinutes}: ${createdCount} sessions, ${callCount} calls to iLive`);
  };
}

async function waitForTheEnd(
  stage: Stage,
  signal: AbortSignal,
  onProgress: () => void,
): Promise<Completeness> {
  const { clock } = stage.vendor;
  const deadlineMs = clock.now() + (ttlMinutes + graceMinutes) * 60_000;
  for (;;) {
    const completeness = await readCompleteness(stage);
    if (completeness.open === 0 || clock.now() > deadlineMs) return completeness;
    onProgress();
    await wait(pollMs, undefined, { signal });
  }
}

async function readCompleteness({ serviceUrl, serviceKey }: Stage): Promise<Completeness> {
  const response = await fetch(
    `${serviceUrl}/v1/completeness?from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z`,
    { headers: { authorization: `Bearer ${serviceKey}` } },
  );
  if (response.status !== 200) throw new Error(`completeness was answered with ${response.status}`);
  return (await response.json()) as Completeness;
}

runBench(silenceHelp, readSilenceOptions, run);
