// The client that internal services use: every operation of the API by name, waiting for a verdict, and following what changes
// through restarts of the service and broken connections. It needs nothing but fetch.
import {
  type Answer,
  type Asked,
  type CallOptions,
  call,
  checked,
  isWaitedOut,
  type OperationName,
  pause,
  retryWaitMs,
  type SdkOptions,
  type UndemandingName,
} from './call.ts';
import { KeyError } from './errors.ts';
import type { Change, Operations, Verdict } from './schema.ts';
import { baseOf, giveKey, timerMs } from './send.ts';

export type { Answer, Asked, CallOptions, OperationName, SdkOptions, UndemandingName } from './call.ts';
export type * from './schema.ts';

export interface WaitOptions {
  /** `confirmed`: until webhook and pull agree. Default `any`. */
  readonly assurance?: 'any' | 'confirmed' | undefined;
  /** Where two accounts have a session with this id. */
  readonly account?: string | undefined;
  /** How long to wait in all; default ten minutes. A last answer that is slow to come is given 15 s more. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ChangesOptions {
  /** The cursor of the last change that you have dealt with; `latest` for what comes from now on. Default: all that is kept. */
  readonly after?: string | undefined;
  readonly types?: readonly Change['type'][] | undefined;
  /**
   * Called with the place up to which everything has been given to you, also where nothing was of your types: keep it, and begin
   * there after a restart.
   */
  readonly onCursor?: ((cursor: string) => void | Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Operations that answer a page of a list. */
export type ListName = {
  [Name in OperationName]: Answer<Name> extends { data: unknown[]; next_cursor: string | null }
    ? Operations[Name] extends { query?: { cursor?: string } }
      ? Name
      : never
    : never;
}[OperationName];

export type Row<Name extends ListName> = Answer<Name> extends { data: (infer Item)[] } ? Item : never;

export interface Sdk {
  /**
   * Any operation under `/v1` but the stream, by its name in the OpenAPI document; `changes` tells what the stream does. Throws an
   * SdkError.
   */
  call<Name extends UndemandingName>(
    name: Name,
    asked?: Asked<Name>,
    options?: CallOptions,
  ): Promise<Answer<Name>>;
  /** The same for operations that have a body, a part of the path or a query that they cannot do without. */
  call<Name extends OperationName>(
    name: Name,
    asked: Asked<Name>,
    options?: CallOptions,
  ): Promise<Answer<Name>>;
  /**
   * Resolves the moment the verdict is there, with `status: 'final'`; or with `status: 'pending'` when the time is over. Trouble of
   * the service, and of what stands in front of it, is waited out. Throws what is wrong with the request or its key, the last trouble
   * where the service has not answered once in all that time, and what `signal` was aborted with.
   */
  waitForVerdict(sessionId: string, options?: WaitOptions): Promise<Verdict>;
  /**
   * What changes, once each and in order, without an end. Trouble of the service, and of what stands in front of it, is waited out,
   * and it goes on where it was. Throws what is wrong with the request or its key, a GoneError where the cursor is older than what is
   * kept, what `signal` was aborted with, and what your own functions throw.
   */
  changes(options?: ChangesOptions): AsyncGenerator<Change, void, undefined>;
  /** All rows of a list, page by page. */
  rows<Name extends ListName & UndemandingName>(
    name: Name,
    asked?: Asked<Name>,
    options?: CallOptions,
  ): AsyncGenerator<Row<Name>, void, undefined>;
  /** The same for lists that cannot do without something. */
  rows<Name extends ListName>(
    name: Name,
    asked: Asked<Name>,
    options?: CallOptions,
  ): AsyncGenerator<Row<Name>, void, undefined>;
}

const waitSeconds = 25;
const answerSlackMs = 15_000;
const defaultTimeoutMs = 10 * 60_000;

/** Throws a RequestError for a `url` that is none. */
export function createSdk(options: SdkOptions): Sdk {
  baseOf(options.url);
  return {
    call: <Name extends OperationName>(name: Name, asked?: Asked<Name>, callOptions?: CallOptions) =>
      call(options, name, asked, callOptions),
    waitForVerdict: (sessionId, wait = {}) => waitForVerdict(options, sessionId, wait),
    changes: (following = {}) => followChanges(options, following),
    rows: <Name extends ListName>(name: Name, asked?: Asked<Name>, callOptions?: CallOptions) =>
      readRows(options, name, asked, callOptions),
  };
}

async function waitForVerdict(
  sdk: SdkOptions,
  sessionId: string,
  { assurance = 'any', account, timeoutMs = defaultTimeoutMs, signal }: WaitOptions,
): Promise<Verdict> {
  const deadline = performance.now() + timerMs(timeoutMs, 'timeoutMs');
  let last: Verdict | undefined;
  for (;;) {
    try {
      // Each try asks for what is left by then: the pause before it counts too.
      last = await outlast(sdk, signal, deadline, async (asking) => {
        const leftMs = Math.max(0, Math.ceil(deadline - performance.now()));
        const waitMs = Math.min(leftMs, waitSeconds * 1_000);
        const asked = {
          path: { session_id: sessionId },
          query: { wait: `${waitMs}ms`, assurance, ...(account === undefined ? {} : { account }) },
        };
        const verdict = await call(asking, 'getSessionVerdict', asked, waitingCall(waitMs, signal));
        return checked(verdict, ['pending', 'final'].includes(verdict?.status));
      });
    } catch (error) {
      // The time is over while the service is away: what it said last still holds.
      if (last === undefined || !isWaitedOut(error)) throw error;
    }
    if (last.status === 'final' || performance.now() >= deadline) return last;
  }
}

async function* followChanges(
  sdk: SdkOptions,
  { after, types, onCursor, signal }: ChangesOptions,
): AsyncGenerator<Change, void, undefined> {
  let cursor = after;
  if (cursor === 'latest') {
    // The place first: a connection that breaks before the first change would else begin at a later one.
    const now = await readChanges(sdk, { after: 'latest' }, waitingCall(0, signal));
    cursor = now.next_cursor;
    await onCursor?.(cursor);
  }
  for (;;) {
    const query = {
      wait: `${waitSeconds}s`,
      ...(cursor === undefined ? {} : { after: cursor }),
      ...(types === undefined ? {} : { types: [...types] }),
    };
    const page = await readChanges(sdk, query, waitingCall(waitSeconds * 1_000, signal));
    let dealtWith = cursor;
    for (const change of page.data) {
      if (signal?.aborted) {
        if (dealtWith !== undefined && dealtWith !== cursor) await onCursor?.(dealtWith);
        throw signal.reason;
      }
      yield change;
      dealtWith = change.cursor;
    }
    if (page.next_cursor !== cursor) await onCursor?.(page.next_cursor);
    cursor = page.next_cursor;
  }
}

function readChanges(
  sdk: SdkOptions,
  query: NonNullable<Asked<'listChanges'>['query']>,
  options: CallOptions,
): Promise<Answer<'listChanges'>> {
  return outlast(sdk, options.signal, Number.POSITIVE_INFINITY, async (asking) => {
    const page = await call(asking, 'listChanges', { query }, options);
    const isPage = Array.isArray(page?.data) && typeof page.next_cursor === 'string';
    // Behind what there is the place is another one: a page that comes a second time is none of this question.
    return checked(page, isPage && (page.data.length === 0 || page.next_cursor !== query.after));
  });
}

async function* readRows<Name extends ListName>(
  sdk: SdkOptions,
  name: Name,
  asked: Asked<Name> | undefined,
  options: CallOptions = {},
): AsyncGenerator<Row<Name>, void, undefined> {
  let next: string | null = null;
  do {
    const { query }: { query?: object | undefined } = asked ?? {};
    const paged = { ...asked, query: { ...query, ...(next === null ? {} : { cursor: next }) } };
    const page = (await call(sdk, name, paged as Asked<Name>, options)) as unknown as {
      data: Row<Name>[];
      next_cursor: string | null;
    };
    const isEnd = page?.next_cursor === null;
    checked(page, Array.isArray(page?.data) && (isEnd || typeof page.next_cursor === 'string'));
    yield* page.data;
    next = page.next_cursor;
  } while (next !== null);
}

// A call that waits takes longer than others, and its tries are counted by `outlast`.
function waitingCall(waitMs: number, signal: AbortSignal | undefined): CallOptions {
  return { signal, timeoutMs: waitMs + answerSlackMs, maxRetries: 0 };
}

/** Tries until the service answers or the deadline is past; each try by the options that it is handed. */
async function outlast<T>(
  sdk: SdkOptions,
  signal: AbortSignal | undefined,
  deadline: number,
  work: (sdk: SdkOptions) => Promise<T>,
): Promise<T> {
  let sent: string | undefined;
  let refused: { readonly key: string | undefined; readonly error: KeyError } | undefined;
  const apiKey = async () => {
    sent = await giveKey(sdk);
    if (refused !== undefined && refused.key === sent) throw refused.error;
    return sent;
  };
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work({ ...sdk, apiKey });
    } catch (error) {
      // Whoever waits is told at once that their key has ended, also where the one after it is given already.
      if (error instanceof KeyError && error.status === 401 && refused === undefined) {
        refused = { key: sent, error };
        continue;
      }
      if (!isWaitedOut(error) || performance.now() >= deadline) throw error;
      const waitMs = Math.min(retryWaitMs(error, attempt), Math.max(0, deadline - performance.now()));
      sdk.onRetry?.(error, waitMs);
      await pause(waitMs, signal);
    }
  }
}
