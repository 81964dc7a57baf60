// The screen of `status`, as text: what is wrong first, then a line for each thing. Pure, so that it can be read in a test.
import { z } from 'zod';
import { renderSpan } from '../operations/counted.ts';
import { printable } from '../printable.ts';
import type { Context } from './command.ts';
import { renderDistance, renderFields, renderTime } from './table.ts';

const counts = z.record(z.string(), z.number());
const time = z.string().nullable();

export const shownStatus = z.object({
  level: z.enum(['ok', 'warning', 'error']),
  now: z.string(),
  version: z.string(),
  schema: z.string(),
  role: z.string(),
  problems: z.array(
    z.object({ level: z.enum(['warning', 'error']), message: z.string(), advice: z.string() }),
  ),
  deliveries: z.object({
    owed: z.number(),
    failing: z.number().default(0),
    oldest_owed_at: time,
    oldest_owed_age_seconds: z.number().nullable(),
    parked: z.number(),
    parked_by_reason: counts,
  }),
  refusals: z.object({
    refused: z.number(),
    by_reason: counts,
    newest_at: time,
    stored_bytes: z.number(),
    max_bytes: z.number(),
    max_count: z.number(),
    diagnoses: z.array(z.object({ finding: z.string(), count: z.number() })),
    undiagnosed: z.number().default(0),
  }),
  sessions: z.object({
    open: z.number(),
    near_deadline: z.number(),
    next_deadline_at: time,
    overdue: z.number(),
    disputed_last_day: z.number(),
    unrecoverable_last_day: z.number(),
  }),
  queue: z.object({
    kind: z.string(),
    is_up: z.boolean(),
    trouble: z.string().nullish(),
    waiting: z.number().nullable(),
    active: z.number().nullable(),
    delayed: z.number().nullable(),
  }),
  database: z.object({
    version: z.string(),
    size_bytes: z.number(),
    ms: z.number(),
    connections: z.number(),
    max_connections: z.number(),
  }),
  replicas: z.array(z.object({ name: z.string(), state: z.string(), lag_ms: z.number().nullable() })),
  outage_store: z.object({
    state: z.string(),
    since: time,
    held_deliveries: z.number(),
    held_bytes: z.number(),
    max_bytes: z.number(),
    damaged: z.number(),
    unopened: z.number(),
  }),
  clock: z.object({ ahead_of_database_ms: z.number(), ahead_of_ilive_ms: z.number().nullable() }),
  ilive: z.object({
    is_configured: z.boolean(),
    is_reachable: z.boolean().nullable(),
    ms: z.number().nullable(),
  }),
  secrets: z.array(
    z.object({ account: z.string(), name: z.string(), state: z.string(), last_matched_at: time }),
  ),
  replays: z.object({ running: z.number(), paused: z.number() }),
  pauses: z.array(z.object({ what: z.string(), since: z.string(), by: z.string(), why: z.string() })),
});

export type ShownStatus = z.infer<typeof shownStatus>;

const words = { ok: 'healthy', warning: 'healthy, with warnings', error: 'something is wrong' } as const;
const colours = { ok: 'green', warning: 'yellow', error: 'red' } as const;
const shownSecrets = 6;
const shownFindings = 3;

/** The whole screen. */
export function renderStatus(status: ShownStatus, now: Date, paint: Context['paint']): string {
  const { level, problems } = status;
  const head = `${paint(colours[level], words[level])}  ${renderTime(status.now)}`;
  const listed = problems.flatMap((problem) => [
    `${paint(colours[problem.level], problem.level)}  ${printable(problem.message)}`,
    `  ${paint('dim', `→ ${printable(problem.advice)}`)}`,
  ]);
  return [head, ...listed, '', renderFields(fieldsOf(status, now))].join('\n');
}

/** One line, for where screens are not drawn. */
export function renderLine({ now, level, deliveries, refusals, sessions, problems }: ShownStatus): string {
  const said = problems.map(({ message }) => printable(message)).join(' ');
  const figures = `owed ${deliveries.owed}, parked ${deliveries.parked}, refused ${refusals.refused}, open ${sessions.open}`;
  return `${renderTime(now)} ${level}: ${figures}${said === '' ? '' : `. ${said}`}`;
}

function fieldsOf(status: ShownStatus, now: Date): [string, string | null][] {
  const { deliveries, refusals, sessions, queue, database, clock, ilive, replays, pauses } = status;
  const { failing } = deliveries;
  const age = deliveries.oldest_owed_age_seconds;
  const next = sessions.next_deadline_at;
  const fullShare = Math.round((refusals.stored_bytes / Math.max(1, refusals.max_bytes)) * 100);
  const waiting = queue.waiting === null ? '' : `, ${queue.waiting} jobs wait, ${queue.active} at work`;
  return [
    [
      'owed',
      `${deliveries.owed}${age === null ? '' : `, the oldest for ${renderSpan(age * 1000)}`}${failing === 0 ? '' : `, ${failing} that have failed and are tried again`}`,
    ],
    ['parked', withReasons(deliveries.parked, deliveries.parked_by_reason)],
    ['refused', `${withReasons(refusals.refused, refusals.by_reason)}; ${fullShare} % of the room`],
    ...refusals.diagnoses
      .slice(0, shownFindings)
      .map(({ finding, count }): [string, string] => ['', `${count}× ${finding}`]),
    ...(refusals.undiagnosed === 0
      ? []
      : [['', `${refusals.undiagnosed}× not diagnosed yet`] as [string, string]]),
    [
      'sessions',
      `${sessions.open} open, ${sessions.near_deadline} near their deadline${next === null ? '' : `, the next ${renderDistance(next, now)}`}`,
    ],
    [
      '',
      `${sessions.overdue} overdue; in the last day ${sessions.disputed_last_day} disputed, ${sessions.unrecoverable_last_day} unrecoverable`,
    ],
    [
      'queue',
      `${queue.kind}, ${queue.is_up ? 'up' : `takes no rings (${(queue.trouble ?? 'away').replaceAll('_', ' ')})`}${waiting}`,
    ],
    [
      'database',
      `Postgres ${database.version}, ${Math.round(database.size_bytes / 2 ** 20)} MiB, answers within ${database.ms} ms, ${database.connections} of ${database.max_connections} connections`,
    ],
    ...status.replicas.map(({ name, state, lag_ms: lagMs }, index): [string, string] => {
      const lag = lagMs === null ? 'lag not known' : `lags ${renderSpan(lagMs)} at most`;
      return [index === 0 ? 'replicas' : '', `${name}: ${state.replaceAll('_', ' ')}, ${lag}`];
    }),
    ['outage store', outageText(status.outage_store)],
    ['clock', clockText(clock)],
    ['iLive', iliveText(ilive)],
    ...secretFields(status, now),
    ['replays', `${replays.running} running, ${replays.paused} paused`],
    ...pauses.map(({ what, since, by, why }): [string, string] => [
      'paused',
      `${what}, since ${renderTime(since)}, by ${by}: ${why}`,
    ]),
    ['version', `${status.version}, schema ${status.schema}, role ${status.role}`],
  ];
}

function secretFields({ secrets }: ShownStatus, now: Date): [string, string][] {
  const counted = secrets.filter(({ state }) => state !== 'retired');
  const lines = counted.slice(0, shownSecrets).map(({ account, name, state, last_matched_at: at }, index) => {
    const matched = at === null ? 'has never matched' : `matched last ${renderDistance(at, now)}`;
    const going = state === 'retiring' ? ', to go' : '';
    return [index === 0 ? 'secrets' : '', `${account} ${name}${going}: ${matched}`] as [string, string];
  });
  const more = counted.length - shownSecrets;
  return more > 0 ? [...lines, ['', `and ${more} more: ilive-webhooks secrets list`]] : lines;
}

function withReasons(total: number, reasons: Readonly<Record<string, number>>): string {
  const listed = Object.entries(reasons).map(([reason, count]) => `${count} ${reason}`);
  return listed.length === 0 ? String(total) : `${total} (${listed.join(', ')})`;
}

function clockText({
  ahead_of_database_ms: database,
  ahead_of_ilive_ms: ilive,
}: ShownStatus['clock']): string {
  const of = (ms: number) => `${renderSpan(Math.abs(ms))} ${ms < 0 ? 'behind' : 'ahead of'}`;
  return `${of(database)} the database${ilive === null ? '' : `, ${of(ilive)} iLive`}`;
}

function iliveText({
  is_configured: isConfigured,
  is_reachable: isReachable,
  ms,
}: ShownStatus['ilive']): string {
  if (!isConfigured) return 'ILIVE_API_KEY is not set: nothing can be pulled';
  return isReachable ? `reachable, answers within ${ms} ms` : 'not reachable';
}

function outageText(store: ShownStatus['outage_store']): string {
  if (store.state === 'off') return 'off: while Postgres is away deliveries are answered 503';
  const { held_deliveries: held, held_bytes: bytes, max_bytes: max, damaged, unopened } = store;
  const trouble = damaged + unopened === 0 ? '' : `; ${damaged} damaged, ${unopened} unopened`;
  return `${store.state}, holds ${held} deliveries, ${mebibytes(bytes)} of ${mebibytes(max)} MiB${trouble}`;
}

const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20);
