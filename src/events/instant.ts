// A point in time as the vendor told it, to the microsecond, in one canonical spelling: `2026-04-11T09:30:12.456789Z`.
// Comparing two of them as strings compares them as times, which a Date cannot do below a millisecond.
// This file must never read a clock.

export type Instant = string & { readonly brand: 'Instant' };

const isoForm =
  /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:[.,](\d{1,9}))?(?:([Zz])|([+-])(\d{2}):?(\d{2}))$/;

/** Reads ISO 8601 with an explicit offset; digits past the microsecond are cut. `undefined` when it is no real time. */
export function parseInstant(text: string): Instant | undefined {
  const match = isoForm.exec(text);
  if (match === null) return undefined;
  const [, day = '', time, fraction = '', , sign, offsetHours = '0', offsetMinutes = '0'] = match;
  const local = new Date(`${day}T${time}Z`);
  // Date rolls 30 February over into March; a time that does not come back as it went in is not a time.
  if (Number.isNaN(local.getTime()) || local.toISOString().slice(0, 19) !== `${day}T${time}`)
    return undefined;
  const digits = fraction.slice(0, 6).padEnd(6, '0');
  if (sign === undefined)
    return day.startsWith('0000') ? undefined : (`${day}T${time}.${digits}Z` as Instant);
  if (Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return undefined;
  const offsetMs = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000 * (sign === '-' ? -1 : 1);
  const utc = new Date(local.getTime() - offsetMs);
  const year = utc.getUTCFullYear();
  if (year < 1 || year > 9999) return undefined;
  return `${utc.toISOString().slice(0, 19)}.${digits}Z` as Instant;
}

/** The same point in time as `date`, whose last three digits are then zero. The year must be 0 to 9999. */
export function instantOf(date: Date): Instant {
  return date.toISOString().replace('Z', '000Z') as Instant;
}
