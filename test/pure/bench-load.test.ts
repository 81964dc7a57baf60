// The benchmark's load against a few lines that count what comes in: what it tells is all that it sent, nothing is under way
// when it says that it has ended, and it can name each delivery that was answered with 202 and no other.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { LoadJob, LoadMessage } from '../../bench/load.ts';
import { forkLoad, untilTold } from '../../bench/load-process.ts';

const undo: (() => void)[] = [];

afterEach(() => {
  for (const step of undo.splice(0)) step();
});

async function startCounting() {
  const [accepted, refused]: [string[], string[]] = [[], []];
  const server = createServer(async (req, res) => {
    const pieces: Buffer[] = [];
    for await (const piece of req) pieces.push(piece as Buffer);
    const { session_id: name } = JSON.parse(Buffer.concat(pieces).toString());
    const isRefused = (accepted.length + refused.length) % 7 === 0;
    (isRefused ? refused : accepted).push(name);
    res.writeHead(isRefused ? 503 : 202).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  undo.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/ilive`;
  return { url, accepted, refused };
}

test('it tells of all that it sent, when none of it is under way', async () => {
  const { url, accepted, refused } = await startCounting();
  const { signal } = new AbortController();
  const times = { warmUpSeconds: 1, seconds: 1 };
  const job: LoadJob = { url, secret: 'secret', dialect: 'ilive', connections: 16, ...times };
  const child = forkLoad('load.ts', job, signal);
  undo.push(() => child.disconnect());

  const { result: warmed } = await untilTold<LoadMessage, 'warmed'>(child, 'warmed', signal);
  const warmedAccepted = accepted.length;
  expect(warmed.acceptedCount).toBe(warmedAccepted);
  expect(warmed.otherStatuses).toEqual({ 503: refused.length });
  const warmedRefused = refused.length;

  child.send('go');
  const { result } = await untilTold<LoadMessage, 'ended'>(child, 'ended', signal);
  expect(result.acceptedCount).toBe(accepted.length - warmedAccepted);
  expect(result.otherStatuses).toEqual({ 503: refused.length - warmedRefused });
  expect(result.acknowledgedCount).toBeLessThanOrEqual(result.acceptedCount);
  expect(result.acknowledgedCount).toBeGreaterThanOrEqual(result.acceptedCount - job.connections);

  const ask = async () => {
    child.send('name');
    return (await untilTold<LoadMessage, 'named'>(child, 'named', signal)).names;
  };
  expect((await ask()).toSorted()).toEqual(accepted.toSorted());
  expect(await ask()).toEqual([]);
});
