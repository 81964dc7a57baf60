// The headers that every answer has unless its route sets another: no cache keeps it, no browser takes it for anything but
// data, and no page frames it. Not among them is Strict-Transport-Security: TLS ends at the proxy in front, which alone
// knows whether all of its host is HTTPS.
import type { ServerResponse } from 'node:http';

const defaultHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  // For browsers that do not know frame-ancestors.
  'x-frame-options': 'DENY',
};

/** To be called before a route answers; what the route sets itself wins. */
export function setDefaultHeaders(res: ServerResponse): void {
  for (const [name, value] of Object.entries(defaultHeaders)) res.setHeader(name, value);
}
