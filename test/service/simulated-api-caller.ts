// Opens pretend APIs for a test and closes them after it, and asks them with plain fetch, as anybody could.
import { expect } from 'vitest';
import { startVendorApi, type VendorApi, type VendorApiOptions } from '../../src/simulator/api.ts';
import { useUndo } from '../support/undo.ts';

export type Json = Record<string, unknown>;
export type Dialect = 'reference' | 'managed';

export const start = Date.parse('2026-04-11T09:30:00.000Z');
export const key = 'iksk_live_test';

/** To be called once, at the top of a test file. */
export function useApis() {
  const undo = useUndo();
  const open = async (options: VendorApiOptions = {}): Promise<VendorApi> => {
    const api = await startVendorApi({ keys: [{ name: 'test', key }], ...options });
    undo.push(api.stop);
    return api;
  };
  return { undo, open };
}

export function ask(api: VendorApi, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${api.url}${path}`, { headers: { authorization: `Bearer ${key}` }, ...init });
}

export function send(api: VendorApi, path: string, body: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return fetch(`${api.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
}

export const createPath = { reference: '/v1/liveness/sessions', managed: '/api/v1/managed-session' };
export const createBody = {
  reference: { user_id: 'user_123', mode: 'passive' },
  managed: { redirect_url: 'https://a.example/done', reference_id: 'user_123', mode: 'passive' },
};

export async function create(api: VendorApi, dialect: Dialect, more: Json = {}): Promise<Json> {
  const response = await send(api, createPath[dialect], { ...createBody[dialect], ...more });
  expect(response.status).toBe(201);
  return (await response.json()) as Json;
}

export function resultPath(dialect: Dialect, { session_id: id, token }: Json): string {
  return dialect === 'reference'
    ? `/v1/liveness/sessions/${id}`
    : `/api/v1/session/${id}/result?token=${token}`;
}

export async function result(api: VendorApi, dialect: Dialect, created: Json): Promise<Json> {
  const response = await ask(api, resultPath(dialect, created));
  return { http: response.status, ...((await response.json()) as Json) };
}

export function form(fields: Record<string, string | Buffer>): RequestInit {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'string') body.set(name, value);
    else body.set(name, new Blob([new Uint8Array(value)]), 'image.jpg');
  }
  return { method: 'POST', body };
}

export const fixed = {
  endsAfterMs: 25_000,
  verdict: 'pass' as const,
  confidence: 0.8732,
  webhook: { isDropped: false, isSigned: true, delayMs: 0, copies: 1, verdict: null },
};
export const planOf = (changes: object = {}) => {
  let count = 0;
  return () => {
    count += 1;
    return { ...fixed, sessionId: `session-${count}`, ...changes };
  };
};
