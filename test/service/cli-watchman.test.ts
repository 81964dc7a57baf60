// The commands of who watches over the service: status, doctor, pauses, keys, secrets, the audit.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apiKey, secret, startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';
import { ownProgram, runCli, startCli } from './run-cli.ts';

let service: TestService;
let folder: string;
const env = () => ({ ILIVE_WEBHOOKS_URL: service.url, ILIVE_WEBHOOKS_API_KEY: apiKey });
const cli = (...args: string[]) => runCli(args, { env: env() });
const why = ['--why', 'a test'];

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'cli-'));
  service = await startTestService({
    env: { ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}` },
  });
});
afterAll(async () => {
  await service?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('status: a screen, a line each time, and an exit code that tells', async () => {
  await service.deliver(verdictPayload());
  await service.settled();
  // When a secret matched last is written once a second.
  const well = await until(async () => {
    const ran = await cli('status');
    return ran.out.startsWith('healthy  ') && ran.out.includes('matched last') ? ran : undefined;
  });
  expect(well).toMatchObject({ code: 0, err: '' });
  expect(well.out).toMatch(/^owed +0$/m);
  expect(well.out).toMatch(/^secrets +default environment-\S+: matched last .* ago$/m);
  const lines = well.out.trimEnd().split('\n');
  expect(lines.length).toBeLessThanOrEqual(40);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);

  await service.deliver('no JSON');
  await service.settled();
  const warned = await cli('status');
  expect(warned).toMatchObject({ code: 0 });
  expect(warned.out).toMatch(
    /^healthy, with warnings .*\nwarning {2}1 delivery is parked\.\n {2}→ ilive-webhooks deliveries list/,
  );
  expect((await cli('status', '--strict')).code).toBe(1);
  for (let count = 0; count < 10; count += 1) await service.deliver(verdictPayload(), { secret: 'junk' });
  await until(async () => (await cli('status')).code === 1);
  expect((await cli('status')).out).toMatch(/^something is wrong .*\nerror {2}10 requests were refused/);
  expect(JSON.parse((await cli('status', '--json')).out)).toMatchObject({ level: 'error' });
});

test('status --watch: a line each time where no terminal is, until Ctrl-C; lives through an outage', async () => {
  const joining = await startTestService({ databaseUrl: service.databaseUrl });
  const child = startCli(
    ['status', '--watch', '--every', '1s'],
    { ...env(), ILIVE_WEBHOOKS_URL: joining.url },
    os.tmpdir(),
  );
  const ended = new Promise((resolve) => child.once('close', resolve));
  let out = '';
  child.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  await until(() => /^\S+Z \w+: owed 0, parked \d+/m.test(out));
  await joining.stop();
  await until(() => /^\S+Z away: No service answers/m.test(out));
  child.kill('SIGINT');
  expect(await ended).toBe(0);
});

test('doctor: a line for each check with how to mend it, and exit code 1 for what has to be', async () => {
  const ran = await cli('doctor', ...why);
  // The tests' own Postgres runs without fsync.
  expect(ran.code).toBe(1);
  expect(ran.out).toMatch(/^error {4}postgres durability: fsync is off.*\n +→ turn both on/m);
  expect(ran.out).toMatch(/^ok {7}probe: a delivery signed with "environment-/m);
  expect(ran.out).toMatch(/\n\d+ checks: 1 to mend, \d+ to look at\.\n$/);
  expect((await cli('doctor', '--no-probe', ...why)).out).not.toContain('probe:');
});

test('pause and resume: say what is paused, since when, by whom and why', async () => {
  const paused = await cli('pause', 'pulling', ...why);
  expect(paused.out).toMatch(/^pulling is paused since \S+Z by bootstrap: a test\n$/);
  expect((await cli('status')).out).toMatch(/^paused +pulling, since \S+Z, by bootstrap: a test$/m);
  expect(await cli('status', '--strict')).toMatchObject({ code: 1 });
  const again = await cli('pause', 'pulling', ...why);
  expect(again.out).toMatch(/^pulling was paused already; that stays as it is\.\npulling is paused since /);
  expect((await cli('resume', 'processing', ...why)).out).toMatch(
    /^processing was not paused\.\npulling is paused since /,
  );
  expect((await cli('resume', 'pulling', ...why)).out).toBe('pulling goes on.\n');
  expect((await cli('resume', 'pulling', ...why)).out).toBe('pulling was not paused.\n');
});

test('pause and resume: what another operator gave as the reason steers no terminal', async () => {
  await cli('pause', 'pulling', '--why', '\u001b[2J\u202eall is well');
  for (const printed of [await cli('pause', 'pulling', ...why), await cli('resume', 'processing', ...why)]) {
    expect(printed.out).toContain('\\u{1b}[2J\\u{202e}all is well');
    expect(printed.out).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  }
  await cli('resume', 'pulling', ...why);
});

test.each([
  ['a file that takes nothing', 'EBADF'],
  ['a reader that has gone', 'EPIPE'],
])('keys: one that %s keeps from being seen is told of, and can be revoked', async (what, code) => {
  const create = ['keys', 'create', '--name', what, '--role', 'reader', ...why];
  const unwritable = await open(import.meta.filename, 'r'); // no platform writes through it
  const child = spawn(process.execPath, [ownProgram, ...create], {
    env: { PATH: process.env.PATH ?? '', ...env() },
    stdio: ['ignore', code === 'EBADF' ? unwritable.fd : 'pipe', 'pipe'],
  });
  child.stdout?.destroy();
  const ended = new Promise((resolve) => child.once('close', resolve));
  const err = child.stderr === null ? '' : await text(child.stderr);
  expect(await ended).toBe(1);
  await unwritable.close();
  expect(err).toContain(`The standard output could not be written (${code}). The key was made`);
  const [, revoke = ''] = /Revoke it: ilive-webhooks (.*) --why /.exec(err) ?? [];
  expect((await cli(...revoke.split(' '), ...why)).out).toBe(`Revoked "${what}" (reader).\n`);
});

test('keys: made alone into a pipe, listed, revoked', async () => {
  const made = await cli(
    'keys',
    'create',
    '--name',
    'night',
    '--role',
    'operator',
    '--expires-in',
    '90d',
    ...why,
  );
  expect(made.code).toBe(0);
  expect(made.out).toMatch(/^ilw_[0-9A-Za-z]{48}\n$/);
  expect(made.err).toMatch(/shown this once/);
  const key = made.out.trim();
  const asNight = { env: { ...env(), ILIVE_WEBHOOKS_API_KEY: key } };
  expect((await runCli(['status'], asNight)).err).toBe('');
  expect((await runCli(['keys', 'list'], asNight)).err).toMatch(/needs a key of role admin/);
  const listed = await cli('keys', 'list');
  expect(listed.out).toMatch(/ night +operator +usable +/);
  expect(listed.out).not.toContain(key.slice(-20));
  const id = /key id +(\S+)/.exec(made.err)?.[1] ?? '';
  await runCli(['pause', 'pulling', ...why], asNight);
  await runCli(['resume', 'pulling', ...why], asNight);
  const { data } = (await service.get('/v1/ops/audit?actor=night')).body;
  expect(data[0]).toMatchObject({ action: 'resume', details: { what: 'pulling', actor_key_id: id } });
  const partly = { env: { ...env(), ILIVE_WEBHOOKS_API_KEY: key.slice(0, -1) } };
  expect((await runCli(['status'], partly)).err).toMatch(/\(401\): This API key is not whole/);
  expect((await cli('keys', 'revoke', id, ...why)).out).toBe('Revoked "night" (operator).\n');
  expect((await runCli(['status'], asNight)).err).toMatch(/refused the API key \(401\)/);
});

test('secrets: rotated from a file or the standard input, tested, and refused while the old one matches', async () => {
  const file = path.join(folder, 'secret');
  await writeFile(file, 'whsec_the_next_one\n');
  const begun = await cli('secrets', 'begin-rotation', '--name', '2027', '--secret-file', file, ...why);
  expect(begun.out).toMatch(/^"2027" counts now, beside the old secrets of "default"\./);
  const input = 'whsec_of_acme\n';
  const args = [
    'secrets',
    'begin-rotation',
    '--account',
    'acme',
    '--name',
    'first',
    '--secret-stdin',
    ...why,
  ];
  expect((await runCli(args, { env: env(), input })).code).toBe(0);
  expect((await cli('secrets', 'list')).out).toMatch(/^default +2027 +active +database +\S+ +never$/m);
  const probed = await cli('secrets', 'test', '--name', '2027', ...why);
  expect(probed).toMatchObject({ code: 0, out: expect.stringMatching(/It arrived and was processed\.\n$/) });
  const refused = await cli('secrets', 'finish-rotation', '--quiet', '10m', ...why);
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('"2027" has never matched') });

  await service.deliver(verdictPayload(), { secret: 'whsec_the_next_one' });
  const finished = await until(
    async () => {
      const { code, out } = await cli('secrets', 'finish-rotation', '--quiet', '1s', ...why);
      return code === 0 ? out : undefined;
    },
    { describe: 'the old secret is quiet' },
  );
  // A receiver does not start without one in its environment.
  expect(finished).toMatch(
    /^Retired: environment-\S+\.\nIf the environment lists one of these, list the new one there in its place\.\n$/,
  );
  const back = ['secrets', 'begin-rotation', '--name', 'back', '--secret-stdin', ...why];
  const unasked = await runCli(back, { env: env(), input: `${secret}\n` });
  expect(unasked).toMatchObject({ code: 1, err: expect.stringContaining('counts again with --reinstate') });
  const reinstated = await runCli([...back, '--reinstate'], { env: env(), input: `${secret}\n` });
  expect(reinstated.out).toMatch(/^"back" counts again, beside the others of "default", and is to go\.\n/);
  expect(reinstated.out).toMatch(
    /only where it was not retired because it leaked, and iLive says that\nit still signs with it; else .*leave them refused\.\n.*ilive-webhooks refusals reverify --why '…'/,
  );
  expect((await cli('secrets', 'list')).out).toMatch(/^default +back +retiring +database /m);
});

test('audit: listed and verified; a changed entry is named and makes it fail', async () => {
  const listed = await cli('audit', 'list', '--action', 'keys.create', '--since', '1h');
  expect(listed.out).toMatch(/ bootstrap \(admin\) +\S*127\.0\.0\.1 +keys\.create +1 +done +a test$/m);
  const whole = await cli('audit', 'verify');
  expect(whole).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^The audit is whole: \d+ entries\.\n/),
  });
  await service.db.query({ text: 'alter table audit_entries disable trigger all' });
  await service.db.query({ text: `update audit_entries set why = 'nothing to see' where seq = 2` });
  const changed = await cli('audit', 'verify');
  expect(changed).toMatchObject({
    code: 1,
    out: expect.stringMatching(/^Entry 2 was changed, or put in by somebody else\.\n/),
  });
});

describe('what is typed wrongly is told before anything is asked', () => {
  test.each([
    [['status', '--every', '2s'], '--every belongs to --watch.'],
    [['status', '--watch', '--every', '1ms'], '--every must be a length of time'],
    [['doctor'], '--why is needed'],
    [['pause'], '"pause" needs WHAT.'],
    [['pause', 'everything', '--why', 'x'], 'WHAT must be one of processing, pulling.'],
    [['keys', 'create', '--role', 'reader', '--why', 'x'], '--name is needed.'],
    [['keys', 'create', '--name', 'x', '--why', 'x'], '--role is needed: reader, operator, admin.'],
    [['keys', 'create', '--name', 'x', '--role', 'king'], '--role must be one of reader, operator, admin.'],
    [
      ['keys', 'create', '--name', 'x', '--role', 'reader', '--expires-in', '-1d', '--why', 'x'],
      '--expires-in needs a value',
    ],
    [['secrets', 'begin-rotation', '--name', 'x', '--why', 'x'], 'Say where the secret is'],
    [['secrets', 'begin-rotation', '--secret', 'x'], 'A secret does not belong on a command line'],
    [['secrets', 'finish-rotation', '--quiet', 'soon', '--why', 'x'], '--quiet must be a length of time'],
    [['audit', 'list', '--from', 'monday'], '--from must be a time such as'],
    [['audit', 'verify', '--why', 'x'], '"audit verify" has no --why.'],
  ])('%j', async (args, sentence) => {
    const { code, out, err } = await cli(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(sentence);
  });
});
