// `tail`: deliveries as they come, and again as they finish. It looks once a second at the newest, overlapping with what it
// has seen, so that one whose commit came late is not missed; what it remembers is bounded. What is newest goes by the service's
// clock: this machine's may be ahead of everything that comes.
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { isUnavailable } from '../errors.ts';
import { printableJson } from '../printable.ts';
import type { Command, Context } from './command.ts';
import { deliveryFilterOptions, readDeliveryFilter, shownDelivery } from './deliveries.ts';
import { type Ask, type Asked, createAsk, readAnswer, serviceOptions } from './service-api.ts';
import { createTablePrinter, renderTime } from './table.ts';

type Delivery = z.infer<typeof shownDelivery>;

const intervalMs = 1_000;
// How far back each look goes: longer than a delivery is usually on its way.
const overlapMs = 60_000;
const rememberedMax = 20_000;
const pageMax = 200;

export const tail: Command = {
  name: 'tail',
  operands: [],
  summary: 'Shows deliveries as they come and as they finish, until Ctrl-C',
  details: 'With --json each is a line of its own (NDJSON).',
  options: {
    state: deliveryFilterOptions.state ?? { doc: '' },
    kind: deliveryFilterOptions.kind ?? { doc: '' },
    source: deliveryFilterOptions.source ?? { doc: '' },
    account: deliveryFilterOptions.account ?? { doc: '' },
    ...serviceOptions,
    json: { doc: 'print each delivery as a line of JSON' },
  },
  examples: [
    'ilive-webhooks tail',
    'ilive-webhooks tail --state parked',
    'ilive-webhooks tail --json | jq -r .reason',
  ],
  async run(given, context) {
    const filter = readDeliveryFilter(given, context.now(), this.name);
    const ask = await createAsk(given, context, this.name);
    const signal = context.interrupted();
    const show = given.has('json')
      ? (rows: Delivery[]) => context.print(rows.map((row) => printableJson(JSON.stringify(row))).join('\n'))
      : createLines(context);
    const seen = new Set<string>();
    let isAway = false;
    let isFirst = true;
    let at: Date | undefined;
    while (!signal.aborted) {
      try {
        at ??= (await ask('GET', '/v1/deliveries?limit=1')).at;
        const newest = await readNewest(ask, filter, at ?? context.now());
        at = newest.at;
        const fresh = takeFresh(newest.rows, seen);
        // What was there before the first look is not news.
        if (!isFirst && fresh.length > 0) show(fresh);
        if (isAway) context.tell('The service answers again.');
        isAway = isFirst = false;
      } catch (error) {
        if (!isUnavailable(error) || isFirst) throw error;
        if (!isAway) context.tell(`${error.message} Waiting for it …`);
        isAway = true;
      }
      await wait(intervalMs, undefined, { signal }).catch(() => {});
    }
    return 0;
  },
};

async function readNewest(
  ask: Ask,
  filter: Record<string, string>,
  now: Date,
): Promise<{ rows: Delivery[]; at: Date | undefined }> {
  const page = z.object({ data: z.array(shownDelivery), next_cursor: z.string().nullable() });
  const since = new Date(now.getTime() - overlapMs).toISOString();
  const rows: Delivery[] = [];
  let cursor: string | null = null;
  let at: Date | undefined;
  do {
    const query: URLSearchParams = new URLSearchParams({ ...filter, from: since, limit: String(pageMax) });
    if (cursor !== null) query.set('cursor', cursor);
    const asked: Asked = await ask('GET', `/v1/deliveries?${query}`);
    const read: z.infer<typeof page> = readAnswer(asked, page);
    at ??= asked.at;
    rows.push(...read.data);
    cursor = read.next_cursor;
  } while (cursor !== null && rows.length < rememberedMax);
  return { rows: rows.reverse(), at };
}

function takeFresh(rows: readonly Delivery[], seen: Set<string>): Delivery[] {
  const fresh = rows.filter(({ delivery_id: id, state }) => !seen.has(`${id} ${state}`));
  for (const { delivery_id: id, state } of fresh) seen.add(`${id} ${state}`);
  // The oldest are forgotten first: a set keeps the order in which it was filled.
  for (const key of seen) {
    if (seen.size <= rememberedMax) break;
    seen.delete(key);
  }
  return fresh;
}

function createLines({ print, paint }: Context): (rows: Delivery[]) => void {
  const columns = ['received', 'delivery', 'source', 'state', 'kind', 'session'];
  const printer = createTablePrinter(columns, paint);
  return (rows) =>
    print(
      printer(
        rows.map((row) => [
          renderTime(row.received_at),
          row.delivery_id,
          row.source.padEnd('webhook'.length),
          (row.reason === null ? row.state : `${row.state}: ${row.reason}`).padEnd('received'.length),
          (row.kind ?? '').padEnd('session_completed'.length),
          row.session_id,
        ]),
      ),
    );
}
