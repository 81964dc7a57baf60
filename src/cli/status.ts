// `status`: one screen, and an exit code that alarms can go by. With `--watch` it is drawn again and again, and lives
// through the service being away.
import { setTimeout as wait } from 'node:timers/promises';
import { isUnavailable } from '../errors.ts';
import { type Command, type Context, type ExitCode, type Given, wrongUsage } from './command.ts';
import { fitScreen } from './fit-screen.ts';
import { type Ask, createAsk, readAnswer, serviceOptions } from './service-api.ts';
import { renderLine, renderStatus, shownStatus } from './status-screen.ts';
import { readDuration } from './time-option.ts';

const everyDefaultMs = 2_000;
const everyMinMs = 1_000;

export const showStatus: Command = {
  name: 'status',
  operands: [],
  summary: 'Shows on one screen how the service is, and what to do',
  details: `Exits 1 when something is wrong, and with --strict also for a warning. --watch draws it
again and again until Ctrl-C; where nobody looks on, a line each time.`,
  options: {
    strict: { doc: 'exit 1 for a warning too' },
    watch: { doc: 'look again and again' },
    every: { value: 'SPAN', doc: 'how often to look with --watch (default 2s)' },
    ...serviceOptions,
  },
  examples: [
    'ilive-webhooks status',
    'ilive-webhooks status --watch --every 5s',
    "ilive-webhooks status --json | jq -r '.problems[].message'",
  ],
  async run(given, context) {
    const everyMs = readDuration(given, 'every', this.name);
    if (everyMs !== undefined && !given.has('watch'))
      throw wrongUsage('--every belongs to --watch.', this.name);
    if (everyMs !== undefined && everyMs < everyMinMs)
      throw wrongUsage('--every must be 1s or longer.', this.name);
    const ask = await createAsk(given, context, this.name);
    if (given.has('watch')) return watch(ask, given, context, everyMs ?? everyDefaultMs);
    const asked = await ask('GET', '/v1/ops/status');
    const status = readAnswer(asked, shownStatus);
    context.print(given.has('json') ? asked.text : renderStatus(status, context.now(), context.paint));
    const isBad = status.level === 'error' || (given.has('strict') && status.level === 'warning');
    return isBad ? 1 : 0;
  },
};

// Back to the upper left, and clear what the last screen left behind.
const redraw = '\u001b[H\u001b[J';

async function watch(ask: Ask, given: Given, context: Context, everyMs: number): Promise<ExitCode> {
  const signal = context.interrupted();
  const draw = (screen: string, line: string) => {
    const size = context.terminalSize();
    const shown = size === undefined ? screen : fitScreen(screen, size);
    context.print(context.isTerminal ? `${redraw}${shown}` : line);
  };
  while (!signal.aborted) {
    try {
      const asked = await ask('GET', '/v1/ops/status');
      const status = readAnswer(asked, shownStatus);
      if (given.has('json')) context.print(asked.text);
      else draw(renderStatus(status, context.now(), context.paint), renderLine(status));
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      const line = `${context.now().toISOString().slice(0, 19)}Z away: ${error.message}`;
      if (given.has('json')) context.tell(line);
      else draw(context.paint('red', line), line);
    }
    await wait(everyMs, undefined, { signal }).catch(() => {});
  }
  return 0;
}
