// What a tutorial teaches: verify, add one BullMQ job a request, answer; a worker in the same process inserts one event a
// transaction. What is acknowledged is as durable as its Redis, which writes to the disk once a second.
import { Queue, Worker } from 'bullmq';
import { openEventsTable } from './events-table.ts';
import { listenForWebhooks, type Received } from './express-route.ts';
import { runProgram } from './program.ts';
import { tutorialQueue } from './queue-names.ts';

const concurrency = 50;

runProgram(async ({ part, secret, databaseUrl, redisUrl }, counts) => {
  if (redisUrl === undefined) throw new Error('the tutorial needs a Redis');
  const connection = { url: redisUrl, maxRetriesPerRequest: null };
  if (part !== 'receive') {
    const events = await openEventsTable(databaseUrl);
    const insert = async ({ data }: { data: Received }) => {
      await events.insert(data);
      counts.finished += 1;
    };
    const worker = new Worker(tutorialQueue, insert, { connection, concurrency });
    worker.on('error', (error) => console.error(error));
    await worker.waitUntilReady();
  }
  if (part === 'work') return undefined;
  const queue = new Queue<Received>(tutorialQueue, {
    connection,
    defaultJobOptions: { attempts: 3, removeOnComplete: true, removeOnFail: 1_000 },
  });
  await queue.waitUntilReady();
  return listenForWebhooks(secret, counts, (received) => queue.add('event', received));
});
