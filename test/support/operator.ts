// Asking `/v1/ops` as an operator would.
import { apiKey, type Sent } from './service.ts';

export interface Operator {
  /** Sends `body` to `/v1/ops<path>` with the key given, else one of role admin. */
  ops(method: 'GET' | 'POST', path: string, body?: object, key?: string): Promise<Sent>;
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
