// The two descriptions of iLive's REST API, as one table each: where an operation lives and what its fields are called.
// Nothing here sends anything. The vendor's pages disagree with each other, so neither dialect is the true one; which
// one an account speaks is configuration, and the differences between them are all in this file.
//
// ASSUMPTION 09: the reference dialect takes `redirect_url` and `webhook_url` on create, and `attributes` on detect,
// under the managed names; its one page does not show them, so they are sent only where the caller gives them.
// ASSUMPTION 10: the managed dialect names the modes `passive` and `active`; the second is not shown anywhere.
// ASSUMPTION 11: the managed result and photo take the key beside the token; the pages name only the token.
import { InvalidRequestError } from './errors.ts';
import { idLimitChars } from './fields.ts';
import type { Image } from './images.ts';

export const dialectNames = ['reference', 'managed'] as const;
export type DialectName = (typeof dialectNames)[number];

export interface SessionInput {
  readonly referenceId: string;
  readonly mode?: 'passive' | 'active';
  readonly redirectUrl?: string;
  /** HTTPS, and no internal address: iLive refuses others. */
  readonly webhookUrl?: string;
}

export interface SessionAccess {
  readonly sessionId: string;
  readonly token?: string;
}

export interface CompareInput {
  readonly reference: Image;
  readonly probe: Image;
  readonly threshold: number | undefined;
}

export interface DetectInput {
  readonly image: Image;
  readonly attributes: 'default' | 'all' | 'none' | undefined;
}

/** One request, still without host and key. */
export interface Plan {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Goes into the query as `token`, and into nothing that anybody reads. */
  readonly token?: string;
  readonly json?: Readonly<Record<string, string | undefined>>;
  readonly parts?: Readonly<Record<string, Image | string | undefined>>;
}

export interface Dialect {
  readonly createSession: (input: SessionInput) => Plan;
  readonly fetchResult: (session: SessionAccess) => Plan;
  readonly fetchPhoto: (session: SessionAccess) => Plan;
  readonly compareFaces: (input: CompareInput) => Plan;
  readonly detectFaces: (input: DetectInput) => Plan;
}

export const dialects: Readonly<Record<DialectName, Dialect>> = {
  reference: {
    createSession: ({ referenceId, mode, redirectUrl, webhookUrl }) => ({
      method: 'POST',
      path: '/v1/liveness/sessions',
      json: { user_id: referenceId, mode, redirect_url: redirectUrl, webhook_url: webhookUrl },
    }),
    fetchResult: ({ sessionId }) => ({ method: 'GET', path: `/v1/liveness/sessions/${segment(sessionId)}` }),
    fetchPhoto: () => {
      throw new InvalidRequestError(
        'The reference dialect of iLive’s API has no photo; the managed one has',
        {
          code: 'unsupported_by_dialect',
        },
      );
    },
    compareFaces: ({ reference, probe, threshold }) => ({
      method: 'POST',
      path: '/v2/face/compare',
      parts: { reference, probe, threshold: threshold?.toString() },
    }),
    detectFaces: ({ image, attributes }) => ({
      method: 'POST',
      path: '/v1/face/detect',
      parts: { image, attributes },
    }),
  },
  managed: {
    createSession: ({ referenceId, mode, redirectUrl, webhookUrl }) => ({
      method: 'POST',
      path: '/api/v1/managed-session',
      json: { redirect_url: redirectUrl, webhook_url: webhookUrl, reference_id: referenceId, mode },
    }),
    fetchResult: (session) => withToken(session, 'result'),
    fetchPhoto: (session) => withToken(session, 'photo'),
    compareFaces: ({ reference, probe, threshold }) => ({
      method: 'POST',
      path: '/api/v2/faces:compare',
      parts: { source_image: reference, target_image: probe, threshold: threshold?.toString() },
    }),
    detectFaces: ({ image, attributes }) => ({
      method: 'POST',
      path: '/api/v2/faces:detect',
      parts: { image, attributes },
    }),
  },
};

function withToken({ sessionId, token }: SessionAccess, thing: 'result' | 'photo'): Plan {
  if (token === undefined || token === '') {
    throw new InvalidRequestError(`The managed dialect needs the session’s token to read its ${thing}`, {
      code: 'missing_token',
    });
  }
  return { method: 'GET', path: `/api/v1/session/${segment(sessionId)}/${thing}`, token };
}

// An id of dots would climb in the path, to another operation.
function segment(sessionId: string): string {
  if (sessionId === '' || sessionId.length > idLimitChars || /^\.+$/.test(sessionId)) {
    throw new InvalidRequestError('This cannot be a session id of iLive', { code: 'invalid_session_id' });
  }
  return encodeURIComponent(sessionId.toWellFormed());
}
