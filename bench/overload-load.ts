// A load that does not wait for answers, as a process of its own: so many requests a second are due, each on a connection
// that is free, a new one where none is, up to a number. They are made ahead and written as bytes, so that this process can
// offer more than the service takes. What was turned away is sent again later in place of a new one: nobody has taken it, so
// it is no repeat. Times are counted from when a request was due.
import { connect, type Socket } from 'node:net';
import { createSigner } from './deliveries-to-send.ts';
import { prepareRequests } from './requests.ts';
import { quantile } from './statistics.ts';

export interface OverloadJob {
  readonly url: string;
  readonly secret: string;
  readonly maxConnections: number;
  readonly prepared: number;
}

/** Closed, each connection sends on as soon as it is answered; otherwise so many a second are due. */
export type OverloadOrder =
  | { readonly how: 'closed'; readonly connections: number; readonly seconds: number }
  | { readonly how: 'open'; readonly perSecond: number; readonly seconds: number };

export interface Times {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface OverloadResult {
  readonly seconds: number;
  readonly accepted: Times;
  readonly turnedAway: Times;
  /** By status; `0` for a connection that broke. */
  readonly others: Readonly<Record<string, number>>;
  /** Due while every connection was taken, and not sent within a second: who wanted to send gave up. */
  readonly unsentCount: number;
  readonly connections: number;
  readonly lateCount: number;
}

export type OverloadMessage =
  | { readonly about: 'ready' }
  | { readonly about: 'ended'; readonly result: OverloadResult };

interface Waiting {
  readonly dueAt: number;
}

const tickMs = 2;
const giveUpMs = 1_000;
const lastAnswersMs = 60_000;

function createLoad(job: OverloadJob) {
  const url = new URL(job.url);
  const fresh = prepareRequests(url, createSigner('ilive', job.secret), job.prepared);
  const again: Buffer[] = [];
  const idle: Socket[] = [];
  const waiting: Waiting[] = [];
  let connections = 0;
  let underWay = 0;
  let tally = createTally();
  let onFree = () => {};

  const open = (then: (socket: Socket) => void) => {
    connections += 1;
    const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    socket.once('connect', () => then(socket));
    socket.on('error', () => {});
    socket.once('close', () => {
      connections -= 1;
      const index = idle.indexOf(socket);
      if (index >= 0) idle.splice(index, 1);
    });
  };
  const sendOn = (socket: Socket, dueAt: number) => {
    const request = again.pop() ?? fresh.next();
    let text = '';
    const end = (status: number) => {
      socket.off('data', read);
      socket.off('close', broken);
      underWay -= 1;
      tally.note(status, performance.now() - dueAt);
      if (status === 503) again.push(request);
    };
    const broken = () => end(0);
    const read = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const headEnd = text.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (text.length < headEnd + 4 + length) return;
      end(Number(text.slice(9, 12)));
      if (/\r\nconnection: close/i.test(text)) return void socket.destroy();
      const next = waiting.shift();
      if (next !== undefined) sendOn(socket, next.dueAt);
      else {
        idle.push(socket);
        onFree();
      }
    };
    underWay += 1;
    socket.on('data', read);
    socket.once('close', broken);
    socket.write(request);
  };
  const send = (dueAt: number) => {
    const socket = idle.pop();
    if (socket !== undefined) sendOn(socket, dueAt);
    else if (connections < job.maxConnections) open((opened) => sendOn(opened, dueAt));
    else waiting.push({ dueAt });
  };
  const giveUp = () => {
    const now = performance.now();
    while ((waiting[0]?.dueAt ?? now) < now - giveUpMs) {
      waiting.shift();
      tally.unsent();
    }
  };
  const untilAnswered = async () => {
    const deadline = performance.now() + lastAnswersMs;
    while ((underWay > 0 || waiting.length > 0) && performance.now() < deadline) {
      giveUp();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return {
    run: async (order: OverloadOrder): Promise<OverloadResult> => {
      tally = createTally();
      const startedAt = performance.now();
      if (order.how === 'closed') {
        onFree = () => send(performance.now());
        for (let each = 0; each < order.connections; each += 1) send(performance.now());
        await new Promise((resolve) => setTimeout(resolve, order.seconds * 1000));
        onFree = () => {};
      } else {
        let dueCount = 0;
        await new Promise<void>((resolve) => {
          const timer = setInterval(() => {
            const seconds = Math.min(order.seconds, (performance.now() - startedAt) / 1000);
            for (; dueCount < seconds * order.perSecond; dueCount += 1)
              send(startedAt + (dueCount / order.perSecond) * 1000);
            giveUp();
            if (seconds < order.seconds) return;
            clearInterval(timer);
            resolve();
          }, tickMs);
        });
      }
      const seconds = (performance.now() - startedAt) / 1000;
      await untilAnswered();
      return { ...tally.result(), seconds, connections, lateCount: fresh.lateCount() };
    },
  };
}

function createTally() {
  const times: Record<'202' | '503', number[]> = { 202: [], 503: [] };
  const others: Record<string, number> = {};
  let unsentCount = 0;
  return {
    note: (status: number, ms: number) => {
      if (status === 202 || status === 503) times[status].push(ms);
      else others[status] = (others[status] ?? 0) + 1;
    },
    unsent: () => {
      unsentCount += 1;
    },
    result: () => ({
      accepted: timesOf(times[202]),
      turnedAway: timesOf(times[503]),
      others,
      unsentCount,
    }),
  };
}

function timesOf(list: readonly number[]): Times {
  const sorted = Float64Array.from(list).sort();
  if (sorted.length === 0) return { count: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 };
  const maxMs = sorted.at(-1) ?? 0;
  return { count: sorted.length, p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), maxMs };
}

process.once('message', (job: OverloadJob) => {
  const load = createLoad(job);
  const tell = (message: OverloadMessage) => process.send?.(message);
  process.on('message', (order: OverloadOrder) => {
    load.run(order).then(
      (result) => tell({ about: 'ended', result }),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  tell({ about: 'ready' });
});
process.once('disconnect', () => process.exit());
