// `npm run bench:replay`: what a replay does to live deliveries, and what a crash does to a replay. One service with a past
// of many finished deliveries takes live ones at an even pace, without a replay and beside one of the whole past; how long
// each takes from its acknowledgement to being there to be read is compared within the run. Then the service is killed
// in the middle of a second replay and started anew: it must go on by itself, and no row may differ afterwards.
import { describeMachine } from './machine.ts';
import { makeHistory } from './replay-history.ts';
import { type ReplayOptions, readReplayOptions, replayHelp } from './replay-options.ts';
import { runCrashPhase, runLivePhases } from './replay-phases.ts';
import { findTroubles, judgeSlowdown, type ReplayRun, readPhase, writeReplays } from './replay-report.ts';
import { tellWarnings, writeMachine } from './report.ts';
import { type Bench, runBench } from './run-bench.ts';
import { saveJson } from './save-results.ts';
import { setStage } from './stage.ts';

async function run(options: ReplayOptions, bench: Bench): Promise<boolean> {
  const { signal } = bench;
  console.log('Starting the service …');
  const { replayPerSecond } = options;
  const limits = replayPerSecond === undefined ? {} : { REPLAY_MAX_PER_SECOND: String(replayPerSecond) };
  const stage = await setStage(limits, bench);
  const machine = await describeMachine(stage.databaseUrl);
  console.log(`Making a past of ${options.deliveries} deliveries …`);
  const history = await makeHistory(stage, options, signal);
  const phase = { options, history, to: new Date(), signal };
  const live = await runLivePhases(stage, phase);
  const crash = await runCrashPhase(stage, phase);
  const finished: ReplayRun = { options, history, live, crash };
  const { text, isKept } = judgeSlowdown(finished);
  const troubles = findTroubles(finished);
  console.log(`\n${writeMachine(machine)}`);
  console.log(
    `${history.deliveryCount} deliveries replayed at ${options.replayPerSecond ?? 'the default number'} a second at most, ` +
      `${options.rate} live deliveries a second\n`,
  );
  console.log(writeReplays(finished));
  console.log(`\n${text}`);
  if (troubles.length > 0)
    console.log(`\nNot as it should be:\n${troubles.map((trouble) => `  ${trouble}`).join('\n')}`);
  tellWarnings('the service', [stage.warnings()]);
  const phases = [live.before, live.during, live.after].map(readPhase);
  const { replay, replaySeconds, differences } = live;
  const everything = { machine, options, history, phases, replay, replaySeconds, differences, crash };
  await saveJson(options.jsonFile, everything);
  return troubles.length === 0 && isKept;
}

runBench(replayHelp, readReplayOptions, run);
