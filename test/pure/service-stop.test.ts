// A stop ends in time: whatever hangs, and whatever somebody does to the clock meanwhile.
import { afterEach, expect, test, vi } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import type { Running } from '../../src/running.ts';
import { undoAll } from '../../src/service-stop.ts';
import { secret, silent } from '../support/service.ts';

afterEach(() => vi.useRealTimers());

/** Undoes the steps within a grace period of a second; `leftBehind` are those that took too long. */
async function undo(steps: readonly (() => Promise<void>)[]): Promise<string[]> {
  const leftBehind: string[] = [];
  const warn = ({ step }: { step?: string }) => void leftBehind.push(String(step));
  const running = {
    config: parseConfig({ SHUTDOWN_GRACE_SECONDS: '1', ILIVE_WEBHOOK_SECRETS: secret }),
    log: { ...silent, warn },
    undo: steps.map((run, index) => ({ name: String(index), run })).reverse(),
  };
  await undoAll(running as unknown as Running);
  return leftBehind;
}

const hang = () => new Promise<void>(() => {});
const aMoment = () => new Promise<void>((resolve) => setImmediate(resolve));

test('steps that hang share the grace period, and what needs no more than a moment has it behind them', async () => {
  const startedAt = performance.now();
  const steps = [...Array.from({ length: 14 }, () => hang), aMoment];
  expect(await undo(steps)).toHaveLength(14);
  // What platforms are told to wait beyond the grace period; with a second for each step it was 13.
  expect(performance.now() - startedAt).toBeLessThan(11_000);
});

test('a clock that is set back makes no stop longer', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const setBack = async () => void vi.setSystemTime(Date.now() - 3_600_000);
  expect(await undo([setBack, hang])).toEqual(['1']);
});
