// How Postgres writes a timestamptz on our connections (ISO style, UTC, as `connect.ts` asks for) → our Instant.
import type { Instant } from '../events/instant.ts';

/** `2026-04-11 09:30:12.4567+00` → `2026-04-11T09:30:12.456700Z`. */
export function readTimestamp(text: string): Instant {
  const match = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?\+00$/.exec(text);
  if (match === null) throw new Error(`not a timestamp in UTC: ${text}`);
  const [, day, time, fraction = ''] = match;
  return `${day}T${time}.${fraction.padEnd(6, '0')}Z` as Instant;
}
