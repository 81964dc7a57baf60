// Asks the service that the user named, and tells each way in which that can fail as one sentence that says what to do.
// The key goes to that one address only: a redirect is an error, never followed. No error shows the key.
import { z } from 'zod';
import { ServiceError } from '../errors.ts';
import { printable, printableJson } from '../printable.ts';
import type { Secret } from '../secret.ts';
import { type Context, type Given, type Options, wrongUsage } from './command.ts';
import { explainUnavailable } from './explain-unavailable.ts';
import { asSecret, readSecretFile } from './read-secret.ts';

export interface Asked {
  readonly status: number;
  /** JSON as it came, with what could steer a terminal escaped. */
  readonly text: string;
  /** When, by the service's own clock, to the second; ours may be off. Undefined where something in between took the header away. */
  readonly at: Date | undefined;
}

export interface Asking {
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Ask = (method: 'GET' | 'POST' | 'PUT', path: string, asking?: Asking) => Promise<Asked>;

export const serviceOptions: Options = {
  url: { value: 'URL', doc: 'where the service is (also ILIVE_WEBHOOKS_URL; default http://127.0.0.1:8080)' },
  'api-key-file': { value: 'FILE', doc: 'holds a key for its API (else ILIVE_WEBHOOKS_API_KEY)' },
  json: { doc: 'print the API’s answer as JSON' },
};

const defaultUrl = 'http://127.0.0.1:8080';
const urlName = 'ILIVE_WEBHOOKS_URL';
const keyName = 'ILIVE_WEBHOOKS_API_KEY';
const answerMs = 60_000;
/** What operators do may take the service five minutes, and so may reading the whole audit. */
const actionMs = 330_000;

/** A field of an answer that may have nothing in it, or not be there at all. */
export const nullableText = z.string().nullish().default(null);

const problem = z.object({ code: z.string(), detail: z.string(), request_id: z.string() });

/** Prepares to ask on behalf of `command`. Throws `config_invalid` where the address or the key cannot be used. */
export async function createAsk(given: Given, { env }: Context, command: string): Promise<Ask> {
  const base = readBase(given.text('url'), env[urlName], command);
  const { key, source } = await readKey(given.text('api-key-file'), env[keyName], command);
  return async (method, path, { body, headers } = {}) => {
    const isLong = path.startsWith('/v1/ops/') && (method !== 'GET' || path === '/v1/ops/audit/verification');
    const timeoutMs = isLong ? actionMs : answerMs;
    const init = {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        authorization: `Bearer ${key.reveal()}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    } as const;
    const answer = await fetch(`${base}${path}`, init)
      .then(async (response) => ({ response, text: await response.text() }))
      .catch((error: unknown) => {
        throw noAnswer(base, error, timeoutMs);
      });
    const { response, text } = answer;
    if (response.ok) {
      const at = new Date(response.headers.get('date') ?? '');
      return {
        status: response.status,
        text: printableJson(text),
        at: Number.isNaN(at.getTime()) ? undefined : at,
      };
    }
    // A call that hangs on iLive is answered 503 as well, and the database has no part in that.
    const isOfStores = method === 'GET' || path.startsWith('/v1/ops/');
    const known = response.status === 503 && isOfStores ? await explainUnavailable(base) : '';
    throw refused(base, source, response, text, known);
  };
}

/** What an answer says, as `schema` reads it; a stranger at that address is told as such. */
export function readAnswer<Schema extends z.ZodType>({ text }: Asked, schema: Schema): z.infer<Schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    const message =
      'The answer is not what ilive-webhooks gives. Is the address right, and the version the same?';
    throw new ServiceError('internal', message, { cause: error });
  }
}

function readBase(flag: string | undefined, fromEnv: string | undefined, command: string): string {
  const source = flag === undefined ? urlName : '--url';
  const text = flag ?? (fromEnv?.trim() || defaultUrl);
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw wrongUsage(`${source} must be an address such as ${defaultUrl}.`, command);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw wrongUsage(`${source} must be an address alone, without user, password, ? or #.`, command);
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

async function readKey(
  file: string | undefined,
  fromEnv: string | undefined,
  command: string,
): Promise<{ key: Secret; source: string }> {
  if (file === undefined && (fromEnv ?? '').trim() === '') {
    throw wrongUsage(
      `There is no API key: set ${keyName} to one of the service’s, such as its BOOTSTRAP_API_KEY, or name a file with --api-key-file.`,
      command,
    );
  }
  const source = file === undefined ? keyName : 'the file of --api-key-file';
  const key =
    file === undefined
      ? asSecret(source, fromEnv ?? '', command)
      : await readSecretFile('api-key-file', file, command);
  // What no header can carry would be quoted in full by the error of the network stack.
  if (!/^[\x21-\x7e]+$/.test(key.reveal())) {
    throw wrongUsage(`The key in ${source} holds characters that no key has.`, command);
  }
  return { key, source };
}

function noAnswer(base: string, error: unknown, timeoutMs: number): ServiceError {
  const { name, cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  if (name === 'TimeoutError') {
    const sentence = `${base} has said nothing for ${timeoutMs / 1000} s. What was asked may still come to pass there: look before you ask again.`;
    return new ServiceError('unavailable', sentence, { cause: error });
  }
  const reason = cause?.code ?? cause?.message ?? message;
  const advice = `Start one with "ilive-webhooks start", or name another with --url or ${urlName}.`;
  return new ServiceError('unavailable', `No service answers at ${base} (${printable(reason)}). ${advice}`, {
    cause: error,
  });
}

function refused(
  base: string,
  keySource: string,
  response: Response,
  text: string,
  known: string,
): ServiceError {
  const { status } = response;
  const said = readProblem(text);
  if (said === undefined) {
    const sentence = `What answers at ${base} is not ilive-webhooks (status ${status}). Check --url or ${urlName}.`;
    return new ServiceError('internal', sentence);
  }
  const detail = printable(said.detail);
  if (status === 401) {
    const advice = `The key comes from ${keySource}; it must be one that the service knows, such as its BOOTSTRAP_API_KEY.`;
    return new ServiceError(
      'unauthorized',
      `The service at ${base} refused the API key (401): ${detail} ${advice}`,
    );
  }
  if (status === 403) {
    return new ServiceError('forbidden', `The API key from ${keySource} may not do this (403): ${detail}`);
  }
  if (status === 404) return new ServiceError('not_found', `${detail} (404 from ${base})`);
  if (status === 409) return new ServiceError('conflict', detail);
  const wait = Number(response.headers.get('retry-after') ?? '');
  if (status === 429) {
    const message = `The service refused this (429): ${detail}`;
    return new ServiceError('rate_limited', message, { retryAfterMs: wait * 1_000 });
  }
  if (status < 500)
    return new ServiceError('invalid_request', `The service refused this (${status}): ${detail}`);
  const advice = wait > 0 ? ` It asks to wait ${wait} s.` : '';
  const request = `request ${printable(said.request_id)} in its log`;
  return new ServiceError(
    'unavailable',
    `The service failed (${status}, ${request}): ${detail}${advice}${known}`,
  );
}

function readProblem(text: string): z.infer<typeof problem> | undefined {
  try {
    return problem.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
