// A client that knows nothing but the document of the API sends what the document allows and what it forbids, with keys of
// each role: whatever it sends, the answer is one that the document declares, and none is a failure of ours.
// `FUZZ_SEED=… FUZZ_RUNS=… npm test -- test/service/answers-as-declared.test.ts` sends other requests, or more.
import { request } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyBytes } from '../../src/cipher.ts';
import { roleNames } from '../../src/db/schema-operations.ts';
import { buildOpenApi } from '../../src/http/openapi.ts';
import { routes } from '../../src/http/routes.ts';
import { arbitraryRequest, type MadeRequest, worstRequests } from '../support/arbitrary-request.ts';
import { type Answer, createAnswerChecker } from '../support/declared-answers.ts';
import { type Operator, operatorOf } from '../support/operator.ts';
import { startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

const seed = Number(process.env.FUZZ_SEED ?? 20_261_125);
const runs = Number(process.env.FUZZ_RUNS ?? 40);
// These look at the network or at the whole configuration, and cost more each time.
const slow: Readonly<Record<string, number>> = { runDoctor: 15, testSecret: 15 };

const document = JSON.parse(JSON.stringify(buildOpenApi(routes, 'tested'))) as ReturnType<
  typeof buildOpenApi
>;
const checker = createAnswerChecker(document);
// What only looks comes first: what changes may take away what it would look at.
const operations = Object.entries(document.paths)
  .flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => ({ path, method, name: String(operationId) })),
  )
  .sort((one, other) => Number(one.method !== 'get') - Number(other.method !== 'get'));

// Nothing that is sent at random is sure to succeed here: there is no iLive, no secret to sign with, and the only replay is over.
const maySucceedNever = [
  'createSession',
  'receiveDelivery',
  'receiveDeliveryOfAccount',
  'admitRefusals',
  'pauseReplay',
  'resumeReplay',
  'cancelReplay',
  'finishSecretRotation',
];

let service: TestService & Operator;
const keys: Record<string, string> = {};
// Filled before anything is sent; the names are those of parameters and fields.
const known: Record<string, readonly string[]> = {
  why: ['a test'],
  wait: ['0s', '1s', '100ms'],
  account: ['default'],
  session_id: ['known-session'],
  reference_id: ['anna'],
};
const why = 'a test';

beforeAll(async () => {
  const encryptionKey = Buffer.alloc(keyBytes, 7).toString('base64');
  const started = await startTestService({
    env: {
      ENCRYPTION_KEYS: `one:${encryptionKey}`,
      // A client that asks as fast as it can, and for the longest waits that can be written.
      API_UNKNOWN_KEYS_PER_MINUTE: '0',
      WAIT_MAX_SECONDS: '1',
    },
  });
  service = { ...started, ...operatorOf(started.url) };
  for (const role of roleNames) {
    keys[role] = (await service.ops('POST', '/keys', { name: `a ${role}`, role, why })).body.key;
  }
  const spare = await service.ops('POST', '/keys', { name: 'spare', role: 'reader', why });
  const taken = await service.deliver(verdictPayload({ session_id: 'known-session', reference_id: 'anna' }));
  const facts = { session_id: 'known-session', reference_id: 'anna' };
  await service.deliver({ event: 'face.matched', match_id: 'm-1', similarity: 0.5, ...facts });
  await service.deliver({ event: 'compliance.alert', alert_id: 'a-1', severity: 'low', ...facts });
  await service.deliver(verdictPayload(), { secret: 'wrong' });
  await service.settled();
  const replay = await service.ops('POST', '/replays', { ids: [taken.body.delivery_id], why });
  const refused = async () => (await service.ops('GET', '/refusals')).body.data[0];
  await until(async () => (await refused()) !== undefined);
  Object.assign(known, {
    key_id: [spare.body.key_id],
    delivery_id: [taken.body.delivery_id],
    match_id: ['m-1'],
    alert_id: ['a-1'],
    ids: [taken.body.delivery_id],
    session_ids: ['known-session'],
    replay_id: [replay.body.replay_id],
    refusal_id: [(await refused()).refusal_id],
  });
});
afterAll(() => service?.stop());

/** Sends it as it is: nothing puts a path in order or leaves out what is wrong. */
function send(method: string, { url, headers, body }: MadeRequest, key: string | undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(service.url);
    const authorization = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const sent = request(
      { hostname, port, method, path: url, headers: { ...headers, ...authorization } },
      (response) => {
        const chunks: Buffer[] = [];
        const contentType = response.headers['content-type'];
        const settle = () =>
          resolve({
            method,
            url,
            status: response.statusCode ?? 0,
            contentType,
            body: Buffer.concat(chunks),
          });
        if (contentType?.startsWith('text/event-stream')) {
          settle();
          response.destroy();
          return;
        }
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', settle);
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

describe.each(operations)('$method $path ($name)', ({ path, method, name }) => {
  test('guarantee 20: answers whatever it is asked as it declares', async () => {
    const asked = fc.record({
      made: arbitraryRequest(document, path, method, known),
      // The highest role most often, since it gets furthest.
      role: fc.oneof(
        { arbitrary: fc.constant('admin'), weight: 6 },
        { arbitrary: fc.constantFrom(...roleNames, undefined), weight: 2 },
      ),
    });
    const statuses = new Set<number>();
    const property = fc.asyncProperty(asked, async ({ made, role }) => {
      const answer = await send(method.toUpperCase(), made, role && keys[role]);
      statuses.add(answer.status);
      expect(checker.complaintOf(answer), `${answer.status} ${answer.body}`).toBeUndefined();
      // Readiness may say 503; nothing else may where nothing is wrong with the surroundings.
      expect(answer.status, answer.body.toString()).toBeLessThan(500);
    });
    const worst = worstRequests(document, path, method, known, seed);
    const examples = worst.map((made): [{ made: MadeRequest; role: 'admin' }] => [{ made, role: 'admin' }]);
    const numRuns = examples.length + (slow[name] ?? runs);
    await fc.assert(property, { seed, numRuns, examples, interruptAfterTimeLimit: 20_000 });
    // What never gets past the checks of its input would show nothing.
    const hasSucceeded = maySucceedNever.includes(name) || [...statuses].some((status) => status < 300);
    expect({ statuses: [...statuses].sort(), hasSucceeded }).toMatchObject({ hasSucceeded: true });
  });
});
