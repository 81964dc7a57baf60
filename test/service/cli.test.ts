// The command line against the real service with the pretend vendor as iLive. Answers go to the standard output, complaints
// to the standard error, and the exit code tells a script. Where the process itself matters, it is the real program.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apiKey, verdictPayload } from '../support/service.ts';
import { startTogether, type Together } from '../support/vendor.ts';
import { type Ran, runCli, runProgram, startAskAndStop } from './run-cli.ts';

let together: Together;
let folder: string;

beforeAll(async () => {
  // Nothing ends by itself here, so that what a test sees is what it did.
  together = await startTogether({
    speed: 1,
    service: { env: { SWEEP_OVERDUE_SECONDS: '1' } },
    vendor: { sessions: { medianSeconds: 600, spread: 0, abandonedShare: 0 } },
  });
  folder = await mkdtemp(path.join(os.tmpdir(), 'ilive-cli-'));
});
afterAll(async () => {
  await together.stop();
  await rm(folder, { recursive: true });
});

const own = () => ({ ILIVE_WEBHOOKS_URL: together.service.url, ILIVE_WEBHOOKS_API_KEY: apiKey });

/** With the address and the key of the service. */
function cli(args: readonly string[], env: Record<string, string> = {}, input = ''): Promise<Ran> {
  return runCli(args, { env: { ...own(), ...env }, input });
}

/** The same as a process of its own, which stands in `folder`. */
function program(args: readonly string[], env: Record<string, string> = {}, input = ''): Promise<Ran> {
  return runProgram(args, { env: { ...own(), ...env }, cwd: folder, input });
}

const ok = { code: 0, err: '' };

describe('sessions', () => {
  test('create: creates once for one key, and shows where to send the user', async () => {
    const args = ['sessions', 'create', '--reference', 'user-1', '--mode', 'active'];
    const first = await cli([...args, '--idempotency-key', 'order-77']);
    expect(first).toMatchObject(ok);
    expect(first.out).toMatch(/^Created\.\nsession +\S+\naccount +default\nreference +user-1\n/);
    expect(first.out).toMatch(/send the user to {2}https:\/\/\S+\nexpires +\S+Z \(in 30 min\)\n$/);
    const again = await cli([...args, '--idempotency-key', 'order-77', '--json']);
    expect(again).toMatchObject(ok);
    expect(first.out).toContain(JSON.parse(again.out).session_id);
    const third = await cli([...args, '--idempotency-key', 'order-77']);
    expect(third.out).toMatch(/^Created before/);
  });

  test('show: prints exactly the API’s JSON, or a table of who said what', async () => {
    const payload = verdictPayload({ reference_id: 'user-2\u001b[31m' });
    await together.service.deliver(payload);
    await together.service.settled();
    const id = payload.session_id;
    const direct = await fetch(`${together.service.url}/v1/sessions/${id}`, {
      headers: { authorization: `Bearer ${apiKey}` },
    });
    const json = await program(['sessions', 'show', id, '--json']);
    expect(json).toEqual({ ...ok, out: `${await direct.text()}\n` });
    const shown = await program(['sessions', 'show', id, '--account', 'default']);
    expect(shown).toMatchObject(ok);
    expect(shown.out).toMatch(/^state +settled$/m);
    expect(shown.out).toMatch(/^verdict +pass \(confidence 0\.8732\)$/m);
    expect(shown.out).toMatch(/^asked iLive +\d+ times? by the schedule$/m);
    expect(shown.out).toMatch(
      /^source +verdict +confidence .*\nwebhook +pass +0\.8732 +2026-04-11T09:30:12Z /m,
    );
    expect(shown.out).toContain('user-2\\u{1b}[31m');
    expect(shown.out).not.toContain('\u001b'); // no colours either: this is no terminal
  });

  test('register: takes the token from a file or the standard input, and shows it nowhere', async () => {
    const canary = `canary-${randomUUID()}`;
    const file = path.join(folder, 'token');
    await writeFile(file, `${canary}\n`);
    const inTwelveHours = new Date(Date.now() + 12 * 3_600_000).toISOString();
    const args = ['sessions', 'register', `s-${randomUUID()}`, '--expires-at', inTwelveHours];
    const first = await program([...args, '--reference', 'user-3', '--token-stdin'], {}, `${canary}\n`);
    expect(first).toMatchObject(ok);
    expect(first.out).toMatch(/^Registered\.\nsession +s-\S+\naccount +default\nreference +user-3\n/);
    const second = await cli([...args, '--token-file', file, '--account', 'default']);
    expect(second.out).toMatch(/^Known already\.\nsession +s-\S+\naccount +default\nreference +user-3\n/);
    const other = await cli([...args, '--reference', 'somebody-else']);
    expect(other).toMatchObject({ code: 1, err: expect.stringContaining('another reference_id') });
    const past = await cli(['sessions', 'register', 's-1', '--expires-at', '2026-01-01']);
    expect(past).toMatchObject({ code: 1, err: expect.stringContaining('"expires_at" must lie ahead') });
    const far = await cli(['sessions', 'register', 's-1', '--expires-at', '9999-12-31T23:59:59Z']);
    expect(far).toMatchObject({ code: 1, err: expect.stringContaining('must lie within 24 hours from now') });
    const typo = await cli(['sessions', 'register', 's-1', '--account', 'defualt']);
    expect(typo).toMatchObject({ code: 1, err: expect.stringContaining('knows: "default".') });
    expect(JSON.stringify([first, second])).not.toContain(canary);
    const [row] = await together.service.db.query<{ has: boolean }>({
      text: 'select token is not null as has from sessions where session_id = $1',
      values: [args[2]],
    });
    expect(row?.has).toBe(true);
  });
});

test('completeness: counts, adds up, and says so by its exit code', async () => {
  const shown = await cli(['completeness']);
  expect(shown).toMatchObject(ok);
  expect(shown.out).toMatch(/^settled by webhook +\d+ +[\d.]+ %$/m);
  expect(shown.out).toMatch(/^expected +\d+$/m);
  expect(shown.out).toMatch(/It adds up\.\n$/);
  const span = ['--from', '2020-01-01T00:00:00Z', '--to', '2020-01-02T00:00:00Z'];
  const json = await cli(['completeness', ...span, '--json']);
  expect(json.code).toBe(0);
  expect(JSON.parse(json.out)).toMatchObject({
    from: '2020-01-01T00:00:00.000000Z',
    expected: 0,
    adds_up: true,
  });
});

describe('what goes wrong is one sentence that says what to do', () => {
  const backwards = ['completeness', '--from', '2100-01-02'];
  test.each<[string, string[], Record<string, string>, number, string]>([
    [
      'no service',
      ['completeness', '--url', 'http://127.0.0.1:1'],
      {},
      1,
      'Start one with "ilive-webhooks start"',
    ],
    ['no key', ['completeness'], { ILIVE_WEBHOOKS_API_KEY: '' }, 2, 'set ILIVE_WEBHOOKS_API_KEY'],
    [
      'a wrong key',
      ['completeness'],
      { ILIVE_WEBHOOKS_API_KEY: 'canary' },
      1,
      'refused the API key (401): This API key is not',
    ],
    [
      'a broken key',
      ['completeness'],
      { ILIVE_WEBHOOKS_API_KEY: 'can\nary' },
      2,
      'characters that no key has',
    ],
    [
      'an unknown session',
      ['sessions', 'show', 'nobody'],
      {},
      1,
      'No session with this id has been heard of.',
    ],
    [
      'what the API refuses',
      backwards,
      {},
      1,
      'refused this (400): query parameter "from" must be before now, or "to" given.',
    ],
    ['an unknown command', ['completness'], {}, 2, 'Did you mean "completeness"?'],
    ['an unknown flag', ['completeness', '--form', 'x'], {}, 2, 'Did you mean --from?'],
    [
      'an empty token',
      ['sessions', 'register', 'x', '--token-stdin'],
      {},
      2,
      'nothing in the standard input',
    ],
  ])('%s', async (_what, args, env, code, sentence) => {
    const ran = await cli(args, env);
    expect(ran).toMatchObject({ code, out: '' });
    expect(ran.err).toMatch(/^[^\n]+\n$/);
    expect(ran.err).toContain(sentence);
    expect(ran.err).not.toContain('canary');
  });

  test('another service at that address', async () => {
    const ran = await program(['completeness', '--url', together.vendor.url]);
    expect(ran).toMatchObject({ code: 1, out: '' });
    expect(ran.err).toContain('is not ilive-webhooks (status 404)');
  });

  test('another service that answers all with 200: no JSON of it is passed on', async () => {
    const stranger = createServer((_req, res) => void res.end('{"hello":"world"}'));
    await once(stranger.listen(0, '127.0.0.1'), 'listening');
    const url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
    const id = randomUUID();
    for (const args of [
      ['completeness'],
      ['sessions', 'show', 'x'],
      ['sessions', 'create', '--reference', 'x'],
      ['subjects', 'show', 'x'],
      ['alerts', 'show', 'x'],
      ['deliveries', 'show', id],
      ['refusals', 'show', id],
      ['replays', 'show', id],
      ['pause', 'pulling', '--why', 'x'],
    ]) {
      const ran = await cli([...args, '--json', '--url', url]);
      expect({ args, ...ran }).toMatchObject({ args, code: 1, out: '' });
      expect(ran.err).toContain('The answer is not what ilive-webhooks gives.');
    }
    stranger.close();
  });

  test('a key can stand in a file', async () => {
    await writeFile(path.join(folder, 'key'), `${apiKey}\n`);
    const args = ['completeness', '--api-key-file', 'key'];
    expect(await program(args, { ILIVE_WEBHOOKS_API_KEY: 'wrong' })).toMatchObject(ok);
  });
});

test('--version and --help need neither key nor service', async () => {
  expect(await runProgram(['--version'])).toMatchObject({
    ...ok,
    out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
  });
  expect((await runCli(['--help'])).out).toContain('Usage: ilive-webhooks COMMAND');
  expect((await runCli(['faces', 'compare', '--help'])).out).toContain('Examples:');
  expect(await runProgram([])).toMatchObject({ code: 2, out: '' });
});

describe('start', () => {
  test('runs the service until SIGTERM, and ends with its exit code', async () => {
    expect(await startAskAndStop(folder)).toMatchObject({ counted: ok, exitCode: 0 });
  });

  test('tells what is wrong with the configuration, and exits as the service does', async () => {
    const ran = await runProgram(['start'], { cwd: folder });
    expect(ran).toMatchObject({ code: 78, out: '' });
    expect(ran.err).toContain('ILIVE_WEBHOOK_SECRETS: a receiver needs at least one signing secret');
  });
});
