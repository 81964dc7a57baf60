// What a session is asked about with: its token, opened, where it has one.
import type { Cipher } from '../cipher.ts';
import { type SessionKey, sessionKeyText } from '../db/sessions.ts';
import type { DialectName, SessionAccess } from '../ilive/dialects.ts';

/**
 * How iLive's client is told of the session; undefined when its token does not open with the keys that are configured. In the
 * reference dialect the API key is enough.
 */
export function openSessionAccess(
  session: SessionKey & { readonly token: Buffer | null },
  dialect: DialectName,
  cipher: Cipher | undefined,
): SessionAccess | undefined {
  const { sessionId, token } = session;
  if (token === null || dialect === 'reference') return { sessionId };
  const opened = cipher?.open(token, sessionKeyText(session));
  return opened && { sessionId, token: opened.toString() };
}
