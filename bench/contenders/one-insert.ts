// One durable INSERT a request: the plainest honest receiver. It answers once the row is committed, on one of a pool of
// connections and with a prepared statement. Nothing is left to be worked off.
import { openEventsTable } from './events-table.ts';
import { listenForWebhooks } from './express-route.ts';
import { runProgram } from './program.ts';

runProgram(async ({ secret, databaseUrl }, counts) => {
  const events = await openEventsTable(databaseUrl);
  return listenForWebhooks(secret, counts, async (received) => {
    await events.insert(received);
    counts.finished += 1;
  });
});
