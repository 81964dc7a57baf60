// Holds one talk over a raw socket and judges what came of it. Every talk ends with a request that asks for the connection to be
// closed, so a connection that is still open after the limit is one that hangs.
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { type Answer, readAnswers } from './read-answers.ts';
import { bytesOf, type Talk } from './talk.ts';

export interface Outcome {
  readonly answers: readonly Answer[];
  /** What must not be, each in a sentence. */
  readonly problems: readonly string[];
  readonly openMs: number;
  readonly isOverloaded: boolean;
}

export interface Place {
  readonly host: string;
  readonly port: number;
  /** How long a connection may stay open. */
  readonly limitMs: number;
}

const ending = bytesOf('GET /healthz HTTP/1.1\r\nhost: fuzz\r\nconnection: close\r\n\r\n');
const goesAwayAfterMs = 20;
const isEventStream = /^content-type: text\/event-stream/im;

export async function holdTalk(talk: Talk, { host, port, limitMs }: Place): Promise<Outcome> {
  const startedAt = performance.now();
  const chunks: Buffer[] = [];
  let isHanging = false;
  let trouble: string | undefined;
  const socket = connect({ host, port, noDelay: true });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const limit = setTimeout(() => {
    isHanging = true;
    socket.destroy();
  }, limitMs);
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    // It never ends by itself. What was asked before it has been answered before it.
    if (isEventStream.test(chunk.toString('latin1'))) socket.destroy();
  });
  socket.on('error', (error: Error & { code?: string }) => {
    // Those are answers as well: the other side has closed.
    if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') trouble = error.message;
  });
  await say(talk, socket);
  if (talk.leaves) {
    await Promise.race([closed, wait(goesAwayAfterMs)]);
    if (talk.index % 2 === 0) socket.destroy();
    else socket.resetAndDestroy();
  }
  await closed;
  clearTimeout(limit);
  return judge(talk, Buffer.concat(chunks), {
    openMs: performance.now() - startedAt,
    isHanging,
    trouble,
  });
}

async function say(talk: Talk, socket: ReturnType<typeof connect>): Promise<void> {
  let ready: Buffer[] = [];
  const write = () => {
    if (ready.length > 0 && !socket.destroyed) socket.write(Buffer.concat(ready));
    ready = [];
  };
  for (const piece of talk.pieces) {
    if (Buffer.isBuffer(piece)) {
      ready.push(piece);
      continue;
    }
    write();
    await wait(piece.pauseMs);
  }
  if (!talk.isLast && !talk.leaves) ready.push(ending);
  write();
}

function judge(
  talk: Talk,
  bytes: Buffer,
  { openMs, isHanging, trouble }: { openMs: number; isHanging: boolean; trouble: string | undefined },
): Outcome {
  const { answers, problem } = readAnswers(bytes);
  const problems: string[] = [];
  if (trouble !== undefined) problems.push(`the connection failed: ${trouble}`);
  if (isHanging) problems.push(`the connection was still open after ${Math.round(openMs)} ms`);
  if (problem !== undefined) problems.push(`the answer is no HTTP: ${problem}`);
  for (const { status, body } of answers) {
    if (status >= 500) problems.push(`answered ${status} ${body}`);
  }
  const acceptedCount = answers.filter(isAcceptance).length;
  if (acceptedCount > talk.signed.length) {
    problems.push(`${acceptedCount} accepted, though only ${talk.signed.length} were signed`);
  }
  // Behind a stream nothing is answered: it never ends by itself.
  const mustBeAccepted = talk.mustBeAccepted && !answers.some((answer) => answer.isEventStream);
  if (mustBeAccepted && acceptedCount < talk.signed.length) {
    const statuses = answers.map(({ status }) => status).join(', ');
    problems.push(`only ${acceptedCount} of ${talk.signed.length} signed ones accepted (${statuses})`);
  }
  return { answers, problems, openMs, isOverloaded: answers.some(isOverload) };
}

function isAcceptance({ status, body }: Answer): boolean {
  return status === 202 && body.startsWith('{"delivery_id":');
}

function isOverload({ status, body }: Answer): boolean {
  return status === 503 && body.includes('"overloaded"');
}
