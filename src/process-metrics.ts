// `/metrics` over several processes. Whoever scrapes reaches one of them, which asks the parent for what all of them count:
// each figure comes with the label `process`, a number that stays the same over restarts, so that counters of one that was
// started anew begin at 0 as Prometheus expects. One that does not answer in time is left out.
import cluster, { type Worker } from 'node:cluster';
import {
  AggregatorRegistry,
  type MetricObjectWithValues,
  type MetricValue,
  type Registry,
} from 'prom-client';
import { within } from './within.ts';

type Metrics = readonly MetricObjectWithValues<MetricValue<string>>[];

type Message =
  /** One process to the parent: tell me what all of you count. */
  | { readonly about: 'metrics-wanted'; readonly ask: number }
  /** The parent to each: tell me what you count. */
  | { readonly about: 'metrics-asked'; readonly ask: number }
  | { readonly about: 'metrics-told'; readonly ask: number; readonly metrics: Metrics }
  /** The parent to the one that wanted it. */
  | { readonly about: 'metrics-gathered'; readonly ask: number; readonly all: readonly Metrics[] };

// Below the time that scrapers wait, ten seconds with Prometheus' own settings.
const answerMs = 2_000;
const gatherMs = 3_000;

/** In the parent: has all answer whenever one wants to know. */
export function passMetricsOn(running: ReadonlyMap<number, Worker>): void {
  const asker = createAsker<Metrics>(answerMs);
  const askOne = (worker: Worker) => asker.ask((ask) => send(worker, { about: 'metrics-asked', ask }));
  cluster.on('message', async (from, message: Message) => {
    if (message.about === 'metrics-told') asker.answer(message.ask, message.metrics);
    if (message.about !== 'metrics-wanted') return;
    const told = await Promise.all([...running.values()].map(askOne));
    send(from, {
      about: 'metrics-gathered',
      ask: message.ask,
      all: told.filter((metrics) => metrics !== undefined),
    });
  });
}

function send(worker: Worker, message: Message): void {
  // One that is ending has no channel any more, and is left out.
  if (worker.isConnected()) worker.send(message, () => {});
}

/** In one of several processes: tells the others what it counts, and answers what all of them count, in Prometheus' text. */
export function shareMetrics(number: number, own: Registry): () => Promise<string> {
  const asker = createAsker<readonly Metrics[]>(gatherMs);
  const tell = (message: Message) => process.send?.(message, undefined, {}, () => {});
  process.on('message', async (message: Message) => {
    if (message.about === 'metrics-gathered') asker.answer(message.ask, message.all);
    if (message.about !== 'metrics-asked') return;
    tell({ about: 'metrics-told', ask: message.ask, metrics: await readLabelled(own, number) });
  });
  return async () => {
    const gathered = await asker.ask((ask) => tell({ about: 'metrics-wanted', ask }));
    const all = gathered ?? [await readLabelled(own, number)];
    return AggregatorRegistry.aggregate(all as never).metrics();
  };
}

// Gives each question a number, by which its answer finds back. One that is not answered within `ms` is undefined.
function createAsker<Answer>(ms: number) {
  let lastAsk = 0;
  const waiting = new Map<number, (answer: Answer) => void>();
  return {
    ask: async (send: (ask: number) => void): Promise<Answer | undefined> => {
      lastAsk += 1;
      const ask = lastAsk;
      const { promise, resolve } = Promise.withResolvers<Answer>();
      waiting.set(ask, resolve);
      send(ask);
      return within(ms, promise)
        .catch(() => undefined)
        .finally(() => waiting.delete(ask));
    },
    answer: (ask: number, answer: Answer) => waiting.get(ask)?.(answer),
  };
}

async function readLabelled(registry: Registry, number: number): Promise<Metrics> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics.map((metric) => ({
    ...metric,
    // With its label no value meets another: there is nothing to add up, nor to leave out.
    aggregator: 'first' as never,
    values: (metric.values as MetricValue<string>[]).map((value) => ({
      ...value,
      labels: { ...value.labels, process: String(number) },
    })),
  })) as unknown as Metrics;
}
