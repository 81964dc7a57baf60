// What the service tells of itself at /metrics, gauges and counters alike.

/** By name, summed over the labels. */
export type Metrics = ReadonlyMap<string, number>;

/** None of a server that tells nothing. */
export async function readMetrics(address: string): Promise<Metrics> {
  const metrics = new Map<string, number>();
  const response = await fetch(new URL('/metrics', address));
  const text = await response.text();
  for (const [, name = '', value] of text.matchAll(/^(\w+)(?:\{[^}]*\})? (\S+)$/gm)) {
    metrics.set(name, (metrics.get(name) ?? 0) + Number(value));
  }
  return metrics;
}

/** Of the group commits between two readings, on average; undefined where there was none. */
export function compareGroups(before: Metrics, after: Metrics) {
  const grown = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  const commits = grown('ilive_group_deliveries_count');
  return {
    groupDeliveries: commits === 0 ? undefined : grown('ilive_group_deliveries_sum') / commits,
    commitMs: commits === 0 ? undefined : (grown('ilive_group_commit_seconds_sum') / commits) * 1000,
  };
}
