// Whether iLive can be reached, and how far its clock is from ours: any answer at its address counts, and no key is sent.
// It is asked at most once in ten seconds, however many look.
export interface VendorSight {
  readonly isReachable: boolean;
  readonly ms: number | null;
  /** How far our clock is ahead of iLive's, to the second. */
  readonly aheadMs: number | null;
}

const answerMs = 3_000;
const keptMs = 10_000;

/** A look that is shared and kept for a while. */
export function createVendorLook(apiUrl: string, now: () => Date): () => Promise<VendorSight> {
  let last: { readonly at: number; readonly sight: Promise<VendorSight> } | undefined;
  return () => {
    if (last === undefined || performance.now() - last.at > keptMs) {
      last = { at: performance.now(), sight: look(apiUrl, now) };
    }
    return last.sight;
  };
}

async function look(apiUrl: string, now: () => Date): Promise<VendorSight> {
  const startedAt = performance.now();
  try {
    const response = await fetch(apiUrl, {
      method: 'HEAD',
      redirect: 'manual',
      signal: AbortSignal.timeout(answerMs),
    });
    const ms = Math.round(performance.now() - startedAt);
    const told = Date.parse(response.headers.get('date') ?? '');
    // Whole seconds: the middle of that second, at the middle of the round trip.
    const aheadMs = Number.isNaN(told) ? null : Math.round(now().getTime() - ms / 2 - (told + 500));
    return { isReachable: true, ms, aheadMs };
  } catch {
    return { isReachable: false, ms: null, aheadMs: null };
  }
}
