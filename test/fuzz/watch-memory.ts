// What the service says of its own memory while it is attacked, every two seconds, and what that was at each quarter of the way.
export interface MemoryReading {
  readonly rssMiB: number;
  readonly heapMiB: number;
}

export interface Quarter extends MemoryReading {
  readonly share: number;
}

const everyMs = 2_000;
// The middle of so many readings stands for a moment: the heap falls with each collection of garbage.
const readingsPerQuarter = 8;
const mib = 2 ** 20;

export async function readGauges(address: string, names: readonly string[]): Promise<number[]> {
  const text = await (await fetch(new URL('/metrics', address))).text();
  return names.map((name) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN));
}

/** `progress` is how far it is, in any unit. */
export function watchMemory(address: string, progress: () => number) {
  const readings: (MemoryReading & { at: number })[] = [];
  const timer = setInterval(async () => {
    const at = progress();
    const [rss = 0, heap = 0] = await readGauges(address, [
      'process_resident_memory_bytes',
      'nodejs_heap_size_used_bytes',
    ]).catch(() => []);
    if (rss > 0) readings.push({ at, rssMiB: rss / mib, heapMiB: heap / mib });
  }, everyMs);
  return {
    stop: (): Quarter[] => {
      clearInterval(timer);
      const end = progress();
      return [0.25, 0.5, 0.75, 1].map((share) => {
        const until = readings.filter(({ at }) => at <= share * end).slice(-readingsPerQuarter);
        return {
          share,
          rssMiB: middle(until.map(({ rssMiB }) => rssMiB)),
          heapMiB: middle(until.map(({ heapMiB }) => heapMiB)),
        };
      });
    },
  };
}

function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
