// Which deliveries are late: owed for longer than a worker that keeps up ever needs. An id says by itself when it was made.
// Late ones have a bell and a lane of their own, so that what comes in now does not wait behind them.

/** Those of the ids, which are uuids v7, that are older than `lateAfterMs`, and the others. */
export function splitByAge(
  ids: readonly string[],
  nowMs: number,
  lateAfterMs: number,
): { readonly live: readonly string[]; readonly late: readonly string[] } {
  const isLate = (id: string) => nowMs - madeAtMs(id) > lateAfterMs;
  const late = ids.filter(isLate);
  return { late, live: late.length === 0 ? ids : ids.filter((id) => !isLate(id)) };
}

// The first 48 bits of a uuid v7 are its time in milliseconds.
function madeAtMs(id: string): number {
  return Number.parseInt(id.slice(0, 8), 16) * 0x1_0000 + Number.parseInt(id.slice(9, 13), 16);
}
