// Two lanes for one kind of work: deliveries as they come in, and those that are late, such as a backlog after an outage.
// While new ones come in, late ones go on in small pieces, one at a time, and leave half of the time to the others;
// while none do, they take all there is. Nothing is held here: whoever waits, waits in its queue.
import { setTimeout as wait } from 'node:timers/promises';

export interface Lanes {
  late(ids: readonly string[]): Promise<void>;
  /**
   * What has come by the queue of the new ones. Those that are late by now are handed to `move`, which brings them to the end
   * of the other queue, and answers false where it cannot: where there is somebody to make room for.
   */
  mixed(ids: Aged, move: (late: readonly string[]) => Promise<boolean>): Promise<void>;
}

interface Aged {
  readonly live: readonly string[];
  readonly late: readonly string[];
}

/** New ones came in no longer ago than this: then late ones make room. */
const liveForMs = 250;
const pieceMaxDeliveries = 200;
/** What takes longer is in trouble, and others wait behind it. */
const pauseMaxMs = 1_000;

/** `process` takes a batch and rejects when it could not be processed; so do the lanes. */
export function createLanes(process: (ids: readonly string[]) => Promise<void>): Lanes {
  let liveAt = Number.NEGATIVE_INFINITY;
  let piece: Promise<void> = Promise.resolve();
  const isLive = () => performance.now() - liveAt < liveForMs;

  const inPieces = async (ids: readonly string[]) => {
    const startedAt = performance.now();
    await process(ids);
    await wait(Math.min(performance.now() - startedAt, pauseMaxMs));
  };
  const passOn = (ids: readonly string[]) => {
    liveAt = performance.now();
    return process(ids);
  };
  return {
    mixed: async ({ live, late }, move) => {
      if (live.length === 0 && !isLive()) return process(late);
      if (late.length === 0 || !(await move(late))) return passOn([...late, ...live]);
      if (live.length > 0) await passOn(live);
    },
    late: async (ids) => {
      let left = ids;
      while (left.length > 0) {
        if (!isLive()) return process(left);
        const next = left.slice(0, pieceMaxDeliveries);
        left = left.slice(pieceMaxDeliveries);
        const turn = piece.catch(() => {}).then(() => inPieces(next));
        piece = turn;
        await turn;
      }
    },
  };
}
