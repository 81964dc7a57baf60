// The figures of `/metrics` that are read from the database when somebody looks. They must never be told while they cannot be
// read: a 0 that nobody has counted says that all is well.
import { setTimeout as wait } from 'node:timers/promises';
import { Gauge, type Registry } from 'prom-client';
import { lookOnce, lookSeldom } from './seldom.ts';

/** What stands at a moment, by the name of its metric. */
export type Figures = Readonly<Partial<Record<keyof typeof figureHelp, number>>>;

export const figureHelp = {
  ilive_deliveries_owed: 'Deliveries that are owed; counted up to 100,000.',
  ilive_deliveries_failing: 'Owed deliveries that have failed and are tried again; of the oldest 100,000.',
  ilive_deliveries_oldest_owed_age_seconds:
    'How long the oldest owed delivery that has not failed has waited; 0 for none.',
  ilive_deliveries_parked: 'Deliveries that are parked; counted up to 100,000.',
  ilive_refusals_refused: 'Refused requests that are kept and were not admitted.',
  ilive_refusals_with_remedy: 'Those of them of which the diagnosis knows what would have made them match.',
  ilive_sessions_open: 'Sessions without a verdict that may still end; counted up to 100,000.',
  ilive_changes_held_back_seconds:
    'How long followers have not been shown the oldest change that they are not shown; 0 for none.',
  ilive_sessions_overdue: 'Open sessions that iLive has forgotten five minutes ago or longer.',
} as const;

const figuresEveryMs = 5_000;
// A database that hangs must not keep the other metrics from those who look for what is wrong.
const figuresReadMs = 2_000;

/**
 * Adds figures that are read when somebody looks, at most every five seconds. While they cannot be read there are none. What
 * `reads` names stands apart: a table that somebody holds keeps no more away than what is read from it.
 */
export function addFigures(registry: Registry, reads: readonly (() => Promise<Figures>)[]): void {
  const kept = reads.map(keepFigures);
  for (const [name, help] of Object.entries(figureHelp)) {
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        const read: Figures = Object.assign({}, ...(await Promise.all(kept.map((figures) => figures()))));
        const figure = read[name as keyof Figures];
        // `reset` would leave a 0 behind, which says that all is well.
        if (figure === undefined) this.remove();
        else this.set(figure);
      },
    });
  }
}

// One reading at a time: else what hangs would take a connection more with each look.
function keepFigures(read: () => Promise<Figures>): () => Promise<Figures> {
  const readOnce = lookOnce(() => read().catch((): Figures => ({})));
  return lookSeldom(figuresEveryMs, () =>
    Promise.race([readOnce(), wait(figuresReadMs, {}, { ref: false })]),
  );
}
