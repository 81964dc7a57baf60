// Which of the two descriptions an account's API answers to: each is asked about a session that does not exist. An error in
// iLive's own envelope comes from a path that it knows; anything else comes from its framework, or from a stranger.
// Nothing is created, and nothing of an answer is kept but its code.
import { type DialectName, dialectNames, dialects } from './dialects.ts';
import { refusedBy } from './errors.ts';
import { readError } from './errors-read.ts';
import { readObject } from './results.ts';

/** How iLive refused in its own envelope; undefined where anything else answered, or nothing. */
export type DialectAnswer =
  | {
      readonly code: string;
      /** Whether it refuses our API key, and not the session that nobody has. */
      readonly isOfKey: boolean;
    }
  | undefined;

export interface DetectOptions {
  readonly baseUrl: string;
  readonly apiKey: () => string;
  readonly timeoutMs: number;
}

const nobody = '00000000-0000-4000-8000-000000000000';

/** Asks in both dialects. Never rejects. */
export async function detectDialects(
  options: DetectOptions,
): Promise<Readonly<Record<DialectName, DialectAnswer>>> {
  const answers = await Promise.all(
    dialectNames.map(async (name) => [name, await ask(name, options)] as const),
  );
  return Object.fromEntries(answers) as Record<DialectName, DialectAnswer>;
}

async function ask(name: DialectName, { baseUrl, apiKey, timeoutMs }: DetectOptions): Promise<DialectAnswer> {
  const { path, token } = dialects[name].fetchResult({ sessionId: nobody, token: nobody });
  const query = token === undefined ? '' : `?${new URLSearchParams({ token })}`;
  try {
    const key = apiKey();
    const response = await fetch(`${baseUrl}${path}${query}`, {
      headers: { authorization: `Bearer ${key}`, accept: 'application/json' },
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const { status, headers } = response;
    const body = Buffer.from(await response.arrayBuffer());
    const code = readCode(body);
    if (code === undefined) return undefined;
    const error = readError('asking', { status, headers, body }, { secrets: [key], now: new Date() });
    return { code, isOfKey: refusedBy(error, token !== undefined) === 'key' };
  } catch {
    return undefined;
  }
}

function readCode(body: Buffer): string | undefined {
  try {
    const { detail } = readObject(body) as { detail?: { code?: unknown } };
    const code = detail?.code;
    return typeof code === 'string' ? code.replace(/[^\w.-]/g, '').slice(0, 100) : undefined;
  } catch {
    return undefined;
  }
}
