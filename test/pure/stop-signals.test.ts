// Which signal asks for what: the first SIGTERM for a stop that a proxy in front notices, any other for one at once, and the
// same one twice at once for no more than one.
import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { onStopSignals } from '../../src/stop-signals.ts';
import { silent } from '../support/service.ts';

/** What is asked for when these signals come, each so many milliseconds after the first. */
function asked(...signals: readonly (readonly ['SIGTERM' | 'SIGINT', number])[]): ('leave' | 'stop')[] {
  const source = new EventEmitter();
  const told: ('leave' | 'stop')[] = [];
  let nowMs = 0;
  onStopSignals({
    source,
    log: silent,
    nowMs: () => nowMs,
    end: (isLeaving) => told.push(isLeaving ? 'leave' : 'stop'),
  });
  for (const [signal, atMs] of signals) {
    nowMs = atMs;
    source.emit(signal);
  }
  return told;
}

test('SIGTERM leaves, and SIGINT stops at once', () => {
  expect(asked(['SIGTERM', 0])).toEqual(['leave']);
  expect(asked(['SIGINT', 0])).toEqual(['stop']);
});

test('a second signal leaves out the delay', () => {
  expect(asked(['SIGTERM', 0], ['SIGTERM', 1_000])).toEqual(['leave', 'stop']);
  expect(asked(['SIGTERM', 0], ['SIGINT', 1])).toEqual(['leave', 'stop']);
});

test('one that comes from the group and from the parent is one, and the next is still the second', () => {
  expect(asked(['SIGTERM', 0], ['SIGTERM', 3])).toEqual(['leave']);
  expect(asked(['SIGTERM', 0], ['SIGTERM', 3], ['SIGTERM', 1_500])).toEqual(['leave', 'stop']);
});
