// Where iLive sends a person, as it is kept for a repeat of the create: sealed where there is a key, since it may hold the
// session's token.
import type { Cipher } from '../cipher.ts';
import { sealedPrefix } from '../db/sealed.ts';
import { type SessionKey, sessionKeyText } from '../db/sessions.ts';

const contextOf = (key: SessionKey) => `session_url ${sessionKeyText(key)}`;

export function sealSessionUrl(
  url: string | null,
  key: SessionKey,
  cipher: Cipher | undefined,
): string | null {
  if (url === null || cipher === undefined) return url;
  return `${sealedPrefix}${cipher.seal(url, contextOf(key)).toString('base64')}`;
}

/** Null also for one that does not open with the keys that are configured. */
export function openSessionUrl(
  kept: string | null,
  key: SessionKey,
  cipher: Cipher | undefined,
): string | null {
  if (!kept?.startsWith(sealedPrefix)) return kept;
  const sealed = Buffer.from(kept.slice(sealedPrefix.length), 'base64');
  return cipher?.open(sealed, contextOf(key))?.toString() ?? null;
}
