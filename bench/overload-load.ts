// A load that does not wait for answers, as a process of its own: so many requests a second are due, each on a connection
// that is free, a new one where none is, up to a number. They are made ahead and written as bytes, so that this process can
// offer more than the service takes. What was turned away is sent again later in place of a new one: nobody has taken it, so
// it is no repeat.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSigner } from './deliveries-to-send.ts';
import { createTally, type Times } from './overload-tally.ts';
import { prepareRequests } from './requests.ts';

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

export interface OverloadResult {
  readonly seconds: number;
  readonly accepted: Times;
  readonly turnedAway: Times;
  readonly turnedAwaySinceSent: Times;
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

const tickMs = 2;
const giveUpMs = 1_000;
const lastAnswersMs = 60_000;

function createLoad(job: OverloadJob) {
  const url = new URL(job.url);
  const fresh = prepareRequests(url, createSigner('ilive', job.secret), job.prepared);
  const again: Buffer[] = [];
  const idle = new Set<Socket>();
  const waiting = createWaiting(() => tally.unsent());
  let connections = 0;
  let underWay = 0;
  let tally = createTally();
  let onFree = () => {};

  const sendOn = (socket: Socket, dueAt: number) => {
    const request = again.pop() ?? fresh.next();
    const sentAt = performance.now();
    exchange(socket, request, (status, isOpen) => {
      underWay -= 1;
      tally.note(status, { dueAt, sentAt });
      if (status === 503) again.push(request);
      if (!isOpen) return void socket.destroy();
      const next = waiting.next();
      if (next !== undefined) start(socket, next);
      else {
        idle.add(socket);
        onFree();
      }
    });
  };
  const start = (socket: Socket, dueAt: number) => {
    underWay += 1;
    sendOn(socket, dueAt);
  };
  const open = (dueAt: number) => {
    connections += 1;
    underWay += 1;
    openSocket(url, {
      onOpen: (socket) => sendOn(socket, dueAt),
      onFailed: () => {
        underWay -= 1;
        tally.note(0, { dueAt, sentAt: dueAt });
      },
      onClosed: (socket) => {
        connections -= 1;
        idle.delete(socket);
      },
    });
  };
  const send = (dueAt: number) => {
    const [socket] = idle;
    if (socket !== undefined) {
      idle.delete(socket);
      start(socket, dueAt);
    } else if (connections < job.maxConnections) open(dueAt);
    else waiting.add(dueAt);
  };
  return {
    run: async (order: OverloadOrder): Promise<OverloadResult> => {
      tally = createTally();
      const startedAt = performance.now();
      if (order.how === 'open') await sendAtPace(order, startedAt, send, waiting.giveUp);
      else {
        onFree = () => send(performance.now());
        for (let each = 0; each < order.connections; each += 1) onFree();
        await sleep(order.seconds * 1000);
        onFree = () => {};
      }
      const seconds = (performance.now() - startedAt) / 1000;
      await untilTrue(() => waiting.giveUp() && underWay === 0);
      return { ...tally.result(), seconds, connections, lateCount: fresh.lateCount() };
    },
  };
}

// Those that are due while every connection is taken.
function createWaiting(onGivenUp: () => void) {
  const dueAts: number[] = [];
  return {
    add: (dueAt: number) => void dueAts.push(dueAt),
    next: () => dueAts.shift(),
    /** Whether nobody waits any more. */
    giveUp: () => {
      const before = performance.now() - giveUpMs;
      while ((dueAts[0] ?? before) < before) {
        dueAts.shift();
        onGivenUp();
      }
      return dueAts.length === 0;
    },
  };
}

async function untilTrue(isDone: () => boolean): Promise<void> {
  const deadline = performance.now() + lastAnswersMs;
  while (!isDone() && performance.now() < deadline) await sleep(20);
}

interface SocketEvents {
  readonly onOpen: (socket: Socket) => void;
  readonly onFailed: () => void;
  readonly onClosed: (socket: Socket) => void;
}

function openSocket(url: URL, { onOpen, onFailed, onClosed }: SocketEvents): void {
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
  let isOpen = false;
  socket.once('connect', () => {
    isOpen = true;
    onOpen(socket);
  });
  socket.on('error', () => {}); // told by what follows it
  socket.once('close', () => {
    if (!isOpen) onFailed();
    onClosed(socket);
  });
}

function sendAtPace(
  { seconds: wanted, perSecond }: { readonly seconds: number; readonly perSecond: number },
  startedAt: number,
  send: (dueAt: number) => void,
  giveUp: () => unknown,
): Promise<void> {
  let dueCount = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const seconds = Math.min(wanted, (performance.now() - startedAt) / 1000);
      for (; dueCount < seconds * perSecond; dueCount += 1) send(startedAt + (dueCount / perSecond) * 1000);
      giveUp();
      if (seconds < wanted) return;
      clearInterval(timer);
      resolve();
    }, tickMs);
  });
}

// Writes a request and reads its answer; `0` for a connection that breaks before.
function exchange(socket: Socket, request: Buffer, onEnd: (status: number, isOpen: boolean) => void): void {
  let text = '';
  const end = (status: number, isOpen: boolean) => {
    socket.off('data', read);
    socket.off('close', broken);
    onEnd(status, isOpen);
  };
  const broken = () => end(0, false);
  const read = (chunk: Buffer) => {
    text += chunk.toString('latin1');
    const headEnd = text.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0);
    if (text.length < headEnd + 4 + length) return;
    end(Number(text.slice(9, 12)), !/\r\nconnection: close/i.test(text));
  };
  socket.on('data', read);
  socket.once('close', broken);
  socket.write(request);
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
