// How far a run is, for whoever waits: one line that is written over on a terminal, a few plain lines elsewhere, and
// nothing at all where only a machine reads.
import type { WriteStream } from 'node:tty';
import type { Progress } from './run-scenario.ts';

export interface ProgressDisplay {
  show(progress: Progress): void;
  /** Leaves the last state standing and the cursor on a line of its own. */
  finish(): void;
}

const barWidth = 28;
const redrawEveryMs = 80;
const quietSteps = 4;

export function createProgressDisplay(stream: WriteStream, isSilent: boolean): ProgressDisplay {
  if (isSilent) return { show: () => {}, finish: () => {} };
  return stream.isTTY ? createBar(stream) : createPlainLines(stream);
}

function createBar(stream: WriteStream): ProgressDisplay {
  let drawnAt = 0;
  let line = '';
  const draw = () => stream.write(`\r\u001b[2K${line}`);
  return {
    show: (progress) => {
      line = describe(progress);
      const isLast = progress.phase !== 'sending' || progress.done === progress.total;
      if (!isLast && performance.now() - drawnAt < redrawEveryMs) return;
      drawnAt = performance.now();
      draw();
    },
    finish: () => {
      if (line !== '') stream.write('\r\u001b[2K');
    },
  };
}

function createPlainLines(stream: WriteStream): ProgressDisplay {
  let stepShown = 0;
  return {
    show: (progress) => {
      if (progress.phase !== 'sending') return;
      const step = Math.floor((progress.done / progress.total) * quietSteps);
      if (step <= stepShown) return;
      stepShown = step;
      stream.write(`  sent ${progress.done} of ${progress.total} messages\n`);
    },
    finish: () => {},
  };
}

function describe(progress: Progress): string {
  switch (progress.phase) {
    case 'sending': {
      const filled = Math.round((progress.done / progress.total) * barWidth);
      const bar = `${'━'.repeat(filled)}${'╌'.repeat(barWidth - filled)}`;
      return `  Sending  ${bar}  ${progress.done} of ${progress.total} messages`;
    }
    case 'settling':
      return progress.silent === 0
        ? `  Waiting until every delivery is processed: ${progress.owed} to go`
        : `  Waiting until silent sessions are asked about: ${progress.silent} to go`;
    case 'comparing':
      return '  Comparing the tables with the oracle';
  }
}
