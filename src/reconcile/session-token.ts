// What a session is asked about with: its token, opened, where it has one.
import type { Cipher } from '../cipher.ts';
import { type SessionKey, sessionKeyText } from '../db/sessions.ts';

/**
 * How iLive's client is told of the session; undefined when its token does not open with the keys that are configured. In the
 * reference dialect the API key is enough.
 */
export function openSessionAccess(
  session: SessionKey & { readonly token: Buffer | null },
  dialect: 'reference' | 'managed',
  cipher: Cipher | undefined,
): { readonly sessionId: string; readonly token?: string } | undefined {
  const { sessionId, token } = session;
  if (token === null || dialect === 'reference') return { sessionId };
  try {
    const opened = cipher?.open(token, sessionKeyText(session)).toString();
    return opened === undefined ? undefined : { sessionId, token: opened };
  } catch {
    return undefined;
  }
}
