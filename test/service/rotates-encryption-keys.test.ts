// An encryption key is exchanged for another and can then be taken away: what it sealed is sealed anew, and what it proves
// stays proven. Where it is taken away too early nothing is lost and everything says so.
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Log } from '../../src/log.ts';
import { type OperatedService, useServices } from '../support/operator.ts';
import { apiKey, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';
import { runCli } from './run-cli.ts';

const services = useServices();
const [k1, k2, k3] = ['k1', 'k2', 'k3'].map((id) => `${id}:${randomBytes(32).toString('base64')}`);
const why = 'a test';
const ofDatabase = 'whsec_of_the_database';
const toAcme = { account: 'acme', secret: ofDatabase };

interface StartOptions {
  readonly databaseUrl?: string;
  readonly log?: Log;
  readonly env?: Record<string, string>;
}

const start = (keys: string | undefined, { databaseUrl, log, env }: StartOptions = {}) =>
  services.start({
    env: { ENCRYPTION_KEYS: keys ?? '', ...env },
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
    ...(log === undefined ? {} : { overrides: { log } }),
  });

/** A service with a secret that the database alone has. */
async function startWithSecret(keys: string | undefined, options: StartOptions = {}) {
  const service = await start(keys, options);
  const begun = { ...toAcme, name: 'first', why };
  expect((await service.ops('POST', '/secrets/begin-rotation', begun)).status).toBe(201);
  expect((await service.deliver(verdictPayload(), toAcme)).status).toBe(202);
  return service;
}

const sealedWith = async ({ db }: OperatedService) => {
  const rows = await db.query<{ key: string }>({
    text: `select distinct convert_from(substr(sealed, 2, get_byte(sealed, 0)), 'UTF8') as key from webhook_secrets order by 1`,
  });
  return rows.map(({ key }) => key);
};
const readiness = async ({ url }: OperatedService) => {
  const answer = await fetch(`${url}/readyz`);
  return { status: answer.status, body: await answer.json() };
};
const doctorOn = async (service: OperatedService, check: string) => {
  const { body } = await service.ops('POST', '/doctor', { why, probe: false });
  return body.findings.filter((finding: { check: string }) => finding.check === check);
};
const kept = (service: OperatedService, count: number) =>
  until(async () => {
    const { data } = (await service.get('/v1/ops/refusals')).body;
    return data.length === count && data.every((row: { diagnosis: unknown }) => row.diagnosis !== null)
      ? data
      : undefined;
  });
const cli = ({ url }: OperatedService, ...args: string[]) =>
  runCli(args, { env: { ILIVE_WEBHOOKS_URL: url, ILIVE_WEBHOOKS_API_KEY: apiKey } });
const advices = async (service: OperatedService) =>
  (await service.status()).problems.map(({ advice }: { advice: string }) => advice).join('\n');

test('after one start with both keys the old one can be taken away, also when several start at once', async () => {
  const before = await startWithSecret(k1);
  const { databaseUrl } = before;
  const both = `${k2},${k1}`;
  const [one] = await Promise.all([start(both, { databaseUrl }), start(both, { databaseUrl })]);
  expect(await sealedWith(one)).toEqual(['k2']);
  expect(await doctorOn(one, 'encryption')).toMatchObject([
    { level: 'ok', message: '"k2" seals; nothing in the database needs "k1" any more' },
  ]);
  // The old process goes on meanwhile: what it adds to the audit needs its key until it is carried on, and it undoes nothing.
  for (const what of ['pause', 'resume']) await before.ops('POST', `/${what}`, { what: 'pulling', why });
  expect((await doctorOn(one, 'encryption'))[0].message).toContain(
    '"k1" is still needed for entries of the audit',
  );
  await start(both, { databaseUrl });
  expect((await doctorOn(one, 'encryption'))[0].message).toContain('nothing in the database needs "k1"');
  expect((await before.deliver(verdictPayload(), toAcme)).status).toBe(202);
  const after = await start(k2, { databaseUrl });
  expect((await after.deliver(verdictPayload(), toAcme)).status).toBe(202);
  expect(await sealedWith(after)).toEqual(['k2']);
  expect(await readiness(after)).toMatchObject({ status: 200, body: { signing_secrets: 'usable' } });
  expect((await after.status()).problems).toEqual([]);
  const { data } = (await after.get('/v1/ops/secrets')).body;
  expect(data.map((row: { missing_key: string | null }) => row.missing_key)).toEqual([null, null]);
});

test('a secret that does not open turns its deliveries away so that iLive tries again, keeps them, and lets them in later', async () => {
  const { databaseUrl } = await startWithSecret(k1);
  const lines: { level: string; fields: object; message: string }[] = [];
  const keep =
    (level: string) =>
    (fields: object, message = '') =>
      void lines.push({ level, fields, message });
  const log = { debug: () => {}, info: keep('info'), warn: keep('warn'), error: keep('error') } as Log;
  const service = await start(k2, { databaseUrl, log });

  const answer = await service.deliver(verdictPayload(), toAcme);
  expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  expect(answer.headers.get('retry-after')).toBe('60');
  // The others go on, and strangers are told what they were told before.
  expect((await service.deliver(verdictPayload())).status).toBe(202);
  expect((await service.deliver(verdictPayload(), { secret: 'wrong' })).status).toBe(401);
  expect((await service.deliver(verdictPayload(), { account: 'nobody' })).status).toBe(401);
  expect(await readiness(service)).toMatchObject({ status: 200, body: { signing_secrets: 'usable' } });
  const [first] = (await kept(service, 3)).filter(({ account }: { account: string }) => account === 'acme');
  expect(first).toMatchObject({ reason: 'secret_unopened' });
  const shown = (await service.get(`/v1/ops/refusals/${first.refusal_id}`)).body;
  expect(shown.diagnosis.findings).toEqual([
    expect.stringMatching(
      /^a signing secret of its account does not open: put the key "k1" back into ENCRYPTION_KEYS/,
    ),
  ]);

  const remedy =
    'put the key "k1" back into ENCRYPTION_KEYS, behind the others, and restart; see "Rotate an encryption key" in the runbook';
  const told = {
    level: 'error',
    message:
      'The encryption key "k1" is missing: 1 signing secret ("first" of acme) cannot be opened, and deliveries signed with it are answered 503.',
    advice: remedy,
  };
  const status = await service.status();
  expect(status.level).toBe('error');
  expect(status.problems).toContainEqual(told);
  expect(status.secrets).toContainEqual(expect.objectContaining({ name: 'first', missing_key: 'k1' }));
  expect((await cli(service, 'secrets', 'list')).out).toContain('active; sealed with "k1", which is missing');
  expect(JSON.stringify(status.problems)).not.toContain('purge');
  expect((await doctorOn(service, 'encryption'))[0]).toMatchObject({ level: 'error', advice: remedy });
  expect(JSON.stringify(await doctorOn(service, 'refusals'))).not.toContain('purge');

  // Looked at every second, told of once.
  const tellings = () => lines.filter(({ message }) => message.includes('does not open'));
  await service.ops('POST', '/secrets/begin-rotation', {
    account: 'other',
    name: 'o',
    secret: 'whsec_other',
    why,
  });
  expect(tellings()).toEqual([
    {
      level: 'error',
      fields: { account: 'acme', name: 'first', key: 'k1' },
      message: 'a signing secret does not open; put the key that sealed it back into ENCRYPTION_KEYS',
    },
  ]);

  const mended = await start(`${k2},${k1}`, { databaseUrl });
  const reverified = await mended.ops('POST', '/refusals/reverify', { account: 'acme', why });
  expect(reverified.body).toMatchObject({ checked: 1, admitted: 1 });
  expect(await advices(mended)).not.toContain('ENCRYPTION_KEYS');
});

test('beside a secret that does not open a signature that does not match is undecided too', async () => {
  const { databaseUrl } = await startWithSecret(k1);
  const env = { ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT: '{"acme":["whsec_of_the_environment"]}' };
  const service = await start(k2, { databaseUrl, env });
  expect(
    (await service.deliver(verdictPayload(), { account: 'acme', secret: 'whsec_of_the_environment' })).status,
  ).toBe(202);
  expect((await service.deliver(verdictPayload(), toAcme)).status).toBe(503);
  // The secret itself, given by the environment, opens it for ever.
  const lost = { ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT: `{"acme":["${ofDatabase}"]}` };
  const given = await start(k2, { databaseUrl, env: lost });
  expect((await given.deliver(verdictPayload(), toAcme)).status).toBe(202);
  const after = await start(k2, { databaseUrl });
  expect((await after.deliver(verdictPayload(), toAcme)).status).toBe(202);
});

test('a secret whose key is lost can be exchanged for another, and hides no refusal once it is retired', async () => {
  const before = await startWithSecret(k1);
  const { databaseUrl } = before;
  await before.service.stop();
  const service = await start(k2, { databaseUrl });
  const next = { account: 'acme', secret: 'whsec_the_next_one' };
  await service.ops('POST', '/secrets/begin-rotation', { ...next, name: 'next', why });
  expect((await service.deliver(verdictPayload(), next)).status).toBe(202);
  await until(
    async () =>
      (await service.ops('POST', '/secrets/finish-rotation', { account: 'acme', why, quiet_seconds: 1 }))
        .status === 200,
  );
  await until(async () => (await service.deliver(verdictPayload(), toAcme)).status === 401);
  await until(async () => (await service.status()).refusals.diagnoses.length > 0);
  // It no longer counts, and may be what the refused one was signed with.
  const { problems } = await service.status();
  expect(problems).toEqual([
    {
      level: 'warning',
      message: expect.stringMatching(/refused in the last 15 minutes: /),
      advice: "if a secret is mistyped, mend it, then: ilive-webhooks refusals reverify --why '…'",
    },
  ]);
});

test('a receiver that can open no secret at all is unready', async () => {
  const before = await start(k1);
  const { databaseUrl } = before;
  // The environment's secret has been exchanged, so that it no longer counts.
  await before.ops('POST', '/secrets/begin-rotation', { name: 'next', secret: ofDatabase, why });
  expect((await before.deliver(verdictPayload(), { secret: ofDatabase })).status).toBe(202);
  await until(
    async () =>
      (await before.ops('POST', '/secrets/finish-rotation', { why, quiet_seconds: 1 })).status === 200,
  );
  for (const keys of [k2, undefined]) {
    const service = await start(keys, { databaseUrl });
    expect(await readiness(service)).toMatchObject({
      status: 503,
      body: { status: 'unready', signing_secrets: 'unopened' },
    });
    expect((await service.deliver(verdictPayload(), { secret: ofDatabase })).status).toBe(503);
    expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
  }
});

test('what is refused and does not open is not advised to be let go, and says how long its key is needed', async () => {
  const before = await start(k1);
  await before.deliver(verdictPayload(), { secret: 'a stranger' });
  await kept(before, 1);
  expect(await advices(before)).toContain('purge --reason signature_mismatch');
  const { databaseUrl } = before;
  const both = await start(`${k2},${k1}`, { databaseUrl });
  expect(await doctorOn(both, 'encryption')).toMatchObject([
    { level: 'ok', message: '"k2" seals; "k1" is still needed for 1 refused request' },
  ]);
  const without = await start(k2, { databaseUrl });
  expect(await advices(without)).not.toContain('purge');
  expect(await advices(without)).toContain('put the key "k1" back into ENCRYPTION_KEYS');
});

test('guarantee 16: entries of the audit stay proven after their encryption keys are gone, and name a key that is missing', async () => {
  const before = await start(k1);
  const pause = (service: OperatedService, reason: string) =>
    service.ops('POST', '/pause', { what: 'pulling', why: reason });
  const verify = async (service: OperatedService) => (await service.ops('GET', '/audit/verification')).body;
  await pause(before, 'under k1');
  const { databaseUrl } = before;
  const missing = await start(k2, { databaseUrl });
  await pause(missing, 'under k2, too early');
  expect(await verify(missing)).toMatchObject({
    is_whole: false,
    flaws: [{ seq: 1, flaw: 'unknown_key' }],
    missing_keys: [{ key: 'k1', entries: 1 }],
  });
  expect((await cli(missing, 'audit', 'verify')).out).toContain(
    'The encryption key "k1", on which 1 entry hangs, is missing: put it back into ENCRYPTION_KEYS',
  );

  const both = `${k2},${k1}`;
  const [one, two] = await Promise.all([start(both, { databaseUrl }), start(both, { databaseUrl })]);
  await pause(two as OperatedService, 'under k2');
  expect(await verify(one as OperatedService)).toMatchObject({
    is_whole: true,
    entries: 4,
    missing_keys: [],
  });
  expect(await verify(await start(k2, { databaseUrl }))).toMatchObject({ is_whole: true, entries: 4 });
  await start(`${k3},${k2}`, { databaseUrl });
  const last = await start(k3, { databaseUrl });
  expect(await verify(last)).toMatchObject({ is_whole: true, entries: 5, flaws: [], missing_keys: [] });

  // A key that was taken away proves nothing that comes after.
  await pause(before, 'by somebody who has the old key');
  expect(await verify(last)).toMatchObject({
    is_whole: false,
    flaws: [{ seq: 6, flaw: 'unknown_key' }],
    missing_keys: [{ key: 'k1', entries: 1 }],
  });
  await last.db.query({ text: 'alter table audit_entries disable trigger all' });
  await last.db.query({ text: `update audit_entries set why = 'another' where seq = 1` });
  expect((await verify(last)).flaws[0]).toEqual({ seq: 1, flaw: 'changed' });
});
