// `npm run simulate` as a user runs it, against a few lines that answer like a service: it says that all is well only where
// something was accepted and everything could be judged, and it refuses a command line that would not do what it says.
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { judgeLosses } from '../../src/simulator/answers.ts';
import { readDemoOptions } from '../../src/simulator/demo-options.ts';
import { defaultShares } from '../../src/simulator/faults.ts';
import { expectTables } from '../../src/simulator/oracle.ts';
import { writeReport } from '../../src/simulator/report.ts';
import { planScenario } from '../../src/simulator/scenario.ts';
import { readSimulateSettings } from '../../src/simulator/simulate-options.ts';
import { summarize } from '../../src/simulator/summary.ts';
import { until } from '../support/until.ts';
import { now, play } from './simulator-memory-service.ts';

const main = path.resolve(import.meta.dirname, '../../src/simulator/main.ts');
const stops: (() => void)[] = [];

afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

// Behind `/prefix` alone it is ready and has nothing in its tables; webhooks get one answer, or none.
async function startService(answerWebhook: 503 | 'never'): Promise<{ url: string; webhookCount(): number }> {
  let webhookCount = 0;
  const server: Server = createServer((req, res) => {
    req.resume();
    const say = (status: number, said: object) => res.writeHead(status).end(JSON.stringify(said));
    if (req.url === '/prefix/webhooks/ilive') {
      webhookCount += 1;
      if (answerWebhook !== 'never') say(answerWebhook, { code: 'unavailable' });
    } else if (req.url === '/prefix/readyz') say(200, {});
    else if (/^\/prefix\/v1\/[a-z-]+\?/.test(req.url ?? '')) say(200, { data: [], next_cursor: null });
    else say(404, {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/prefix`, webhookCount: () => webhookCount };
}

function simulate(args: readonly string[]) {
  const { BOOTSTRAP_API_KEY: _key, ILIVE_WEBHOOK_SECRETS: _secrets, ...inherited } = process.env;
  const env = { ...inherited, BOOTSTRAP_API_KEY: 'key', ILIVE_WEBHOOK_SECRETS: 'secret' };
  const child: ChildProcess = spawn(process.execPath, [main, ...args], { env });
  stops.push(() => child.kill('SIGKILL'));
  const pieces: string[] = [];
  child.stdout?.on('data', (piece) => pieces.push(String(piece)));
  child.stderr?.on('data', (piece) => pieces.push(String(piece)));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, ended, output: () => pieces.join('') };
}

const quick = [
  '--sessions',
  '5',
  '--seed',
  '3',
  '--rate',
  '0',
  '--retry-delay-ms',
  '0',
  '--wait-seconds',
  '5',
];

test('a service that accepts nothing does not match, however much may be lost; it is found behind a path', async () => {
  const { url } = await startService(503);
  const common = ['--target', `${url}/webhooks/ilive`, '--api-url', url, ...quick];
  const [strict, lenient] = [simulate(common), simulate([...common, '--allow-lost', '100000'])];
  expect(await strict.ended, strict.output()).toBe(1);
  expect(strict.output()).toMatch(/nothing was accepted/);
  expect(strict.output()).toMatch(/\d+ requests failed twice and were lost, and 0 may be/);
  expect(await lenient.ended, lenient.output()).toBe(1);
  expect(lenient.output()).toMatch(/nothing was accepted/);
  for (const { output } of [strict, lenient]) expect(output()).not.toMatch(/match the oracle/);
});

test('interrupted, it ends as interrupted and not as different', async () => {
  const service = await startService('never');
  const run = simulate(['--target', `${service.url}/webhooks/ilive`, '--api-url', service.url, ...quick]);
  await until(() => service.webhookCount() > 0);
  run.child.kill('SIGINT');
  expect(await run.ended, run.output()).toBe(130);
});

test('what was lost is a difference, but for so many as are allowed', () => {
  const { messages } = planScenario({ seed: 3, label: 'test', sessionCount: 20, now, faults: defaultShares });
  const attempts = [] as const;
  const answer = (message: number, result: 'accepted' | 'lost') => ({
    message,
    signedAtSeconds: 0,
    attempts,
    result:
      result === 'lost'
        ? { outcome: result }
        : { outcome: result, deliveryId: `delivery-${message}`, isRepeat: false },
  });
  const answers = [answer(0, 'accepted'), answer(1, 'lost'), answer(2, 'lost')];
  expect(judgeLosses(messages, answers, 2)).toEqual([]);
  expect(judgeLosses(messages, answers, 1)).toEqual(['2 requests failed twice and were lost, and 1 may be']);
  expect(judgeLosses(messages, [], 0)).toEqual(['nothing was accepted']);
  const forged = messages.filter(({ meaning }) => meaning.fate === 'refused');
  expect(judgeLosses(forged, [], 0)).toEqual([]);
});

test('with a lost answer the tables are never said to match, and with none they are', () => {
  const scenario = planScenario({ seed: 3, label: 'test', sessionCount: 80, now, faults: defaultShares });
  const { answers, tables } = play(scenario, (messages) => messages);
  const reportOf = (given: typeof answers) => {
    const expectation = expectTables(scenario, given);
    const run = { scenario, answers: given, tables, expectation, differences: [], completeness: undefined };
    const summary = summarize({ ...run, sendingMs: 1, settlingMs: 0 });
    return { matches: summary.matchesOracle, text: writeReport(summary, process.stdout) };
  };
  const lostOne = answers.map((answer) =>
    answer.message === 0 ? { ...answer, result: { outcome: 'lost' as const } } : answer,
  );
  expect(reportOf(answers)).toMatchObject({ matches: true, text: expect.stringMatching(/match the oracle/) });
  const unjudged = reportOf(lostOne);
  expect(unjudged.matches).toBe(false);
  expect(unjudged.text).not.toMatch(/match the oracle|as it must be/);
  expect(unjudged.text).toMatch(/2 requests failed twice, and \d+ ids could not be judged/);
});

const toService = ['--target', 'http://localhost/webhooks/ilive', '--api-key', 'k', '--secret', 's'];

test.each([
  [['--drop', '0.3'], /--drop means nothing without --api-port/],
  [['--unsigned', '0.1'], /--unsigned means nothing without --api-port/],
  [['--dialect', 'managed'], /--dialect means nothing without --api-port/],
  [['--outage=60+600'], /--outage means nothing without --api-port/],
  [['--api-port', '0', '--sessions', '5'], /--sessions means nothing with --api-port/],
  [['--api-port', '0', '--json'], /--json means nothing with --api-port/],
  [['--faults='], /--faults: a name is missing/],
  [['--faults', 'tampered='], /the share of tampered must be a number from 0 to 1, not ""/],
  [['--faults', 'tampered=0x1'], /the share of tampered must be a number from 0 to 1, not "0x1"/],
  [['--faults', '-slow=0.5'], /-slow takes the fault away and has no share/],
  [['--faults', 'slow,'], /--faults: a name is missing/],
  [['--allow-lost', '-1'], /--allow-lost/],
])('%j is refused', (args, sentence) => {
  const read = () => readSimulateSettings([...toService, ...args], {}, AbortSignal.abort());
  expect(read).toThrow(sentence);
});

test('faults can be taken away as the help writes it', () => {
  const without = { ...defaultShares, slow: 0, cut: 0 };
  for (const args of [['--faults', '-slow,-cut'], ['--faults=-slow,-cut']]) {
    const settings = readSimulateSettings([...toService, ...args], {}, AbortSignal.abort());
    expect(settings).toMatchObject({ scenario: { faults: without } });
    expect(readDemoOptions([...args, '--once'], {})).toMatchObject({ faults: without, isOnce: true });
  }
});
