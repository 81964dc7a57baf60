// Asks iLive to verify one user and waits for the verdict: `ILIVE_API_KEY=… npm start -- user-12345`. Waiting by asking
// is for scripts and trials; a service is told by webhook and asks only when it hears nothing. To try it: `npm pack` in the
// repository's root, then `npm install` here. ILIVE_API_URL points it at another iLive, such as the pretend one.
import { setTimeout as delay } from 'node:timers/promises';
import { createClient, type SessionResult } from 'ilive-webhooks/client';
import { ApiError, AuthenticationError, RateLimitError } from 'ilive-webhooks/client/errors';

const pollMs = 3_000;
const patienceMs = 30 * 60_000; // a session of iLive lives for 30 minutes

const baseUrl = process.env.ILIVE_API_URL;
const ilive = createClient({
  apiKey: () => process.env.ILIVE_API_KEY ?? '',
  dialect: process.env.ILIVE_DIALECT === 'managed' ? 'managed' : 'reference',
  ...(baseUrl === undefined ? {} : { baseUrl }),
  onCall: ({ operation, status, requestId, ms }) =>
    console.error(
      `${operation}: ${status ?? 'no answer'} in ${ms} ms (request ${requestId ?? 'without an id'})`,
    ),
});

async function verifyUser(referenceId: string, signal: AbortSignal): Promise<SessionResult> {
  const { sessionId, sessionUrl, token } = await ilive.createSession(
    { referenceId, mode: 'passive' },
    { signal },
  );
  console.log(sessionUrl === null ? `Session ${sessionId}` : `Send the user to ${sessionUrl}`);
  const session = token === null ? { sessionId } : { sessionId, token };
  for (;;) {
    const result = await ilive.fetchResult(session, { signal });
    if (result.status !== 'pending') return result;
    await delay(pollMs, undefined, { signal });
  }
}

try {
  const result = await verifyUser(process.argv[2] ?? 'user-12345', AbortSignal.timeout(patienceMs));
  console.log(`${result.status}: ${result.verdict ?? 'no verdict'}`);
  process.exitCode = result.verdict === 'pass' ? 0 : 1;
} catch (error) {
  if (error instanceof AuthenticationError) console.error('Set ILIVE_API_KEY to a key of your account.');
  else if (error instanceof RateLimitError) console.error(`Try again in ${error.retryAfterMs ?? 60_000} ms.`);
  else if (error instanceof ApiError) console.error(error.message);
  else console.error(error);
  process.exitCode = 1;
}
