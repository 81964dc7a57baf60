// What the answer to a create says. The vendor's JSON for it is unknown but for three names in prose, so only the id is
// asked for, and everything else may be missing. The token is a secret: it must not reach a log or an error.
//
// ASSUMPTION 16: `session_id` (or `id`), `session_url` (or `url`), `token`, and `expires_at` as ISO 8601 with an offset.
import { z } from 'zod';
import { type Instant, parseInstant } from '../events/instant.ts';
import { readObject, unreadable } from './results.ts';

export interface CreatedSession {
  readonly sessionId: string;
  /** Where the user is sent; null where iLive named no address. */
  readonly sessionUrl: string | null;
  /** Opens the session's result and photo: a secret. */
  readonly token: string | null;
  /** Null where iLive did not say; documented are 30 minutes from the creation on. */
  readonly expiresAt: Instant | null;
}

const text = z.string().min(1).nullish().catch(null);

const createdSession = z.object({
  session_id: text,
  id: text,
  session_url: text,
  url: text,
  token: text,
  expires_at: text,
});

/** Reads the answer's bytes; throws a ResponseError when they name no session. */
export function readCreatedSession(body: Buffer): CreatedSession {
  const said = createdSession.parse(readObject(body));
  const sessionId = said.session_id ?? said.id;
  if (sessionId === null || sessionId === undefined) throw unreadable('it names no session');
  return {
    sessionId,
    sessionUrl: said.session_url ?? said.url ?? null,
    token: said.token ?? null,
    expiresAt: parseInstant(said.expires_at ?? '') ?? null,
  };
}
