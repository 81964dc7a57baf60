// Times and lengths of time as people write them: `--since 2h`, `--from 2026-11-23T00:00:00Z`, `90d`.
import { parseInstant } from '../events/instant.ts';
import { type Given, type Options, wrongUsage } from './command.ts';

export const timeOptions: Options = {
  since: { value: 'TIME', doc: 'from then on: 30m, 2h, 7d, or a time (the same as --from)' },
  from: { value: 'TIME', doc: 'from then on, such as 2026-11-23T00:00:00Z' },
  to: { value: 'TIME', doc: 'before then' },
};

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds for `90s`, `10m`, `2h`, `7d`, also with a minus in front; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, sign, count, unit] = /^(-?)(\d{1,6})([smhd])$/.exec(text) ?? [];
  const unitMs = unitsMs[unit ?? ''];
  if (count === undefined || unitMs === undefined) return undefined;
  return Number(count) * unitMs * (sign === '-' ? -1 : 1);
}

/** The option's length of time in milliseconds; undefined where it is not given. Throws `config_invalid`. */
export function readDuration(given: Given, option: string, command: string): number | undefined {
  const text = given.text(option);
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined)
    throw wrongUsage(`--${option} must be a length of time such as 30s, 10m, 2h or 7d.`, command);
  return ms;
}

/** `from` and `to` as the API takes them. Throws `config_invalid` for what is no time. */
export function readTimes(given: Given, now: Date, command: string): { from?: string; to?: string } {
  const since = readSince(given, now, command);
  const from = readTime(given, 'from', command);
  if (since !== undefined && from !== undefined) {
    throw wrongUsage('--since and --from are the same; give one of them.', command);
  }
  const to = readTime(given, 'to', command);
  const start = since ?? from;
  return { ...(start === undefined ? {} : { from: start }), ...(to === undefined ? {} : { to }) };
}

/** The option's time in the API's spelling; undefined where it is not given. Throws `config_invalid`. */
export function readTime(given: Given, option: string, command: string): string | undefined {
  const text = given.text(option);
  if (text === undefined) return undefined;
  const time = parseInstant(text);
  if (time === undefined)
    throw wrongUsage(`--${option} must be a time such as 2026-11-23T00:00:00Z.`, command);
  return time;
}

function readSince(given: Given, now: Date, command: string): string | undefined {
  const text = given.text('since');
  const ms = text === undefined ? undefined : parseDuration(text);
  if (ms !== undefined && ms > 0) return new Date(now.getTime() - ms).toISOString();
  if (text === undefined || parseInstant(text) !== undefined) return readTime(given, 'since', command);
  throw wrongUsage('--since must be a length of time such as 30m, 2h or 7d, or a time.', command);
}
