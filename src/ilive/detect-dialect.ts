// Which of the two descriptions an account's API answers to: each is asked about a session that does not exist. An error in
// iLive's own envelope comes from a path that it knows; anything else comes from its framework, or from a stranger.
// Nothing is created, and nothing of an answer is kept but its code.
import { type DialectName, dialectNames, dialects } from './dialects.ts';
import { keyCodes } from './errors.ts';
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
    const response = await fetch(`${baseUrl}${path}${query}`, {
      headers: { authorization: `Bearer ${apiKey()}`, accept: 'application/json' },
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const code = readCode(Buffer.from(await response.arrayBuffer()));
    // What carries no token is refused for its key.
    const isOfKey = (status: number, code: string) =>
      status === 403 || (status === 401 && (token === undefined || keyCodes.includes(code)));
    return code === undefined ? undefined : { code, isOfKey: isOfKey(response.status, code) };
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
