// pg-boss: one job a request, sent to Postgres; a worker in the same process inserts the events. It is set up for load:
// batches, and the next batch at once while batches are full. A batch is inserted in one statement, which is kinder to it
// than a statement a job. It polls, as it does by default: woken by NOTIFY it would be sooner at ease, but Postgres lets
// only one transaction that notifies commit at a time, and it acknowledged a few hundred a second (2026-11-25).
import { PgBoss } from 'pg-boss';
import { openEventsTable } from './events-table.ts';
import { listenForWebhooks, type Received } from './express-route.ts';
import { poolMaxConnections, runProgram } from './program.ts';
import { bossQueue } from './queue-names.ts';

const batchSize = 200;
const localConcurrency = 2;
const pollingIntervalSeconds = 0.5; // the shortest that it takes

runProgram(async ({ part, secret, databaseUrl }, counts) => {
  const boss = new PgBoss({ connectionString: databaseUrl, max: poolMaxConnections });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  await boss.createQueue(bossQueue);
  if (part !== 'receive') {
    const events = await openEventsTable(databaseUrl);
    const rules = { batchSize, localConcurrency, pollingIntervalSeconds, burstWhenBatchFull: true };
    await boss.work<Received>(bossQueue, rules, async (jobs) => {
      await events.insertAll(jobs.map(({ data }) => data));
      counts.finished += jobs.length;
    });
  }
  if (part === 'work') return undefined;
  return listenForWebhooks(secret, counts, (received) => boss.send(bossQueue, received));
});
