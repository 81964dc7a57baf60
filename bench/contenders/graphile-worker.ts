// graphile-worker: one job a request, added to Postgres; a runner in the same process inserts one event a job. It is set up
// as its documentation advises for many small jobs: a local queue, and completions that are batched. Each job that it adds
// notifies, and Postgres lets only one transaction that notifies commit at a time; it has no way without.
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { Pool } from 'pg';
import { openEventsTable } from './events-table.ts';
import { listenForWebhooks, type Received } from './express-route.ts';
import { poolMaxConnections, runProgram } from './program.ts';
import { graphileTask } from './queue-names.ts';

const concurrentJobs = 24;
const localQueueJobs = 500;
const completeJobBatchDelay = 0;

runProgram(async ({ part, secret, databaseUrl }, counts) => {
  const pgPool = new Pool({ connectionString: databaseUrl, max: poolMaxConnections });
  pgPool.on('error', (error) => console.error(error));
  const logger = new Logger(() => (level, message) => {
    if (level === 'error') console.error(message);
  });
  const utils = await makeWorkerUtils({ pgPool, logger });
  await utils.migrate();
  if (part !== 'receive') {
    const events = await openEventsTable(databaseUrl);
    const insert = async (payload: unknown) => {
      await events.insert(payload as Received);
      counts.finished += 1;
    };
    await run({
      pgPool,
      logger,
      noHandleSignals: true,
      taskList: { [graphileTask]: insert },
      preset: { worker: { concurrentJobs, localQueue: { size: localQueueJobs }, completeJobBatchDelay } },
    });
  }
  if (part === 'work') return undefined;
  return listenForWebhooks(secret, counts, (received) => utils.addJob(graphileTask, received));
});
