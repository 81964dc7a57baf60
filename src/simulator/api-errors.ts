// The pretend API's refusals. Documented: the codes of the first table with their statuses, and the envelope; the codes
// of the second are assumed, since the vendor's list could only be read in part. `detail.request_id` stands in the
// envelope of the reference dialect alone.
import type { Dialect } from './api-routes.ts';

export interface VendorAnswer {
  readonly status: number;
  /** Bytes and texts are sent as they are, everything else as JSON. */
  readonly body: unknown;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the log calls it. */
  readonly code?: string;
}

export const documentedErrors = {
  missing_api_key: [401, 'Missing API key'],
  invalid_api_key: [401, 'Invalid or revoked API key'],
  account_inactive: [403, 'Account is inactive'],
  rate_limited: [429, 'API key rate limit exceeded'],
  image_too_large: [413, 'Image exceeds 8 MB'],
  empty_image: [400, 'Image is empty'],
  invalid_image: [400, 'Image could not be decoded'],
  invalid_attributes: [400, 'attributes must be one of default, all, none'],
  no_face_in_source: [422, 'No face found in the source image'],
  no_face_in_target: [422, 'No face found in the target image'],
  collection_exists: [409, 'Collection already exists'],
  collection_not_found: [404, 'Collection not found'],
  'liveness.face_not_detected': [422, 'No face detected in the submitted frames.'],
} as const;

const assumedErrors = {
  session_not_found: [404, 'Session not found'],
  invalid_token: [401, 'Invalid or expired session token'],
  photo_not_available: [404, 'No photo for this session'],
  internal_error: [500, 'Internal server error'],
} as const;

const errors = { ...documentedErrors, ...assumedErrors };
export type VendorErrorCode = keyof typeof errors;

/** The answer that refuses with `code`. */
export function refuse(
  code: VendorErrorCode,
  { dialect, requestId }: { readonly dialect: Dialect; readonly requestId: string },
): VendorAnswer {
  const [status, message] = errors[code];
  const named = dialect === 'reference' ? { request_id: requestId } : {};
  return { status, code, body: { detail: { code, message, ...named } } };
}

/** FastAPI's own refusal of a field, with a list where others have an envelope. */
export function refuseField(field: string, message: string): VendorAnswer {
  return {
    status: 422,
    code: 'validation_error',
    body: { detail: [{ type: 'value_error', loc: ['body', field], msg: message, input: null }] },
  };
}

/** FastAPI's own refusal of a path or method, with a text where others have an envelope. */
export function refuseRoute(status: 404 | 405): VendorAnswer {
  return { status, body: { detail: status === 404 ? 'Not Found' : 'Method Not Allowed' }, code: 'no_route' };
}
