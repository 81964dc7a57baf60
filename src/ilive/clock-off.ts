// How far a clock was off when a request came, as a number that `refusals reverify` takes and as a sentence. It is rounded so
// that requests of one trouble say the same, and never by so much that the rounding alone would keep one of them refused.

/** Past this `refusals reverify` does not go. */
export const clockOffsetMaxSeconds = 86_400;

/** Rounded to whole minutes, or more finely where the tolerance leaves no room for that. Positive: our clock was ahead. */
export function roundOffset(aheadSeconds: number, toleranceSeconds: number): number {
  const stepSeconds = toleranceSeconds >= 120 ? 60 : toleranceSeconds >= 20 ? 10 : 1;
  return Math.round(aheadSeconds / stepSeconds) * stepSeconds;
}

/** What was off, as part of a sentence. */
export function describeClockOff(offsetSeconds: number): string {
  const span = spanOf(Math.abs(offsetSeconds));
  return offsetSeconds > 0
    ? `our clock was ${span} ahead of iLive's, or it came ${span} late`
    : `our clock was ${span} behind iLive's`;
}

/** The command that admits what was refused for that, up to its reason; with the sign attached, which a shell needs. */
export function clockCommand(offsetSeconds: number): string {
  if (Math.abs(offsetSeconds) > clockOffsetMaxSeconds) {
    return `ilive-webhooks refusals admit --reason timestamp_too_${offsetSeconds > 0 ? 'old' : 'new'}`;
  }
  const isWhole = offsetSeconds % 60 === 0;
  const value = isWhole ? `${offsetSeconds / 60}m` : `${offsetSeconds}s`;
  return `ilive-webhooks refusals reverify --clock-offset=${value}`;
}

function spanOf(seconds: number): string {
  if (seconds < 120) return `${seconds} seconds`;
  if (seconds < 2 * 3600) return `${Math.round(seconds / 60)} minutes`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} hours`;
  return `${Math.round(seconds / 86_400)} days`;
}
