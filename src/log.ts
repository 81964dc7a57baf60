// The service's log: JSON lines on standard output, written by pino. Bodies, secrets, tokens and whole headers are
// never passed to it (guarantee 9); the redaction below is the second lock on that door, not the first.
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
 * A logger at `level` ("silent" logs nothing); errors are written with type, message, stack and cause. `processNumber`
 * is ours among several.
 */
export function createLog(level: LogLevel, processNumber?: number): Log {
  return pino({
    level,
    base: {
      service: 'ilive-webhooks',
      pid: process.pid,
      ...(processNumber === undefined ? {} : { process: processNumber }),
    },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: redactedPaths.flatMap((path) => [path, `*.${path}`]), censor: '[secret]' },
  });
}
