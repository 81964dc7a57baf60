// The answers on one connection, read from its bytes. Whatever was sent, what comes back has to be HTTP from the first byte to
// the last: bytes that are no answer would mean that something of ours was split or smuggled.
export interface Answer {
  readonly status: number;
  readonly isEventStream: boolean;
  /** Its first bytes. */
  readonly body: string;
}

export interface Answers {
  readonly answers: readonly Answer[];
  /** Undefined when all of it could be read; else what is wrong. An answer that was cut off is none. */
  readonly problem: string | undefined;
}

const shownChars = 200;
const statusLine = /^HTTP\/1\.1 (\d{3}) ?[^\r\n]*$/;

export function readAnswers(bytes: Buffer): Answers {
  const answers: Answer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const headEnd = bytes.indexOf('\r\n\r\n', at, 'latin1');
    if (headEnd < 0) return { answers, problem: looksCut(bytes, at) };
    const [first = '', ...lines] = bytes.toString('latin1', at, headEnd).split('\r\n');
    const status = Number(statusLine.exec(first)?.[1]);
    if (!(status >= 100)) {
      return { answers, problem: `no status line: ${JSON.stringify(first.slice(0, shownChars))}` };
    }
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
      }),
    );
    const bodyAt = headEnd + 4;
    const isEventStream = headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    const end = isEventStream ? bytes.length : endOfBody(bytes, bodyAt, status, headers);
    const body = bytes.toString('latin1', bodyAt, Math.min(bodyAt + shownChars, end ?? bytes.length));
    if (status >= 200) answers.push({ status, isEventStream, body });
    if (end === undefined) return { answers, problem: undefined };
    at = end;
  }
  return { answers, problem: undefined };
}

function looksCut(bytes: Buffer, at: number): string | undefined {
  const rest = bytes.toString('latin1', at, at + shownChars);
  const isAnswer = rest.startsWith('HTTP/1.1 ') || 'HTTP/1.1 '.startsWith(rest);
  return isAnswer ? undefined : `no answer: ${JSON.stringify(rest)}`;
}

/** Undefined where the body was cut off. */
function endOfBody(
  bytes: Buffer,
  at: number,
  status: number,
  headers: ReadonlyMap<string, string>,
): number | undefined {
  if (status < 200 || status === 204 || status === 304) return at;
  // An answer to HEAD has a length and no body: the next answer, or the end, comes at once.
  if (at === bytes.length || bytes.toString('latin1', at, at + 9) === 'HTTP/1.1 ') return at;
  if (headers.get('transfer-encoding') === 'chunked') return endOfChunks(bytes, at);
  const length = Number(headers.get('content-length') ?? bytes.length - at);
  return at + length <= bytes.length ? at + length : undefined;
}

function endOfChunks(bytes: Buffer, start: number): number | undefined {
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at, 'latin1');
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    at = lineEnd + 2 + size + 2;
    if (!(at <= bytes.length)) return undefined;
    if (size === 0) return at;
  }
}
