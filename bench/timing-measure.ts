// Whether a function takes longer for one kind of input than for another, in the manner of dudect (Reparaz, Balasch and Verbauwhede,
// 2017): both kinds in random order on one machine in the same minute, the slowest cut off at several places, since what disturbs a
// machine has nothing to do with the input, and Welch's t over what is left. Beyond a limit the two are told apart.
export type Kind = 'one' | 'other';

export interface TimingCase {
  readonly name: string;
  /** Prepares one call of this kind, from inputs of its own: what is measured again and again says something of itself. */
  readonly prepare: (kind: Kind) => () => unknown;
  /** Whether the two have to be told apart: a control, which shows that this method can. */
  readonly isControl: boolean;
}

export interface TimingResult {
  readonly name: string;
  readonly isControl: boolean;
  readonly sampleCount: number;
  /** The largest of all cuts, as an absolute value. */
  readonly t: number;
  readonly oneNs: number;
  readonly otherNs: number;
}

/** From where on the method's own program says that the time is not constant. */
export const provenT = 10;
const keptShares = [1, 0.99, 0.95, 0.9, 0.75, 0.5];
const warmUpCount = 20_000;
const batchCount = 500;

/** Measures `sampleCount` calls; `repeats` of each are one sample, for what is faster than the clock is fine. */
export function measureTiming(
  { name, prepare, isControl }: TimingCase,
  sampleCount: number,
  repeats: number,
): TimingResult {
  const times = { one: new Float64Array(sampleCount), other: new Float64Array(sampleCount) };
  const counts = { one: 0, other: 0 };
  for (let count = -warmUpCount; count < sampleCount; ) {
    // Prepared in the order in which they are measured, and both kinds by turns of chance, so that memory tells nothing.
    const batch = Array.from({ length: batchCount }, () => {
      const kind: Kind = Math.random() < 0.5 ? 'one' : 'other';
      return { kind, call: prepare(kind) };
    });
    for (const { kind, call } of batch) {
      const startedAt = process.hrtime.bigint();
      for (let repeat = 0; repeat < repeats; repeat += 1) call();
      const took = Number(process.hrtime.bigint() - startedAt) / repeats;
      count += 1;
      if (count <= 0 || count > sampleCount) continue;
      times[kind][counts[kind]] = took;
      counts[kind] += 1;
    }
  }
  const taken = [times.one.subarray(0, counts.one), times.other.subarray(0, counts.other)] as const;
  const sorted = Float64Array.from([...taken[0], ...taken[1]]).sort();
  const ts = keptShares.map((share) => {
    const limit = sorted[Math.ceil(share * sorted.length) - 1] ?? Number.POSITIVE_INFINITY;
    return Math.abs(
      welch(
        taken[0].filter((ns) => ns <= limit),
        taken[1].filter((ns) => ns <= limit),
      ),
    );
  });
  return {
    name,
    isControl,
    sampleCount,
    t: Math.max(...ts),
    oneNs: middle(taken[0]),
    otherNs: middle(taken[1]),
  };
}

/** Welch's t of two samples of unequal variance. */
export function welch(one: Float64Array, other: Float64Array): number {
  // One kind lies beyond the cut as a whole.
  if (Math.min(one.length, other.length) < 2) return Number.POSITIVE_INFINITY;
  const [a, b] = [momentsOf(one), momentsOf(other)];
  const error = Math.sqrt(a.variance / one.length + b.variance / other.length);
  return error === 0 ? 0 : (a.mean - b.mean) / error;
}

function momentsOf(values: Float64Array): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, variance };
}

function middle(values: Float64Array): number {
  return Float64Array.from(values).sort()[Math.floor(values.length / 2)] ?? Number.NaN;
}
