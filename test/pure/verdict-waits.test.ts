// Who waits for a verdict in this process: nothing is held any more for who is answered or has left.
import { expect, test } from 'vitest';
import type { WaitedSession } from '../../src/db/waits.ts';
import { createVerdictWaits } from '../../src/http/verdict-waits.ts';
import { silent } from '../support/service.ts';

/** Waits over a database that answers what `load` gives. */
function startWaits(load: () => Promise<WaitedSession[]> = async () => []) {
  const waits = createVerdictWaits({ load, noteWaiting: async () => {}, log: silent, now: () => new Date() });
  const wait = (sessionId: string, { signal = new AbortController().signal, waitMs = 60_000 } = {}) =>
    waits.wait({ sessionId, account: undefined, wantsConfirmation: false, waitMs, signal }, () => false);
  return { waits, wait };
}

test('guarantee 23: who leaves is forgotten, and the session with the last of them', async () => {
  const { waits, wait } = startWaits();
  const [one, other] = [new AbortController(), new AbortController()];
  const answers = [wait('a', one), wait('a', other), wait('b', one), wait('b', one)];
  expect(waits.count()).toEqual({ sessions: 2, callers: 4 });
  one.abort();
  expect(waits.count()).toEqual({ sessions: 1, callers: 1 });
  other.abort();
  expect(waits.count()).toEqual({ sessions: 0, callers: 0 });
  expect(await Promise.all(answers)).toEqual([[], [], [], []]);
});

test('so is who has waited in vain, who is let go, and who is told of trouble', async () => {
  const trouble = new Error('the database is away');
  let isAway = false;
  const { waits, wait } = startWaits(() => (isAway ? Promise.reject(trouble) : Promise.resolve([])));
  expect(await wait('a', { waitMs: 1 })).toEqual([]);
  const letGo = wait('a');
  expect(waits.count().callers).toBe(1);
  waits.release();
  expect(await letGo).toEqual([]);
  isAway = true;
  await expect(wait('a')).rejects.toBe(trouble);
  expect(waits.count()).toEqual({ sessions: 0, callers: 0 });
});
