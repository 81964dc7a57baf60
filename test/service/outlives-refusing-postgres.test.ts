// A Postgres that ends connections in the worst moments. As it opens, as one does that shuts down: with the same bytes that say
// that it is open, when whoever holds the connection has had no turn yet to listen for its errors. And while it is being closed,
// when nobody listens any more.

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let service: TestService | undefined;
let wire: Server;
let isEnding = false;
let endedCount = 0;
let isCrossing = false;
let crossedCount = 0;
const sockets = new Set<Socket>();

const readyForQuery = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const terminate = Buffer.from([0x58, 0, 0, 0, 4]);
const isGoingDown = messageOf(
  'SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0',
);

function messageOf(fields: string): Buffer {
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(4 + fields.length, 1);
  return Buffer.concat([head, Buffer.from(fields)]);
}

beforeEach(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  const { hostname, port } = new URL(database.url);
  wire = createServer((incoming) => {
    const outgoing = connect({ host: hostname, port: Number(port) });
    let isOpen = false;
    outgoing.on('data', (piece) => {
      const opens = !isOpen && piece.includes(readyForQuery);
      isOpen ||= opens;
      if (!opens || !isEnding) return void incoming.write(piece);
      endedCount += 1;
      incoming.end(Buffer.concat([piece, isGoingDown]));
    });
    incoming.on('data', (piece) => {
      if (!isCrossing || !piece.subarray(-terminate.length).equals(terminate))
        return void outgoing.write(piece);
      crossedCount += 1;
      incoming.end(isGoingDown);
    });
    for (const [socket, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  isEnding = false;
  isCrossing = false;
  await service?.stop();
  service = undefined;
  for (const socket of sockets) socket.destroy();
  wire.close();
  await database.drop();
});

async function startBehindWire(): Promise<TestService> {
  const url = new URL(database.url);
  url.port = String((wire.address() as AddressInfo).port);
  const started = await startTestService({ databaseUrl: url.href });
  await started.deliver(verdictPayload());
  await started.settled();
  return started;
}

test('guarantee 2: connections that end with the bytes that open them end no process, and it works on by itself', async () => {
  service = await startBehindWire();

  isEnding = true;
  for (const socket of sockets) socket.destroy();
  await until(() => endedCount >= 40, {
    describe: 'connections of all kinds were ended',
  });
  isEnding = false;

  const answer = await until(
    async () => {
      const { status } = (await service?.deliver(verdictPayload())) ?? {};
      return status === 202 ? status : undefined;
    },
    { describe: 'it accepts' },
  );
  expect(answer).toBe(202);
  await service.settled();
});

test('guarantee 2: connections that the server ends while they are being closed end no process', async () => {
  const started = await startBehindWire();
  const openCount = sockets.size / 2;
  isCrossing = true;
  await started.stop();
  expect(crossedCount).toBeGreaterThanOrEqual(openCount);
});
