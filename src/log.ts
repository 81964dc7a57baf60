// The service's log: JSON lines on standard output, written by pino. Bodies, secrets, tokens and whole headers are
// never passed to it (guarantee 9); the redaction below is the second lock on that door, not the first.
import { write, writeSync } from 'node:fs';
import { type Logger, pino } from 'pino';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

export const logLevels = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof logLevels)[number];

const redactedPaths = [
  'secret',
  'secrets',
  'token',
  'body',
  'headers',
  'authorization',
  'apiKey',
  'password',
];

/**
 * A logger at `level` ("silent" logs nothing); errors are written with type, message, stack, code and cause. `processNumber`
 * is ours among several.
 */
export function createLog(level: LogLevel, processNumber?: number): Log {
  const options = {
    level,
    base: {
      service: 'ilive-webhooks',
      pid: process.pid,
      ...(processNumber === undefined ? {} : { process: processNumber }),
    },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: describeError },
    redact: { paths: redactedPaths.flatMap((path) => [path, `*.${path}`]), censor: '[secret]' },
  };
  // Not pino's own output: an error of its file ends the process, and a file that takes nothing keeps it from ending (pino 10.4.0).
  const output = createLogOutput({
    fd: 1,
    onLost: (lineCount) => log.warn({ lineCount }, 'lines of the log could not be written'),
  });
  const log = pino(options, output);
  return log;
}

export interface DescribedError {
  readonly type: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string | number;
  readonly cause?: DescribedError | string;
}

const maxCauses = 8;

/**
 * What may be told of an error, and of what caused it. Nothing else that hangs on it: Postgres puts rows into `detail` and `where`,
 * and a schema what it was given into `input`.
 */
export function describeError(thrown: unknown, depth = 0): DescribedError | string {
  if (!isErrorLike(thrown)) return typeof thrown === 'object' ? 'something that is no error' : String(thrown);
  const { stack, code, cause } = thrown;
  const message = messageOf(thrown);
  return {
    type: thrown.constructor?.name ?? thrown.name ?? 'Error',
    message,
    ...(typeof stack === 'string'
      ? { stack: thrown.message === '' ? stack : stack.replaceAll(thrown.message, () => message) }
      : {}),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(cause === undefined || cause === null || depth >= maxCauses
      ? {}
      : { cause: describeError(cause, depth + 1) }),
  };
}

/**
 * Its message, without what a store quotes: Redis repeats a command that it does not know with what it was given, a password among
 * it; Postgres repeats a value that it cannot read (class 22), and what a function raises says whatever somebody has written there.
 * What it ends a connection with is about that connection, such as an option of its address.
 * Of several in one, such as of each address of a name that nobody answers at, theirs.
 */
export function messageOf(error: Error & { code?: unknown; routine?: unknown; severity?: unknown }): string {
  const { code, routine, severity, message } = error;
  if (error instanceof AggregateError && message === '') {
    const texts = error.errors.map((each: unknown) =>
      each instanceof Error ? messageOf(each) : String(each),
    );
    return texts.slice(0, maxCauses).join('; ');
  }
  const isOfStatement = typeof code === 'string' && typeof routine === 'string' && severity !== 'FATAL';
  if (isOfStatement && (/^(22|P0)/.test(code) || routine === 'exec_stmt_raise')) return `SQLSTATE ${code}`;
  return message.replace(/(, with args beginning with:).*/s, '$1 [secret]');
}

/** The same for the standard error: the stack, and those of its causes. */
export function renderError(thrown: unknown): string {
  const texts: string[] = [];
  let described: DescribedError | string | undefined = describeError(thrown);
  while (typeof described === 'object') {
    const { type, message, stack, code, cause }: DescribedError = described;
    texts.push(`${stack ?? `${type}: ${message}`}${code === undefined ? '' : ` (${code})`}`);
    described = cause;
  }
  if (described !== undefined) texts.push(described);
  return texts.join('\ncaused by: ');
}

function isErrorLike(thrown: unknown): thrown is Error & { code?: unknown } {
  return (
    typeof thrown === 'object' && thrown !== null && 'message' in thrown && typeof thrown.message === 'string'
  );
}

export interface LogOutputOptions {
  /** A file descriptor. */
  readonly fd: number;
  /** Characters that may wait to be written; lines past it are lost. */
  readonly maxWaitingCharacters?: number;
  /** Told once lines can be written again, of how many that could not. */
  readonly onLost: (lineCount: number) => void;
}

export interface LogOutput {
  write(line: string): void;
}

const defaultMaxWaitingCharacters = 4 * 1024 * 1024;
const busyRetryMs = 50;
/** At the end, for a reader that takes its time; then the rest is lost. */
const lastWordsAttempts = 20;

/**
 * A descriptor as the log uses it: nothing waits for it, and nothing that happens to it ends the process or keeps it from
 * ending. A disk that is full, or a reader that has gone, costs lines of the log and not a delivery. Lines leave in order, and
 * what waits at the end of the process is written then.
 */
export function createLogOutput({
  fd,
  maxWaitingCharacters = defaultMaxWaitingCharacters,
  onLost,
}: LogOutputOptions): LogOutput {
  let waiting: string[] = [];
  let waitingLength = 0;
  let isWriting = false;
  let lostCount = 0;
  /** What the reader had no room for just now. */
  let held: Buffer | undefined;
  let endsWithLastWords = false;

  const takeWaiting = () => {
    const lines = waiting;
    waiting = [];
    waitingLength = 0;
    return lines;
  };
  const writeNext = () => {
    isWriting = waiting.length > 0;
    if (!isWriting) return;
    const lines = takeWaiting();
    writeOn(Buffer.from(lines.join('')), lines.length);
  };
  const writeOn = (bytes: Buffer, lineCount: number) => {
    held = undefined;
    write(fd, bytes, (error, writtenCount) => {
      if (isBusy(error)) {
        held = bytes;
        setTimeout(() => writeOn(bytes, lineCount), busyRetryMs).unref();
        return;
      }
      if (error !== null) lostCount += lineCount;
      else if (writtenCount < bytes.length) return writeOn(bytes.subarray(writtenCount), lineCount);
      else if (lostCount > 0) tellLost();
      writeNext();
    });
  };
  const tellLost = () => {
    const count = lostCount;
    lostCount = 0;
    onLost(count);
  };
  const writeLastWords = () => {
    let bytes = Buffer.concat([held ?? Buffer.alloc(0), Buffer.from(takeWaiting().join(''))]);
    for (let attempt = 0; attempt < lastWordsAttempts && bytes.length > 0; ) {
      try {
        bytes = bytes.subarray(writeSync(fd, bytes));
      } catch (error) {
        if (!isBusy(error as NodeJS.ErrnoException)) return;
        attempt += 1;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, busyRetryMs);
      }
    }
  };

  return {
    write: (line) => {
      if (!endsWithLastWords) process.once('exit', writeLastWords);
      endsWithLastWords = true;
      if (waitingLength + line.length > maxWaitingCharacters) {
        lostCount += 1;
        return;
      }
      waiting.push(line);
      waitingLength += line.length;
      if (!isWriting) writeNext();
    },
  };
}

function isBusy(error: NodeJS.ErrnoException | null): boolean {
  return error?.code === 'EAGAIN' || error?.code === 'EBUSY';
}
