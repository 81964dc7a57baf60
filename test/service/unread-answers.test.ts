// Who asks and reads no answer holds a connection and what stands in it for no longer than who sends no request.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { useServices } from '../support/operator.ts';
import { apiKey } from '../support/service.ts';
import { until } from '../support/until.ts';

const services = useServices();
// More than the buffers of both systems take.
const askedCount = 20;
const ask = (path: string, key = 'none') =>
  `GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\n\r\n`;
const large = '/docs/swagger-ui-bundle.js';

async function open(timeoutSeconds: number) {
  const service = await services.start({ env: { REQUEST_TIMEOUT_SECONDS: String(timeoutSeconds) } });
  // The service lives in this process: these are its ends of the connections, by the callers' ports.
  const ends = new Map<number | undefined, Socket>();
  const accept = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    ends.set(socket.remotePort, socket);
  };
  subscribe('net.server.socket', accept);
  const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
  onTestFinished(() => {
    unsubscribe('net.server.socket', accept);
    socket.destroy();
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  const end = await until(() => ends.get(socket.localPort));
  return { socket, end };
}

test('guarantee 10: a connection on which nobody reads what is answered is closed', async () => {
  const { socket, end } = await open(1);
  socket.pause();
  socket.write(ask(large).repeat(askedCount));
  await until(() => end.bytesWritten > 0, { describe: 'it is answered' });
  await until(() => end.destroyed, { describe: 'it is closed', deadlineMs: 20_000 });
});

test('one on which all was read at last stays, and may wait for longer than that', async () => {
  const { socket, end } = await open(5);
  const mark = 'HTTP/1.1 200 OK';
  let [answered, rest] = [0, ''];
  socket.write(`${ask(large).repeat(askedCount)}${ask('/v1/changes?wait=8', apiKey)}`);
  await until(() => end.bytesWritten > 0 && end.writableLength > 0, { describe: 'it does not all fit' });
  socket.on('data', (bytes) => {
    const text = `${rest}${bytes.toString('latin1')}`;
    answered += text.split(mark).length - 1;
    rest = text.slice(1 - mark.length);
  });
  await until(() => answered === askedCount + 1, { describe: 'all are answered, the last after its wait' });
});

test('guarantee 10: figures that are asked for at once are gathered once, and make one answer for all', async () => {
  const { socket } = await open(1);
  const [askedAtOnce, gatheredMax] = [200, 20];
  let read = '';
  socket.on('data', (bytes) => {
    read += bytes.toString('latin1');
  });
  socket.write(ask('/metrics').repeat(askedAtOnce));
  const used = await until(() => {
    const found = read.match(/^nodejs_heap_size_used_bytes .*$/gm) ?? [];
    return found.length === askedAtOnce ? found : undefined;
  });
  expect(new Set(used).size).toBeLessThan(gatheredMax);
});
