// What others install works: the sources are built as `npm pack` builds them, laid out as npm installs them, and then the
// command, the service and the client are used from there, with nothing of this repository's sources in reach.
import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packSdk } from '../../scripts/pack-sdk.ts';
import { startVendorApi } from '../../src/simulator/api.ts';
import { readVersion } from '../../src/version.ts';
import { findFreePort } from '../support/free-port.ts';
import { apiKey, startTestService, verdictPayload } from '../support/service.ts';
import { root } from '../support/source-tree.ts';
import { until } from '../support/until.ts';
import { startAskAndStop } from './run-cli.ts';

const run = promisify(execFile);
const compiler = path.join(
  path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin/tsc',
);

let folder: string;
const examples = ['verify-user', 'onboarding'] as const;
let example: (name: (typeof examples)[number]) => string;
let command: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'ilive-package-'));
  const installed = path.join(folder, 'app/node_modules/ilive-webhooks');
  const dist = path.join(installed, 'dist');
  await mkdir(installed, { recursive: true });
  await symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  for (const name of ['package.json', 'migrations']) {
    await cp(path.join(root, name), path.join(installed, name), { recursive: true });
  }
  example = (name) => path.join(folder, 'app', name);
  for (const name of examples)
    await cp(path.join(root, 'examples', name), example(name), { recursive: true });
  await run(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--outDir', dist], { cwd: root });
  command = path.join(dist, 'cli/main.js');
});
afterAll(() => rm(folder, { recursive: true }));

test.each(examples)(
  'the example %s is type-checked against the package, declarations included',
  async (name) => {
    await run(process.execPath, [compiler, '-p', '.', '--skipLibCheck', 'false'], { cwd: example(name) });
  },
);

test('the SDK packed by itself brings nothing along, and is all that the example onboarding needs', async () => {
  const alone = await mkdtemp(path.join(os.tmpdir(), 'ilive-sdk-'));
  try {
    const packed = await packSdk(alone);
    expect(path.basename(packed)).toBe(`ilive-webhooks-sdk-${readVersion()}.tgz`);
    const app = path.join(alone, 'onboarding');
    await cp(path.join(root, 'examples/onboarding'), app, { recursive: true });
    const { dependencies } = JSON.parse(await readFile(path.join(app, 'package.json'), 'utf8'));
    expect(dependencies).toEqual({ 'ilive-webhooks': `file:../../${path.basename(packed)}` });
    await writeFile(path.join(app, 'package.json'), '{"type":"module"}');
    await run('npm', ['install', '--offline', '--no-audit', packed], { cwd: app });
    const modules = path.join(app, 'node_modules');
    expect((await readdir(modules)).filter((name) => !name.startsWith('.'))).toEqual(['ilive-webhooks']);
    await symlink(path.join(root, 'node_modules/@types'), path.join(modules, '@types'));
    await run(process.execPath, [compiler, '-p', '.', '--skipLibCheck', 'false'], { cwd: app });
    const { stderr } = await run(process.execPath, ['onboarding.ts'], { cwd: app });
    expect(stderr).toBe('npm start -- verify <reference id> | follow\n');
  } finally {
    await rm(alone, { recursive: true });
  }
});

test('the example verify-user runs', async () => {
  const vendor = await startVendorApi({ sessions: { medianSeconds: 0.01, spread: 0, abandonedShare: 0 } });
  try {
    const env = { PATH: process.env.PATH ?? '', ILIVE_API_URL: vendor.url, ILIVE_API_KEY: vendor.apiKey };
    const ran = run(process.execPath, ['verify-user.ts', 'user-1'], { cwd: example('verify-user'), env });
    // It exits 1 for a verdict other than pass.
    const { stdout } = await ran.catch((error: { stdout: string }) => error);
    expect(stdout).toMatch(/^Send the user to https:\S+\ncompleted: (pass|retry|fail)\n$/);
  } finally {
    await vendor.stop();
  }
});

/** The example with a service; `told.out` is what it has printed so far. */
function startOnboarding(url: string, ...args: string[]) {
  const env = { PATH: process.env.PATH ?? '', ILIVE_WEBHOOKS_URL: url, ILIVE_WEBHOOKS_API_KEY: apiKey };
  const child = spawn(process.execPath, ['onboarding.ts', ...args], { cwd: example('onboarding'), env });
  const told = { out: '', ended: new Promise((resolve) => child.once('close', resolve)), child };
  child.stdout.on('data', (chunk) => {
    told.out += chunk;
  });
  return told;
}

test('the example onboarding keeps who is verified across a restart of the service, and waits for a verdict', async () => {
  const vendor = await startVendorApi({ sessions: { medianSeconds: 1, spread: 0, abandonedShare: 0 } });
  const env = {
    ILIVE_API_URL: vendor.url,
    ILIVE_API_KEY: vendor.apiKey,
    PULL_FIRST_AFTER_SECONDS: '1',
    PORT: String(await findFreePort()),
  };
  let service = await startTestService({ env });
  const start = (...args: string[]) => startOnboarding(service.url, ...args);
  const following = start('follow');
  const running = [following];
  const untilTold = (pattern: RegExp) => until(() => pattern.test(following.out));
  try {
    await service.deliver(verdictPayload({ reference_id: 'anna', verdict: 'fail' }));
    await untilTold(/^default\/anna: not verified \(not_passed\)\n$/);
    const { databaseUrl, db } = service;
    await service.service.stop();
    await db.close();
    service = await startTestService({ databaseUrl, env });
    const verifying = start('verify', 'bert');
    running.push(verifying);
    await verifying.ended;
    expect(verifying.out).toMatch(
      /^Send bert to https:\S+\nbert: (welcome|no entry \(settled, (retry|fail), not_passed\))\n$/,
    );
    await untilTold(/\ndefault\/bert: (verified|not verified \(not_passed\))\n$/);
    // An alert that names a session alone is about the person of that session, until it is resolved.
    const passed = verdictPayload({ reference_id: 'anna', timestamp: '2026-04-11T10:00:00+00:00' });
    await service.deliver(passed);
    await untilTold(/\ndefault\/anna: verified\n$/);
    const alert = { event: 'compliance.alert', alert_id: 'alert-1', session_id: passed.session_id };
    await service.deliver({ ...alert, timestamp: '2026-04-11T09:30:00.000000Z' });
    await untilTold(/\ndefault\/anna: not verified \(unresolved_alert\)\n$/);
    expect(await peopleKept()).toMatchObject({ 'default/anna': { is_verified: false } });
    const resolved = await fetch(`${service.url}/v1/compliance-alerts/alert-1/resolve`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ note: 'the same person' }),
    });
    expect(resolved.status).toBe(200);
    await untilTold(/\(unresolved_alert\)\ndefault\/anna: verified\n$/);
    expect(await peopleKept()).toEqual({
      'default/anna': { is_verified: true, obstacles: [] },
      'default/bert': { is_verified: expect.any(Boolean), obstacles: expect.any(Array) },
    });
  } finally {
    for (const { child } of running) child.kill();
    await Promise.all(running.map(({ ended }) => ended));
    await service.stop();
    await vendor.stop();
  }
});

test('the example onboarding goes on behind a change of which nothing is left', async () => {
  await forgetWhatWasKept();
  const service = await startTestService();
  const countRows = async (table: string) =>
    (await service.db.query({ text: `select from ${table}` })).length;
  const mistaken = { event: 'compliance.alert', alert_id: 'alert-2', reference_id: 'cora' };
  await service.deliver({ ...mistaken, timestamp: '2026-04-11T09:40:00.000000Z' });
  await until(async () => (await countRows('compliance_alerts')) === 1);
  // What was said of one person is said of another one by the time that the first change is read.
  await service.deliver({ ...mistaken, reference_id: 'dora', timestamp: '2026-04-11T09:50:00.000000Z' });
  await until(async () => (await countRows('fact_versions')) === 1);
  const following = startOnboarding(service.url, 'follow');
  try {
    await until(() => /^default\/dora: /m.test(following.out));
    expect(following.out).toBe(
      'default/cora: not verified (no_verdict)\ndefault/dora: not verified (no_verdict, unresolved_alert)\n',
    );
  } finally {
    following.child.kill();
    await following.ended;
    await service.stop();
  }
});

test('the example onboarding tells persons apart whom two accounts know by one id', async () => {
  await forgetWhatWasKept();
  const service = await startTestService({
    env: { ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT: '{"acme":["whsec_acme"]}' },
  });
  // One session id and one reference id, of two accounts: nothing says that they mean the same person.
  const said = { session_id: 'shared-1', reference_id: 'anna' };
  await service.deliver(verdictPayload({ ...said, verdict: 'fail' }));
  const ofAcme = verdictPayload({ ...said, timestamp: '2026-04-11T10:00:00+00:00' });
  await service.deliver(ofAcme, { account: 'acme', secret: 'whsec_acme' });
  const following = startOnboarding(service.url, 'follow');
  try {
    // In whatever order the two were processed.
    await until(() => ['acme/anna: ', 'default/anna: '].every((line) => following.out.includes(line)));
    expect(await peopleKept()).toEqual({
      'default/anna': { is_verified: false, obstacles: ['not_passed'] },
      'acme/anna': { is_verified: true, obstacles: [] },
    });
  } finally {
    following.child.kill();
    await following.ended;
    await service.stop();
  }
});

const peopleKept = async () =>
  JSON.parse(await readFile(path.join(example('onboarding'), 'people.json'), 'utf8'));

async function forgetWhatWasKept(): Promise<void> {
  for (const name of ['cursor.txt', 'people.json'])
    await rm(path.join(example('onboarding'), name), { force: true });
}

test('the command starts the service, which finds its migrations, and asks it', async () => {
  expect(await startAskAndStop(folder, command)).toMatchObject({
    counted: { code: 0, err: '', out: expect.stringContaining('It adds up.') },
    exitCode: 0,
  });
});
