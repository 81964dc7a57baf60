// The wall's clock, by which two processes can compare what they saw. Finer than `Date`, and it does not jump while they run.

export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
