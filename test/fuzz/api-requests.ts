// Requests to every operation of the API, made from the document that the route table gives, by the generators that the tests of
// the API use. They are made in blocks, so that a million need not lie in memory, and the same block is made again from the same
// seed.
import fc from 'fast-check';
import { roleNames } from '../../src/db/schema-operations.ts';
import { buildOpenApi } from '../../src/http/openapi.ts';
import { routes } from '../../src/http/routes.ts';
import type { Random } from '../../src/simulator/random.ts';
import { arbitraryRequest, type MadeRequest, worstRequests } from '../support/arbitrary-request.ts';
import { bytesOf, writeRequest } from './talk.ts';

export interface ApiRequests {
  /** One for the talk with this number, as it stands on the wire. */
  of(index: number, random: Random): Buffer;
  /** How often each operation was asked for. */
  readonly countsByOperation: Map<string, number>;
}

export interface ApiRequestsOptions {
  readonly seed: number;
  readonly host: string;
  readonly keys: Readonly<Record<string, string>>;
  readonly known: Readonly<Record<string, readonly string[]>>;
}

const talksPerBlock = 10_000;
const requestsPerOperation = 40;
// These look at the network, send deliveries of their own, or leave something behind each time that costs every later one.
const seldom: Readonly<Record<string, number>> = {
  runDoctor: 0.002,
  testSecret: 0.002,
  createReplay: 0.05,
  createKey: 0.05,
  reverifyRefusals: 0.05,
  getAuditVerification: 0.02,
};

export function createApiRequests({ seed, host, keys, known }: ApiRequestsOptions): ApiRequests {
  const document = JSON.parse(JSON.stringify(buildOpenApi(routes, 'fuzzed'))) as ReturnType<
    typeof buildOpenApi
  >;
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => ({ path, method, name: String(operationId) })),
  );
  const countsByOperation = new Map<string, number>();
  let block = -1;
  let made = new Map<string, readonly MadeRequest[]>();
  const makeBlock = (wanted: number) => {
    block = wanted;
    made = new Map(
      operations.map(({ path, method, name }) => {
        const asked = arbitraryRequest(document, path, method, known);
        const sampled = fc.sample(asked, { seed: seed + block, numRuns: requestsPerOperation });
        const worst = worstRequests(document, path, method, known, seed + block);
        return [name, [...sampled, ...worst]] as const;
      }),
    );
  };
  const keyOf = (random: Random) => {
    const role = random.chance(0.6) ? 'admin' : random.pick(['unknown', 'none', ...roleNames]);
    if (role === 'none') return [];
    return [['authorization', `Bearer ${keys[role] ?? 'ilw_nobody'}`] as const];
  };
  const write = (method: string, { url, headers, body }: MadeRequest, random: Random) => {
    const bytes = body === undefined ? undefined : Buffer.from(body);
    const length = bytes === undefined ? [] : [['content-length', String(bytes.length)] as const];
    const head = [['host', host] as const, ...Object.entries(headers), ...keyOf(random), ...length];
    return writeRequest(`${method.toUpperCase()} ${url} HTTP/1.1`, head, bytes);
  };
  return {
    countsByOperation,
    of: (index, random) => {
      const wanted = Math.floor(index / talksPerBlock);
      if (wanted !== block) makeBlock(wanted);
      const { name, method } = pickOperation(random, operations);
      countsByOperation.set(name, (countsByOperation.get(name) ?? 0) + 1);
      const requests = made.get(name) ?? [];
      const request = requests[random.whole(0, requests.length - 1)];
      return request === undefined ? bytesOf('') : write(method, request, random);
    },
  };
}

interface Named {
  readonly name: string;
  readonly method: string;
}

function pickOperation(random: Random, operations: readonly Named[]): Named {
  for (;;) {
    const one = operations[random.whole(0, operations.length - 1)];
    if (one !== undefined && random.chance(seldom[one.name] ?? 1)) return one;
  }
}
