// What is asked of the service's own tables: how many of its deliveries there are, and where each of them is. A count is asked
// for again and again while the service works, so it looks at the rows of deliveries alone; whether the bytes of each are
// there and its session is settled is asked once, of all, when nothing is measured any more.

import { count, find } from './ask-rows.ts';
import { webhookIdPrefix } from './deliveries-to-send.ts';
import type { Place } from './stores.ts';

// Those that came in today or, around midnight, yesterday: where a delivery can be found by its webhook id.
const findStored = `
  select n.name from unnest($1::text[]) as n (name)
  join deliveries d on d.webhook_id = '${webhookIdPrefix}' || n.name
    and d.received_on = any(array[current_date - 1, current_date]) and d.account = 'default'
  join delivery_bodies b on b.delivery_id = d.id and b.received_at = d.received_at
  where sha256(b.body) = d.body_sha256`;

export const ourRows = {
  countStored: (place: Place) => count(place, 'select count(*)::int as count from deliveries'),
  // What is parked is neither done nor owed: nothing has come of it.
  countProcessed: (place: Place) =>
    count(
      place,
      `select least((select count(*) from deliveries where state = 'done'),
                    (select count(*) from sessions where state = 'settled'))::int as count`,
    ),
  countParked: (place: Place) =>
    count(place, `select count(*)::int as count from deliveries where state = 'parked'`),
  findStored: (place: Place, _part: unknown, names: readonly string[]) => find(place, findStored, names),
  findNames: `select session_id as name from sessions
              where session_id = any($1::text[]) and account = 'default' and state = 'settled'`,
};
