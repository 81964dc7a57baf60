// Holds every answer that a service in this process gives against the OpenAPI document. It watches Node's own responses, below
// everything of ours, once in each process, however many files of tests that runs. The pretend iLive and other servers of tests run in
// the same process: only what our own front answers is looked at.
import { ServerResponse } from 'node:http';
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { buildOpenApi } from '../../src/http/openapi.ts';
import { routes } from '../../src/http/routes.ts';
import { type AnswerChecker, createAnswerChecker } from './declared-answers.ts';

// Made with the first answer: many files of tests have no service.
let checker: AnswerChecker | undefined;
/** Of answers that do not fit, until somebody takes them. */
export const complaints: string[] = [];

interface Watched {
  readonly chunks: Buffer[];
  readonly headers: Record<string, string>;
}
const watched = new WeakMap<ServerResponse, Watched>();

const decoders: Readonly<Record<string, (body: Buffer) => Buffer>> = {
  gzip: gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
};

function watch(res: ServerResponse): Watched {
  const known = watched.get(res) ?? { chunks: [], headers: {} };
  watched.set(res, known);
  return known;
}

function keep(res: ServerResponse, chunk: unknown, encoding: unknown): void {
  if (headerOf(res, 'content-type')?.startsWith('text/event-stream')) return; // may go on for ever
  if (typeof chunk === 'string') {
    watch(res).chunks.push(Buffer.from(chunk, typeof encoding === 'string' ? (encoding as 'utf8') : 'utf8'));
  } else if (chunk instanceof Uint8Array) watch(res).chunks.push(Buffer.from(chunk));
}

function headerOf(res: ServerResponse, name: string): string | undefined {
  const value = res.getHeader(name) ?? watch(res).headers[name];
  return value === undefined ? undefined : String(value);
}

/** Express takes a mount's path off `url` for as long as the mount is at work. */
function urlOf(res: ServerResponse): string {
  const req = res.req as typeof res.req & { originalUrl?: string };
  return req.originalUrl ?? req.url ?? '';
}

function judge(res: ServerResponse): void {
  const url = urlOf(res);
  // Express alone puts the app there, and nobody but our own front uses Express.
  if (!('app' in res)) return;
  checker ??= createAnswerChecker(buildOpenApi(routes, 'tested'));
  if (checker.templateOf(url) === undefined) return;
  const encoded = Buffer.concat(watch(res).chunks);
  const decode = decoders[headerOf(res, 'content-encoding') ?? ''];
  const method = res.req.method ?? '';
  const complaint = checker.complaintOf({
    method,
    url,
    status: res.statusCode,
    contentType: headerOf(res, 'content-type'),
    body: decode === undefined || encoded.length === 0 ? encoded : decode(encoded),
  });
  if (complaint !== undefined) complaints.push(`${method} ${url} answered ${res.statusCode}: ${complaint}`);
}

const { writeHead, write, end } = ServerResponse.prototype;

Object.assign(ServerResponse.prototype, {
  writeHead(this: ServerResponse, ...args: unknown[]) {
    const given = args.find((arg) => typeof arg === 'object' && arg !== null && !Array.isArray(arg));
    for (const [name, value] of Object.entries(given ?? {}))
      watch(this).headers[name.toLowerCase()] = String(value);
    return Reflect.apply(writeHead, this, args);
  },
  write(this: ServerResponse, ...args: unknown[]) {
    keep(this, args[0], args[1]);
    return Reflect.apply(write, this, args);
  },
  end(this: ServerResponse, ...args: unknown[]) {
    if (typeof args[0] !== 'function') keep(this, args[0], args[1]);
    const ended = Reflect.apply(end, this, args);
    judge(this);
    return ended;
  },
});
