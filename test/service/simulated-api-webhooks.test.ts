// The webhooks that the pretend vendor sends when sessions end: signed and true, or with whatever is planned for them, and
// tried twice at most.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { defaultTemplate, verify } from '../../src/ilive/signature.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { until } from '../support/until.ts';
import { create, fixed, key, planOf, result, start, useApis } from './simulated-api-caller.ts';

const { undo, open } = useApis();

describe('webhooks', () => {
  const signing = {
    keys: [Buffer.from('secret')] as const,
    template: defaultTemplate,
  };
  interface Received {
    readonly headers: http.IncomingHttpHeaders;
    readonly body: Buffer;
  }

  async function receive(statuses: number[] = []) {
    const received: Received[] = [];
    const server = http.createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      if (request.method === 'GET') return void response.end();
      received.push({ headers: request.headers, body: Buffer.concat(chunks) });
      response.writeHead(statuses.shift() ?? 202).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    undo.push(() => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
    /** Nothing was sent so far: what had been would be here before this request's answer. */
    const expectNothing = async () => {
      await (await fetch(url)).text();
      expect(received).toEqual([]);
    };
    return { url, received, expectNothing };
  }

  async function play(
    webhook: object,
    { statuses = [], isLegacy = false }: { statuses?: number[]; isLegacy?: boolean } = {},
  ) {
    const clock = createManualClock(start);
    const target = await receive(statuses);
    const api = await open({
      clock,
      keys: [{ name: 'test', key, isLegacy }],
      sending: { signing, retryDelayMs: 1_000 },
      planSession: planOf({ webhook: { ...fixed.webhook, ...webhook } }),
    });
    const created = await create(api, 'managed', { webhook_url: target.url });
    clock.advance(24_999);
    await target.expectNothing();
    clock.advance(1);
    return { api, clock, created, ...target };
  }

  test('one goes out when a session ends, signed, and says what the API says', async () => {
    const { api, clock, received } = await play({});
    await until(() => api.webhooks.length === 1);
    const [{ headers, body } = { headers: {}, body: Buffer.alloc(0) }] = received;
    expect(JSON.parse(body.toString())).toMatchObject({
      event: 'liveness.verdict',
      session_id: 'session-1',
      verdict: 'pass',
      confidence: 0.8732,
      reference_id: 'user_123',
      timestamp: '2026-04-11T09:30:25.000000+00:00',
    });
    const claimed = {
      signature: headers['x-ilive-signature'] as string,
      timestamp: headers['x-ilive-timestamp'] as string,
      webhookId: headers['x-ilive-webhook-id'] as string,
    };
    const now = new Date(clock.now());
    expect(verify(claimed, body, { ...signing, toleranceSeconds: 1, now })).toMatchObject({ ok: true });
    expect(api.webhooks[0]).toMatchObject({ sessionId: 'session-1', fate: 'delivered' });
  });

  test('a dropped one is never sent, and the API knows the verdict all the same', async () => {
    const { api, created, expectNothing } = await play({ isDropped: true });
    await until(() => api.webhooks[0]?.fate === 'dropped');
    await expectNothing();
    expect(await result(api, 'managed', created)).toMatchObject({ status: 'completed', verdict: 'pass' });
  });

  test('it may be unsigned, doubled, late, or say something else', async () => {
    const { api, clock, received, expectNothing } = await play({
      isSigned: false,
      copies: 2,
      delayMs: 60_000,
      verdict: 'fail',
    });
    clock.advance(59_999);
    await expectNothing();
    clock.advance(1);
    await until(() => api.webhooks.length === 2);
    for (const { headers, body } of received) {
      expect(headers['x-ilive-signature']).toBeUndefined();
      expect(JSON.parse(body.toString())).toMatchObject({ verdict: 'fail' });
    }
  });

  test('a legacy key’s are not signed', async () => {
    const { api, received } = await play({}, { isLegacy: true });
    await until(() => api.webhooks.length === 1);
    expect(received[0]?.headers['x-ilive-webhook-id']).toBeUndefined();
  });

  test('two attempts after 5xx, and one after 4xx', async () => {
    const twice = await play({}, { statuses: [503, 500] });
    await until(() => twice.received.length === 1);
    await until(() => {
      twice.clock.advance(1_000);
      return twice.api.webhooks.length === 1;
    });
    expect(twice.received.length).toBe(2);
    expect(twice.received[0]?.headers).toEqual(twice.received[1]?.headers);
    expect(twice.api.webhooks[0]).toMatchObject({ fate: 'lost' });
    const once = await play({}, { statuses: [400] });
    await until(() => once.api.webhooks.length === 1);
    expect(once.received.length).toBe(1);
    expect(once.api.webhooks[0]).toMatchObject({ fate: 'refused' });
  });
});
