// iLive's client as the service uses it: paced by the budget that all processes share, reported to the metrics and the log
// by operation, status and request id, and never by address, since the managed dialect puts the token there.
import { createHash } from 'node:crypto';
import type { Database } from './db/connect.ts';
import { createClient, type IliveClient } from './ilive/client.ts';
import { refusable } from './ilive/errors.ts';
import { beginAtZero } from './metrics.ts';
import { createVendorKey, type VendorKey } from './operations/vendor-key.ts';
import { createSharedBudget } from './reconcile/budget.ts';
import type { LedgerRules } from './reconcile/ledger-rules.ts';
import type { Running } from './running.ts';

export interface VendorClient extends IliveClient {
  readonly key: VendorKey;
}

/** The client; undefined where no API key is configured. */
export function createVendorClient(running: Running, db: Database): VendorClient | undefined {
  const { config, log, metrics, now, wait } = running;
  const { apiKey, apiUrl, dialect, perMinute, perSecond, responseTimeoutMs } = config.vendor;
  if (apiKey === undefined) return undefined;
  const id = createHash('sha256').update(apiKey.reveal()).digest('hex');
  beginAtZero(metrics.vendorRefused, 'about', refusable);
  const key = createVendorKey();
  const client = createClient({
    apiKey: () => apiKey.reveal(),
    dialect,
    baseUrl: apiUrl,
    responseTimeoutMs,
    // A pull that fails is asked again by the ledger, which knows how urgent it is.
    maxRetries: 1,
    budget: createSharedBudget({ db, id, perMinute, perSecond, log, now, wait }),
    now,
    wait,
    onCall: ({ operation, status, requestId, ms, code, refused }) => {
      key.note({ operation, code, refused }, now());
      metrics.vendorCalls.inc({ operation, status: String(status ?? 0) });
      if (refused !== null) metrics.vendorRefused.inc({ about: refused });
      const line = { operation, status, requestId, ms: Math.round(ms), code };
      if (code === null) log.debug(line, 'called iLive');
      else log.warn(line, 'a call to iLive failed');
    },
  });
  return { ...client, key };
}

export function ledgerRulesOf({ config }: Running): LedgerRules {
  const { ledger, vendor } = config;
  return {
    plan: { firstAfterMs: ledger.firstPullAfterMs },
    sessionTtlMs: ledger.sessionTtlMs,
    confirm: ledger.confirm,
    canPullWithoutToken: vendor.apiKey !== undefined && vendor.dialect === 'reference',
  };
}
