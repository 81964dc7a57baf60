// The doctor's checks of the way that deliveries come: the address, who answers there, and iLive's clock.
import { checkClock } from './doctor-stores.ts';
import { type Finding, finding } from './finding.ts';

const check = 'webhook address';

export function checkWebhookUrl(webhookUrl: string | undefined): Finding[] {
  if (webhookUrl === undefined) {
    const advice = 'set it to the address of the webhook route as iLive reaches it';
    return [finding(check, 'warning', 'PUBLIC_WEBHOOK_URL is not set, so it cannot be checked', advice)];
  }
  const { protocol, pathname, hostname } = new URL(webhookUrl);
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  const findings = [];
  if (protocol !== 'https:') {
    const level = isLocal ? 'warning' : 'error';
    findings.push(
      finding(
        check,
        level,
        'is not HTTPS: iLive sends nothing there',
        'put a proxy with a certificate in front',
      ),
    );
  }
  if (isLocal)
    findings.push(finding(check, 'warning', 'is local: iLive cannot reach it', 'use the public address'));
  if (!/\/webhooks\/ilive(\/[^/]+)?$/.test(pathname)) {
    findings.push(
      finding(check, 'warning', 'does not end in /webhooks/ilive', 'right only if a proxy rewrites the path'),
    );
  }
  return findings;
}

/** Whether it is us who answers: our 405 to a GET says so. A text is the reason why nothing answered. */
export function checkWebhookAnswer(
  webhookUrl: string,
  answer: { readonly status: number; readonly text: string } | string,
): Finding {
  if (typeof answer === 'string') {
    const advice =
      'check DNS, the certificate and the proxy; from inside a network it may be reachable from outside alone';
    return finding(check, 'error', `nothing answers at ${webhookUrl} from here (${answer})`, advice);
  }
  if (answer.status === 405 && answer.text.includes('"method_not_allowed"')) {
    return finding(check, 'ok', `ilive-webhooks answers at ${webhookUrl}`, null);
  }
  const message = `what answers at ${webhookUrl} is not the webhook route (status ${answer.status})`;
  return finding(check, 'error', message, 'see that the proxy hands this path on to the service');
}

export function checkVendorClock(aheadMs: number | null): Finding {
  const name = 'clock and iLive';
  if (aheadMs !== null) return checkClock(name, aheadMs);
  return finding(name, 'warning', 'iLive tells no time, so the clocks cannot be compared', 'check NTP');
}
