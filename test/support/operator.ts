// Asking `/v1/ops` as an operator would.
import { afterEach } from 'vitest';
import {
  apiKey,
  type Sent,
  startTestService,
  type TestService,
  type TestServiceOptions,
  verdictPayload,
} from './service.ts';
import { until } from './until.ts';

export interface Operator {
  /** Sends `body` to `/v1/ops<path>` with the key given, else one of role admin. */
  ops(method: 'GET' | 'POST', path: string, body?: object, key?: string): Promise<Sent>;
}

export interface OperatedService extends TestService, Operator {
  /** What `/v1/ops/status` says. */
  status(): Promise<Sent['body']>;
}

export interface Services {
  /** Starts one, which is stopped after the test. */
  start(options?: TestServiceOptions): Promise<OperatedService>;
  /** What else is to be stopped after the test: what was started last, first. */
  stopAfterTest(started: { stop(): Promise<void> }): void;
}

/** To be called once, at the top of a test file whose tests start services of their own. */
export function useServices(): Services {
  const started: { stop(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of started.splice(0).reverse()) await each.stop();
  });
  return {
    start: async (options) => {
      const service = await startOperated(options);
      started.push(service);
      return service;
    },
    stopAfterTest: (other) => void started.push(other),
  };
}

/** Starts one that the caller must `stop`. */
export async function startOperated(options: TestServiceOptions = {}): Promise<OperatedService> {
  const service = await startTestService(options);
  const status = async () => (await service.get('/v1/ops/status')).body;
  return { ...service, ...operatorOf(service.url), status };
}

export function operatorOf(url: string): Operator {
  return {
    ops: async (method, path, body, key = apiKey) => {
      const response = await fetch(`${url}/v1/ops${path}`, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, headers: response.headers, body: await response.json() };
    },
  };
}

/** Resolves once a delivery that is signed with `secret` is taken: a receiver hears of a rotation within seconds. */
export function takes(service: TestService, secret: string): Promise<boolean> {
  return until(async () => (await service.deliver(verdictPayload(), { secret })).status === 202, {
    deadlineMs: 5_000,
    describe: 'the secret is taken',
  });
}
