// Clients that wait for verdicts, each on a connection of its own: as soon as one is answered it waits for another session,
// so that the same number waits all the while. Who has waited longest is whose session is settled next.
import { randomUUID } from 'node:crypto';
import { Agent, get } from 'node:http';

export interface Answered {
  readonly status: number;
  readonly body: { readonly status?: string; readonly session_id?: string };
  /** By the wall's clock, in milliseconds. */
  readonly answeredAtMs: number;
}

export interface WaitingClients {
  readonly answers: readonly Answered[];
  /** How many wait at this moment. */
  waiting(): number;
  /** The session that somebody has waited for longest; undefined for none. */
  longest(): string | undefined;
  /** All of them leave, without having been answered. */
  leave(): void;
}

const wait = '60s';

export function startClients(address: string, apiKey: string, count: number): WaitingClients {
  const agent = new Agent({ keepAlive: true, maxSockets: count });
  const answers: Answered[] = [];
  const waiting = new Set<string>();
  const asked = new Set<{ destroy(): unknown }>();
  let hasLeft = false;
  const ask = () => {
    const sessionId = `wait_${randomUUID()}`;
    waiting.add(sessionId);
    const url = new URL(`/v1/sessions/${sessionId}/verdict?wait=${wait}`, address);
    const request = get(url, { agent, headers: { authorization: `Bearer ${apiKey}` } }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        const body = JSON.parse(text);
        // Nobody has settled it yet, and its time is over: it is waited for again like any other.
        if (body.status !== 'pending') {
          answers.push({ status: response.statusCode ?? 0, body, answeredAtMs: Date.now() });
        }
        done();
      });
    });
    const done = () => {
      waiting.delete(sessionId);
      asked.delete(request);
      if (!hasLeft) ask();
    };
    request.on('error', () => {
      if (hasLeft) return;
      answers.push({ status: 0, body: {}, answeredAtMs: Date.now() });
      done();
    });
    asked.add(request);
  };
  for (let client = 0; client < count; client += 1) ask();
  return {
    answers,
    waiting: () => waiting.size,
    longest: () => {
      const [first] = waiting;
      if (first !== undefined) waiting.delete(first);
      return first;
    },
    leave: () => {
      hasLeft = true;
      for (const request of asked) request.destroy();
      agent.destroy();
    },
  };
}
