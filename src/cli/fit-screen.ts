// A screen that is drawn again and again, as much of it as the terminal shows: what stands above is the most important, and a
// terminal that is given more lines than it has shows the last ones.
import { stripVTControlCharacters } from 'node:util';

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

const more = '…';

/** The lines from the first on that fit, each as long as it is, with one row left for the cursor. */
export function fitScreen(screen: string, { columns, rows }: TerminalSize): string {
  const lines = screen.split('\n');
  const heights = lines.map((line) => Math.max(1, Math.ceil(widthOf(line) / columns)));
  const room = rows - 1;
  if (sum(heights) <= room) return screen;
  const shown = lines.filter((_line, index) => sum(heights.slice(0, index + 1)) < room);
  return [...shown, more].join('\n');
}

function widthOf(line: string): number {
  return [...stripVTControlCharacters(line)].length;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
