// Whether iLive can be reached, and how far its clock is from ours: any answer at its address counts, and no key is sent.
// It is asked at most once in ten seconds, however many look.
import { networkCodeOf } from '../ilive/call.ts';
import { lookSeldom } from '../seldom.ts';
import type { KeyRefusal } from './vendor-key.ts';

export interface VendorSight {
  readonly isReachable: boolean;
  /** Why it cannot be reached, such as `ENOTFOUND` or `CERT_HAS_EXPIRED`; null when it can. */
  readonly trouble: string | null;
  readonly ms: number | null;
  /** How far our clock is ahead of iLive's, to the second. */
  readonly aheadMs: number | null;
  /** When it last refused our key, as the calls of this process have shown; null where it has not, or takes it again. */
  readonly keyRefusal: KeyRefusal | null;
}

type Reach = Omit<VendorSight, 'keyRefusal'>;

const answerMs = 3_000;
const lookEveryMs = 10_000;

/** A look that is shared and kept for a while. */
export function createVendorLook(
  apiUrl: string,
  lastRefusal: () => KeyRefusal | null,
  now: () => Date,
): () => Promise<VendorSight> {
  const lookAgain = lookSeldom(lookEveryMs, () => look(apiUrl, now));
  return async () => ({ ...(await lookAgain()), keyRefusal: lastRefusal() });
}

async function look(apiUrl: string, now: () => Date): Promise<Reach> {
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
    return { isReachable: true, trouble: null, ms, aheadMs };
  } catch (error) {
    return { isReachable: false, trouble: networkCodeOf(error), ms: null, aheadMs: null };
  }
}

/** What is wrong, in words, and what to do about it; for the codes that say it. */
export function explainTrouble(code: string): { readonly what: string; readonly advice: string } {
  const known = troubles.find(({ pattern }) => pattern.test(code));
  return {
    what: `${known?.what ?? 'no connection stands'} (${code})`,
    advice:
      known?.advice ?? 'check ILIVE_API_URL, the way out (proxy, firewall, DNS), and whether iLive is down',
  };
}

const certificateAdvice =
  'nothing is sent there: see who answers at ILIVE_API_URL (a proxy that opens TLS? then NODE_EXTRA_CA_CERTS), and check our clock';

const troubles: readonly { readonly pattern: RegExp; readonly what: string; readonly advice: string }[] = [
  {
    pattern: /^(ENOTFOUND|EAI_AGAIN|EAI_FAIL|ENODATA)$/,
    what: 'its name is not found',
    advice: 'check the host in ILIVE_API_URL and this machine’s DNS',
  },
  {
    pattern: /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH)$/,
    what: 'the connection is refused',
    advice: 'check the port in ILIVE_API_URL, the way out (proxy, firewall), and whether iLive is down',
  },
  { pattern: /^CERT_HAS_EXPIRED$/, what: 'its certificate has expired', advice: certificateAdvice },
  {
    pattern: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    what: 'its certificate is for another name',
    advice: certificateAdvice,
  },
  {
    pattern: /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|^CERT_/,
    what: 'its certificate is signed by nobody we trust',
    advice: certificateAdvice,
  },
  {
    pattern: /TIMEOUT|^timeout$/i,
    what: 'it does not answer in time',
    advice: 'check the way out (proxy, firewall), and whether iLive is down',
  },
  {
    pattern: /^(ERR_SSL|EPROTO|ERR_TLS|ECONNRESET|UND_ERR_SOCKET)/,
    what: 'the connection or its TLS breaks',
    advice: 'check that ILIVE_API_URL names the right port and protocol, and what stands in between',
  },
];
