// What the service counts, in Prometheus' terms, at `GET /metrics`. One registry a service, made by the composition root
// and handed to the rooms as the narrow functions they need. Labels are closed lists: never an id, never a person.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const make = makersOf(registry);
  return { registry, ...receiverMetrics(make), ...workerMetrics(make), ...apiMetrics(make) };
}

type Makers = ReturnType<typeof makersOf>;

function makersOf(registry: Registry) {
  const registers = [registry];
  return {
    counter: <Label extends string = never>(name: string, help: string, ...labelNames: Label[]) =>
      new Counter<Label>({ name, help, labelNames, registers }),
    histogram: <Label extends string = never>(
      name: string,
      help: string,
      buckets: number[],
      ...labelNames: Label[]
    ) => new Histogram<Label>({ name, help, buckets, labelNames, registers }),
  };
}

function receiverMetrics({ counter, histogram }: Makers) {
  return {
    received: counter(
      'ilive_deliveries_received_total',
      'Deliveries answered with 202, by whether the same bytes were stored before.',
      'result',
    ),
    refused: counter(
      'ilive_deliveries_refused_total',
      'Requests on the webhook route that were not accepted, by reason.',
      'reason',
    ),
    refusalsDropped: counter(
      'ilive_refusals_dropped_total',
      'Refused requests that were not kept because the buffer was full.',
    ),
    shed: counter(
      'ilive_deliveries_shed_total',
      'Requests on the webhook route that were turned away before they were read, by what there was too much of.',
      'reason',
    ),
    outageKept: counter('ilive_outage_kept_total', 'Deliveries that went into the outage store.'),
    outageDrained: counter(
      'ilive_outage_drained_total',
      'Deliveries that were taken out of the outage store again, recorded or set aside.',
    ),
    groupDeliveries: histogram(
      'ilive_group_deliveries',
      'Deliveries in one group commit.',
      [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
    ),
    commitSeconds: histogram(
      'ilive_group_commit_seconds',
      'Time that one group commit took.',
      secondsBuckets,
    ),
    ringsFailed: counter('ilive_rings_failed_total', 'Announcements that the queue did not take in time.'),
  };
}

function workerMetrics({ counter, histogram }: Makers) {
  return {
    processed: counter('ilive_deliveries_processed_total', 'Deliveries finished, by decision.', 'decision'),
    replayed: counter('ilive_deliveries_replayed_total', 'Deliveries that replays have processed again.'),
    batchSeconds: histogram(
      'ilive_batch_seconds',
      'Time that one batch took from load to commit.',
      secondsBuckets,
    ),
    pulled: counter(
      'ilive_pulls_total',
      'Sessions that iLive was asked about, by what came of it.',
      'outcome',
    ),
    vendorCalls: counter(
      'ilive_vendor_calls_total',
      'Calls to iLive, by operation and HTTP status; status 0 for no answer.',
      'operation',
      'status',
    ),
    vendorRefused: counter(
      'ilive_vendor_refused_total',
      'Calls that iLive answered with 401 or 403, by what it refuses: our API key, or the token of one session.',
      'about',
    ),
    daysDropped: counter(
      'ilive_body_days_dropped_total',
      'Days whose stored bytes were dropped because they were old.',
    ),
    swept: counter('ilive_deliveries_swept_total', 'Deliveries that the sweep found overdue.'),
  };
}

function apiMetrics({ counter, histogram }: Makers) {
  return {
    requests: counter(
      'ilive_api_requests_total',
      'Requests under /v1 that came as far as their operation, by its name in the OpenAPI document and the HTTP status.',
      'operation',
      'status',
    ),
    requestSeconds: histogram(
      'ilive_api_request_seconds',
      'Time until one of them was answered, waiting included where the caller asked for it; streams are left out.',
      secondsBuckets,
      'operation',
    ),
    limited: counter(
      'ilive_api_limited_total',
      'Requests under /v1 that were answered 429: key for a key past its rate, unknown_key for one who may be guessing.',
      'limit',
    ),
    readsMoved: counter(
      'ilive_replica_reads_moved_total',
      'Reads that a replica broke off or was too busy for, and the primary answered.',
    ),
  };
}

/** Has a counter begin with 0 for each value of its label: an alert sees only what grows from something that was there. */
export function beginAtZero<Label extends string>(
  counter: Counter<Label>,
  label: Label,
  values: readonly string[],
): void {
  for (const value of values) counter.inc({ [label]: value } as Record<Label, string>, 0);
}

/** Adds how many callers wait in this process, by what they wait for. */
export function addCallers<Kind extends string>(
  registry: Registry,
  kinds: readonly Kind[],
  count: (kind: Kind) => number,
): void {
  new Gauge({
    name: 'ilive_waiting_callers',
    help: 'Callers that wait for a verdict or for changes, or follow a stream, in this process.',
    labelNames: ['kind'] as const,
    registers: [registry],
    collect() {
      for (const kind of kinds) this.set({ kind }, count(kind));
    },
  });
}

/** Adds whether this process holds still what an operator has paused. */
export function addPauses<What extends string>(
  registry: Registry,
  pausables: readonly What[],
  isPaused: (what: What) => boolean,
): void {
  new Gauge({
    name: 'ilive_paused',
    help: '1 while this process holds still what an operator has paused, else 0.',
    labelNames: ['what'] as const,
    registers: [registry],
    collect() {
      for (const what of pausables) this.set({ what }, isPaused(what) ? 1 : 0);
    },
  });
}

/** Adds how far each replica lags, and whether it is asked. */
export function addReplicas(
  registry: Registry,
  look: () => readonly { readonly name: string; readonly state: string; readonly lagMs: number | null }[],
): void {
  new Gauge({
    name: 'ilive_replica_lag_seconds',
    help: 'How far the replica was behind the primary at most; absent while that is not known.',
    labelNames: ['replica'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const { name, lagMs } of look()) if (lagMs !== null) this.set({ replica: name }, lagMs / 1000);
    },
  });
  new Gauge({
    name: 'ilive_replica_usable',
    help: '1 while the replica is asked, 0 while the primary answers in its place.',
    labelNames: ['replica'] as const,
    registers: [registry],
    collect() {
      for (const { name, state } of look()) this.set({ replica: name }, state === 'usable' ? 1 : 0);
    },
  });
}

/** Adds what the outage store holds, and whether deliveries go there. */
export function addOutage(
  registry: Registry,
  look: () => {
    readonly heldCount: number;
    readonly heldBytes: number;
    readonly damagedCount: number;
    readonly unopenedCount: number;
    readonly since: Date | null;
  },
): void {
  const gauges: Readonly<Record<string, [string, () => number]>> = {
    ilive_outage: [
      '1 while deliveries go into the outage store, else 0.',
      () => (look().since === null ? 0 : 1),
    ],
    ilive_outage_held_deliveries: ['Deliveries in the outage store.', () => look().heldCount],
    ilive_outage_held_bytes: ['Bytes of the outage store.', () => look().heldBytes],
    ilive_outage_damaged: ['Parts of the outage store that were set aside.', () => look().damagedCount],
    ilive_outage_unopened: [
      'Records of the outage store that no key of ours opens.',
      () => look().unopenedCount,
    ],
  };
  for (const [name, [help, read]] of Object.entries(gauges)) addGauge(registry, name, help, read);
}

/** Adds how late the event loop is, as admission sees it. */
export function addLoopDelay(registry: Registry, delayMs: () => number): void {
  addGauge(registry, 'ilive_event_loop_delay_seconds', 'How late the event loop is.', () => delayMs() / 1000);
}

function addGauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}
