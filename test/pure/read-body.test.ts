// What a body costs in memory while it is read, however its sender has cut it up.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, test } from 'vitest';
import { readBody } from '../../src/http/read-body.ts';
import { useUndo } from '../support/undo.ts';
import { until } from '../support/until.ts';
import { usedBytes } from '../support/used-bytes.ts';

const undo = useUndo();
const bodyBytes = 200_000;

async function startReading() {
  let heldBytes = 0;
  let read: ReturnType<typeof readBody> | undefined;
  const held = {
    add: (bytes: number) => {
      heldBytes += bytes;
      return true;
    },
    begin: () => {},
    finish: () => {},
    release: () => {},
  };
  const server = createServer((req, res) => {
    read = readBody(req, 1_048_576, held);
    void read.then(() => res.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  undo.push(async () => {
    socket.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
  return { socket, heldBytes: () => heldBytes, read: () => read };
}

test('guarantee 10: a body that comes byte by byte takes no more memory than one that comes whole', async () => {
  const { socket, heldBytes, read } = await startReading();
  await once(socket, 'ready');
  const bytes = Buffer.from(Array.from({ length: bodyBytes }, (_, index) => index % 251));
  const pieces = Array.from(bytes, (byte) => `1\r\n${String.fromCharCode(byte)}\r\n`).join('');
  const before = usedBytes();
  socket.write(Buffer.from(pieces, 'latin1'));
  await until(() => heldBytes() === bodyBytes, { describe: 'all of it is read' });
  // What is sent is held by this test too.
  expect(usedBytes() - before).toBeLessThan(4 * bodyBytes + Buffer.byteLength(pieces, 'latin1'));
  socket.write('0\r\n\r\n');
  expect(await read()).toEqual(bytes);
});
