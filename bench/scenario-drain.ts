// A backlog worked off by one process that does nothing else: how many deliveries a second, from the moment at which it is
// ready. A contender that is slow is stopped after a while, and counts with what it has done by then.
import { beside, type Scenario, untilSo } from './scenario.ts';

export const drain: Scenario = async (contender, place, { backlog, limitSeconds }) => {
  const fillingMs = performance.now();
  await contender.fill?.(place, backlog);
  const fillSeconds = (performance.now() - fillingMs) / 1_000;
  return beside(contender.start('work', place, backlog), async (playing) => {
    const readyMs = performance.now();
    const hasDone = await untilSo(playing.isDone, limitSeconds, place.signal);
    const doneMs = performance.now();
    const processed = (await contender.countProcessed?.(place)) ?? 0;
    // Where it goes on meanwhile, counting is part of the time.
    const seconds = ((hasDone ? doneMs : performance.now()) - readyMs) / 1_000;
    const parked = (await contender.countParked?.(place)) ?? 0;
    return {
      figures: {
        perSecond: processed / seconds,
        seconds,
        processed,
        filledPerSecond: backlog / fillSeconds,
        startMs: playing.startMs,
      },
      troubles: [
        ...(hasDone && processed !== backlog ? [`of ${backlog} only ${processed} were processed`] : []),
        ...(parked > 0 ? [`${parked} were put aside`] : []),
      ],
    };
  });
};
