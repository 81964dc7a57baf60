// What a run can promise, as rows of a table: what came of it, and whether it was kept.
import { writeNumber, writeSpread } from './report.ts';
import type { Spread } from './statistics.ts';

export interface Promised {
  readonly what: string;
  readonly measured: Spread;
  readonly wanted: string;
  readonly isKept: boolean;
}

export const promisedTitles = ['Promised', 'Measured', 'Wanted', 'Outcome'];

export function writePromised({ what, measured, wanted, isKept }: Promised): string[] {
  const { median, min, max } = measured;
  const digits = median < 20 ? 2 : 0;
  const figure = min === max ? writeNumber(median, digits) : writeSpread(measured, digits);
  return [what, figure, wanted, isKept ? 'kept' : 'NOT KEPT'];
}
