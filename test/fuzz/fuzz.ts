// `npm run fuzz`: hostile requests to the front door and the API of the real service, with a sender of true deliveries beside
// them. What has to hold: nothing is accepted that was not signed, and the database agrees; everything that was signed is, and is
// processed or parked; nothing is answered with 5xx; no connection hangs; the true deliveries are hardly slowed down; memory stays
// flat; the service is well afterwards. The figures of a long run stand in docs/security.md.
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describeMachine } from '../../bench/machine.ts';
import { connectOnce } from '../../bench/own-connection.ts';
import { type Bench, runBench } from '../../bench/run-bench.ts';
import { saveJson } from '../../bench/save-results.ts';
import { startPostgres, startService } from '../../bench/start-service.ts';
import { createApiRequests } from './api-requests.ts';
import { attack } from './attack.ts';
import type { CleanAsked, CleanResult } from './clean-sender.ts';
import { type FuzzOptions, fuzzHelp, readFuzzOptions } from './fuzz-options.ts';
import { type Found, judgeFound, showFound } from './fuzz-report.ts';
import { lookAtRows } from './look-at-rows.ts';
import { createTalkMaker } from './make-talks.ts';
import { sceneSettings, setScene } from './set-scene.ts';
import { readGauges, watchMemory } from './watch-memory.ts';

const requestTimeoutSeconds = 2;
// The service looks every second; the rest is for pipelined requests that wait, and for a machine that is busy.
const limitMs = requestTimeoutSeconds * 1_000 + 13_000;
const besideMs = 20_000;
const aloneMs = 5_000;
const betweenMs = 500;
const rowsDeadlineMs = 120_000;
const progressEveryMs = 10_000;

async function run(options: FuzzOptions, bench: Bench): Promise<boolean> {
  const stage = await prepare(options, bench);
  const { address, postgresUrl, adminKey, clean, scene, api, warnings } = stage;
  let sentCount = 0;
  const memory = watchMemory(address, () => sentCount);
  const startedAt = performance.now();
  const say = setInterval(() => {
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    console.log(`  ${sentCount} sent, ${Math.floor((100 * sentCount) / options.requests)} %, ${seconds} s`);
  }, progressEveryMs);
  const url = new URL(address);
  const attacked = await attack({
    place: { host: url.hostname, port: Number(url.port), limitMs },
    talks: stage.talks,
    requestCount: options.requests,
    requestsPerSecond: options.requestsPerSecond,
    maxOpen: options.maxOpen,
    maxMs: options.minutes * 60_000,
    signal: bench.signal,
    mayGoOn: createTurns(clean),
    onProgress: (count) => {
      sentCount = count;
    },
  }).finally(() => clearInterval(say));
  bench.signal.throwIfAborted();
  const seconds = (performance.now() - startedAt) / 1000;
  const sent = await clean.stop();
  const quarters = memory.stop();
  await resumeAll(address, adminKey);
  const signed = [...scene.signed, ...attacked.signed, ...sent.signed];
  const ids = [...attacked.acceptedIds, ...sent.acceptedIds];
  const db = connectOnce(postgresUrl);
  bench.undo.push(() => db.close());
  const found: Found = {
    machine: await describeMachine(postgresUrl),
    options,
    seconds,
    attacked: { ...attacked, signed: [], acceptedIds: [] },
    askedByOperation: Object.fromEntries(api.countsByOperation),
    clean: { ...sent, signed: [], acceptedIds: [], sentCount: sent.signed.length },
    quarters,
    rows: await lookAtRows(db, signed, ids, rowsDeadlineMs),
    warnings: warnings(),
    health: await lookAtHealth(address),
  };
  await saveJson(options.jsonFile, found);
  console.log(showFound(found));
  const problems = judgeFound(found);
  console.log(problems.length === 0 ? '\nAll is well.' : `\n${problems.join('\n')}`);
  return problems.length === 0;
}

// The service on a Postgres of its own, what is there to be asked about, who attacks it, and who does not.
async function prepare(options: FuzzOptions, bench: Bench) {
  const { signal, undo } = bench;
  const postgres = await startPostgres();
  undo.push(() => postgres.stop());
  const [secret, adminKey] = [randomBytes(24).toString('hex'), randomBytes(24).toString('hex')];
  const settings = {
    ...postgres.settings,
    ...sceneSettings,
    REQUEST_TIMEOUT_SECONDS: String(requestTimeoutSeconds),
    BOOTSTRAP_API_KEY: adminKey,
  };
  const service = await startService(settings, { secret, signal });
  undo.push(() => service.stop());
  const { address } = service;
  const { host } = new URL(address);
  const { seed } = options;
  const scene = await setScene(address, secret, adminKey);
  const api = createApiRequests({ seed, host, ...scene });
  const readerKey = scene.keys.reader ?? '';
  const talks = createTalkMaker({ seed, host, secret, apiRequest: api.of, readerKey });
  const clean = startClean(address, secret, options.cleanPerSecond, bench);
  console.log(`seed ${seed}; ${options.requests} requests to ${address}`);
  const warnings = () => service.log.warnings();
  return { address, postgresUrl: postgres.url, adminKey, scene, api, talks, clean, warnings };
}

interface Clean {
  tell(asked: CleanAsked): void;
  stop(): Promise<CleanResult>;
}

function startClean(address: string, secret: string, perSecond: number, { undo, signal }: Bench): Clean {
  const child: ChildProcess = fork(path.join(import.meta.dirname, 'clean-sender.ts'));
  undo.push(async () => {
    if (child.connected) child.disconnect();
  });
  const tell = (asked: CleanAsked) => {
    if (child.connected) child.send(asked);
  };
  tell({ job: { url: new URL('/webhooks/ilive', address).href, secret, perSecond } });
  return {
    tell,
    stop: async () => {
      const result = once(child, 'message', { signal });
      tell({ stop: true });
      return (await result)[0] as CleanResult;
    },
  };
}

// Turns of attack and quiet, so that both are measured on the same machine in the same minutes. It begins with quiet.
function createTurns(clean: Clean): () => Promise<void> {
  let nextQuietAt = 0;
  return async () => {
    if (performance.now() < nextQuietAt) return;
    clean.tell({ phase: 'between' });
    await wait(betweenMs);
    clean.tell({ phase: 'alone' });
    await wait(aloneMs);
    clean.tell({ phase: 'between' });
    nextQuietAt = performance.now() + besideMs;
    setTimeout(() => clean.tell({ phase: 'beside' }), betweenMs);
  };
}

async function resumeAll(address: string, key: string): Promise<void> {
  for (const what of ['processing', 'pulling']) {
    await fetch(new URL('/v1/ops/resume', address), {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ what, why: 'the fuzz is over' }),
    });
  }
}

async function lookAtHealth(address: string): Promise<Found['health']> {
  const { status } = await fetch(new URL('/readyz', address));
  // What was given up by us closes within the service's own limit.
  await wait(requestTimeoutSeconds * 1_000 + 2_000);
  const [socketCount = Number.NaN] = await readGauges(address, ['nodejs_active_handles\\{type="Socket"\\}']);
  return { readyStatus: status, socketCount };
}

runBench(fuzzHelp, readFuzzOptions, run);
