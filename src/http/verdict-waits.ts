// Everybody who waits for a verdict in this process. However many wait, their sessions are read in one statement at a time:
// while one is on its way the next fills, as in a group commit. A caller is put down before its session is first read, so
// that a verdict that is committed in between is not missed; one that leaves is forgotten at once.
import { createHash } from 'node:crypto';
import type { WaitedSession, Waiting } from '../db/waits.ts';
import type { Log } from '../log.ts';

export interface WaitRequest {
  readonly sessionId: string;
  /** Undefined for whichever account has it. */
  readonly account: string | undefined;
  readonly wantsConfirmation: boolean;
  /** 0 to be told what is known now. */
  readonly waitMs: number;
  /** Aborted when the caller has left. */
  readonly signal: AbortSignal;
}

export interface VerdictWaits {
  /**
   * What is known of the session once `isEnough` holds, or when the time is over: its rows, one for each account that has it,
   * none where nobody has heard of it. Throws `unavailable` when the database is.
   */
  wait(request: WaitRequest, isEnough: (rows: readonly WaitedSession[]) => boolean): Promise<WaitedSession[]>;
  /** Sessions have changed, by the names that Postgres announces. */
  changed(names: readonly string[]): void;
  /** Anything may have changed. */
  changedAll(): void;
  /** Answers everybody now; from then on nobody is kept waiting. */
  release(): void;
  /** What is held for those who wait: nothing once the last of them is answered or has left. */
  count(): { readonly sessions: number; readonly callers: number };
}

export interface VerdictWaitDependencies {
  readonly load: (ids: readonly string[]) => Promise<WaitedSession[]>;
  readonly noteWaiting: (waiting: readonly Waiting[]) => Promise<void>;
  readonly log: Log;
  readonly now: () => Date;
}

interface Waiter {
  readonly request: WaitRequest;
  readonly see: (rows: readonly WaitedSession[]) => 'answered' | 'waits';
  readonly fail: (error: unknown) => void;
  readonly timeOver: () => void;
  /** The state in which it was noted that somebody waits: once it has settled, it is the second source that is waited for. */
  notedIn: string | undefined;
}

interface WaiterCalls {
  readonly resolve: (rows: WaitedSession[]) => void;
  readonly reject: (error: unknown) => void;
  readonly lookAgain: () => void;
  readonly onDone: () => void;
}

const sessionsAtOnce = 500;

export function createVerdictWaits(deps: VerdictWaitDependencies): VerdictWaits {
  const waiters = new Map<string, Set<Waiter>>();
  const changedNames = new Set<string>();
  let isLooking = false;
  let isReleased = false;

  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    while (changedNames.size > 0) {
      const names = [...changedNames].slice(0, sessionsAtOnce);
      for (const name of names) changedNames.delete(name);
      await lookAt(
        deps,
        names.flatMap((name) => [...(waiters.get(name) ?? [])]),
      );
    }
    isLooking = false;
  };
  const changed = (names: Iterable<string>) => {
    for (const name of names) if (waiters.has(name)) changedNames.add(name);
    void look();
  };

  return {
    wait: (request, isEnough) =>
      new Promise((resolve, reject) => {
        const name = nameOf(request.sessionId);
        const waiter = createWaiter(isReleased ? { ...request, waitMs: 0 } : request, isEnough, {
          resolve,
          reject,
          lookAgain: () => changed([name]),
          onDone: () => {
            const others = waiters.get(name);
            others?.delete(waiter);
            if (others?.size === 0) waiters.delete(name);
          },
        });
        waiters.set(name, (waiters.get(name) ?? new Set()).add(waiter));
        changed([name]);
      }),
    changed,
    changedAll: () => changed([...waiters.keys()]),
    release: () => {
      isReleased = true;
      for (const each of [...waiters.values()].flatMap((set) => [...set])) each.timeOver();
    },
    count: () => ({
      sessions: waiters.size,
      callers: [...waiters.values()].reduce((sum, { size }) => sum + size, 0),
    }),
  };
}

/** As the trigger that announces names a session. */
function nameOf(sessionId: string): string {
  return createHash('sha256').update(sessionId).digest('hex').slice(0, 16);
}

function createWaiter(
  request: WaitRequest,
  isEnough: (rows: readonly WaitedSession[]) => boolean,
  { resolve, reject, lookAgain, onDone }: WaiterCalls,
): Waiter {
  let seen: WaitedSession[] | undefined;
  let isOver = request.waitMs === 0;
  const finish = (how: () => void) => {
    clearTimeout(timer);
    request.signal.removeEventListener('abort', leave);
    onDone();
    how();
  };
  const leave = () => finish(() => resolve([]));
  // What is answered then is what is known then.
  const timeOver = () => {
    isOver = true;
    lookAgain();
  };
  const timer = isOver ? undefined : setTimeout(timeOver, request.waitMs);
  request.signal.addEventListener('abort', leave);
  return {
    request,
    see: (rows) => {
      const own = rows.filter(({ account }) => request.account === undefined || account === request.account);
      seen = own;
      if (!isOver && !isEnough(own)) return 'waits';
      finish(() => resolve(own));
      return 'answered';
    },
    // Who has been told nothing yet is told of the trouble; who has waited in vain is not.
    fail: (error) => finish(() => (seen === undefined ? reject(error) : resolve(seen))),
    timeOver,
    notedIn: undefined,
  };
}

// Shows each of them its session, and has iLive asked about those that go on waiting.
async function lookAt(deps: VerdictWaitDependencies, waiters: readonly Waiter[]): Promise<void> {
  if (waiters.length === 0) return;
  try {
    const ids = [...new Set(waiters.map(({ request }) => request.sessionId))];
    const rows = Map.groupBy(await deps.load(ids), ({ sessionId }) => sessionId as string);
    const staying = waiters.filter((waiter) => {
      const own = rows.get(waiter.request.sessionId) ?? [];
      return waiter.see(own) === 'waits' && own.length > 0 && waiter.notedIn !== own[0]?.state;
    });
    const waiting = staying.flatMap((waiter) => {
      const own = rows.get(waiter.request.sessionId) ?? [];
      waiter.notedIn = own[0]?.state;
      return describe(waiter.request, own, deps.now());
    });
    if (waiting.length === 0) return;
    // Nobody waits for this: a note that is lost costs haste only.
    deps
      .noteWaiting(waiting)
      .catch((error: unknown) => deps.log.debug({ err: error }, 'it could not be noted that somebody waits'));
  } catch (error) {
    for (const waiter of waiters) waiter.fail(error);
  }
}

function describe(request: WaitRequest, rows: readonly WaitedSession[], now: Date): Waiting[] {
  const { sessionId, wantsConfirmation, waitMs } = request;
  const until = new Date(now.getTime() + waitMs);
  return rows
    .filter(({ account }) => request.account === undefined || account === request.account)
    .map(({ account }) => ({ sessionId, account, until, wantsConfirmation }));
}
