// Times and lengths of time as people write them: `--since 2h`, `--from 2026-11-23`, `--to 2026-11-23T10:30:00Z`, `90d`. A day
// begins at midnight UTC, whatever the zone of the machine.
import { type Instant, instantOf, parseInstant } from '../events/instant.ts';
import { type Given, type Options, wrongUsage } from './command.ts';

export const timeOptions: Options = {
  since: { value: 'TIME', doc: 'from then on: 30m, 2h, 7d ago, or a time (the same as --from)' },
  from: { value: 'TIME', doc: 'from then on, such as 2026-11-23 or 2026-11-23T10:30:00Z' },
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
  if (start !== undefined && to !== undefined && start >= to) {
    throw wrongUsage('--from (or --since) must lie before --to.', command);
  }
  return { ...(start === undefined ? {} : { from: start }), ...(to === undefined ? {} : { to }) };
}

/** The option's time in the API's spelling; undefined where it is not given. Throws `config_invalid`. */
export function readTime(given: Given, option: string, command: string): Instant | undefined {
  const text = given.text(option);
  if (text === undefined) return undefined;
  const time = parseTime(text);
  if (time === undefined) throw wrongUsage(`--${option} must be ${timeForms}.`, command);
  return time;
}

const timeForms = 'a time such as 2026-11-23T10:30:00Z, or a day such as 2026-11-23 (from midnight UTC)';

function parseTime(text: string): Instant | undefined {
  return parseInstant(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text);
}

function readSince(given: Given, now: Date, command: string): Instant | undefined {
  const text = given.text('since');
  const ms = text === undefined ? undefined : parseDuration(text);
  const since = ms === undefined ? undefined : new Date(now.getTime() - ms);
  if (since !== undefined && since < now && since.getTime() > 0) return instantOf(since);
  if (text === undefined || parseTime(text) !== undefined) return readTime(given, 'since', command);
  throw wrongUsage(`--since must be a length of time such as 30m, 2h or 7d, ${timeForms}.`, command);
}
