import { readFileSync } from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { configKeys, parseConfig } from '../../src/config.ts';
import { ServiceError } from '../../src/errors.ts';
import { root } from '../support/source-tree.ts';

const least = { ILIVE_WEBHOOK_SECRETS: 'whsec_canary' };

function problemsOf(env: Record<string, string>): string {
  try {
    parseConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(ServiceError);
    return (error as ServiceError).message;
  }
  throw new Error('the configuration was accepted');
}

test('one secret is enough, and everything else has a default', () => {
  const config = parseConfig(least);
  expect(config).toMatchObject({ role: 'all', http: { port: 8080 }, database: { url: undefined } });
  expect(config.receive).toMatchObject({ toleranceSeconds: 300, bodyLimitBytes: 1_048_576 });
});

test('an empty value is an unset one', () => {
  expect(parseConfig({ ...least, DATABASE_URL: '', PORT: ' ' }).http.port).toBe(8080);
});

test('all problems are told at once, each with its key', () => {
  const told = problemsOf({
    PORT: '99999',
    ROLE: 'boss',
    REDIS_URL: 'http://x',
    ILIVE_SIGNATURE_TEMPLATE: '{x}',
    LOG_LEVEL: 'loud',
  });
  for (const key of ['PORT', 'ROLE', 'REDIS_URL', 'ILIVE_SIGNATURE_TEMPLATE', 'LOG_LEVEL'])
    expect(told).toContain(`- ${key}: `);
});

test('an address of Redis that cannot be read is told without its password', () => {
  for (const [scheme, mistake] of [
    ['redis', '#'],
    ['redis', '%zz'],
    ['redis-cluster', '%C3'],
  ]) {
    const told = problemsOf({ ...least, REDIS_URL: `${scheme}://:ab${mistake}canary@redis:6379` });
    expect(told).toContain('- REDIS_URL: is no address');
    expect(told).not.toContain('canary');
  }
  const cluster = 'rediss-cluster://me:pass@a:6379,b:6380';
  expect(parseConfig({ ...least, REDIS_URL: cluster }).queue.redisUrl?.reveal()).toBe(cluster);
});

test.each([
  'redis://redis:6379/queue',
  'redis://redis:6379?db=queue',
  'redis-cluster://a:6379,b:6379/1',
  'redis-cluster://a:6379:1,b:6379',
  'redis-cluster://a:6379,b:65536',
  'redis-cluster://me:can@ary@a:6379',
  'rediss-cluster://',
])('an address of Redis that names what is no database, or no node, is refused: %s', (address) => {
  const told = problemsOf({ ...least, REDIS_URL: address });
  expect(told).toContain('- REDIS_URL: is no address');
  expect(told).toContain('a database is named by its number');
});

test.each(['redis://redis/3', 'rediss://me:pass@redis:6379/?db=3', 'redis-cluster://[::1]:6379,b/'])(
  'an address of Redis is taken as it is: %s',
  (address) => {
    expect(parseConfig({ ...least, REDIS_URL: address }).queue.redisUrl?.reveal()).toBe(address);
  },
);

test.each([
  ['a slash', 'postgres://me:pass/canary@db/ilive'],
  ['a hash', 'postgres://me:pass#canary@db/ilive'],
  ['a question mark', 'postgresql://me:pass?canary@db/ilive'],
  ['a slash behind digits, which pass for a port', 'postgres://me:12/canary@db/ilive'],
  ['a hash behind digits', 'postgres://me:12#canary@db/ilive'],
  ['a question mark behind digits', 'postgres://me:12?canary@db/ilive'],
  ['a percent sign that begins nothing', 'postgres://me:%zzcanary@db/ilive'],
  ['a percent sign that begins half a letter', 'postgres://me:%C3canary@db/ilive'],
])('an address of Postgres whose password holds %s is told without it', (_, address) => {
  const told = problemsOf({ ...least, DATABASE_URL: address });
  expect(told).toContain('- DATABASE_URL: is no address; in a password %, #, /');
  const env = { ...least, DATABASE_URL: 'postgres://h/d', DATABASE_READ_URL: `postgres://h/d,${address}` };
  const ofReplicas = problemsOf(env);
  expect(ofReplicas).toContain('- DATABASE_READ_URL: has one that is no address; in a password %, #, /');
  expect(told + ofReplicas).not.toContain('canary');
});

test.each([
  'postgres://me:p%2Fa%23s%25s@db:5432/ilive?sslmode=verify-full',
  'postgres://me:p@ss@[::1]/ilive',
  'postgres://me:pass@/ilive?host=/var/run/postgresql',
  'postgres:///ilive?host=/var/run/postgresql&user=me',
  'postgresql://%2Fvar%2Frun%2Fpostgresql/ilive',
  'postgres://db/ilive?user=me@office&options=-c search_path=own',
])('%s is an address of Postgres', (address) => {
  expect(parseConfig({ ...least, DATABASE_URL: address }).database.url?.reveal()).toBe(address);
});

test.each([
  ['a receiver without a secret', {}, 'ILIVE_WEBHOOK_SECRETS'],
  ['a split role without a database', { ...least, ROLE: 'worker' }, 'DATABASE_URL'],
  [
    'turning away before the outage store takes over',
    { ...least, COMMIT_TIMEOUT_SECONDS: '9' },
    'ADMISSION_MAX_WAIT_MS',
  ],
  [
    'less room for bodies than for one',
    { ...least, GROUP_QUEUE_MAX_BYTES: '1048576', BODY_LIMIT_BYTES: '2097152' },
    'GROUP_QUEUE_MAX_BYTES',
  ],
  [
    'a lease that is no longer than a call',
    { ...least, PULL_LEASE_SECONDS: '60', ILIVE_RESPONSE_TIMEOUT_SECONDS: '51' },
    'PULL_LEASE_SECONDS',
  ],
  ['a misspelt key of ours', { ...least, ILIVE_WEBHOOK_SECRET: 'x' }, 'ILIVE_WEBHOOK_SECRET'],
  [
    'a secret that is not in the encoding',
    { ...least, ILIVE_SECRET_ENCODING: 'hex' },
    'ILIVE_SECRET_ENCODING',
  ],
  [
    'a secret that decodes to nothing',
    { ILIVE_WEBHOOK_SECRETS: 'A', ILIVE_SECRET_ENCODING: 'base64' },
    'ILIVE_SECRET_ENCODING',
  ],
  [
    'a secret that decodes to 7 bytes',
    { ILIVE_WEBHOOK_SECRETS: 'a5'.repeat(7), ILIVE_SECRET_ENCODING: 'hex' },
    'ILIVE_SECRET_ENCODING',
  ],
  ['a list of nothing but commas', { ...least, ENCRYPTION_KEYS: ', ,' }, 'ENCRYPTION_KEYS'],
  [
    'an account without a secret',
    { ...least, ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT: '{"acme":[]}' },
    'ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT',
  ],
  [
    'two encryption keys with one id',
    { ...least, ENCRYPTION_KEYS: [1, 2].map((n) => `a:${Buffer.alloc(32, n).toString('base64')}`).join(',') },
    'ENCRYPTION_KEYS',
  ],
  ['an API key with a space', { ...least, BOOTSTRAP_API_KEY: 'sixteen and more of it' }, 'BOOTSTRAP_API_KEY'],
  ['an API key beyond ASCII', { ...least, BOOTSTRAP_API_KEY: 'größer-als-sechzehn' }, 'BOOTSTRAP_API_KEY'],
  ['a key for iLive beyond ASCII', { ...least, ILIVE_API_KEY: 'iksk_live_ü' }, 'ILIVE_API_KEY'],
  ['an alias of an unknown kind', { ...least, ILIVE_KIND_ALIASES: '{"a":"b"}' }, 'ILIVE_KIND_ALIASES'],
  [
    'accounts that are no JSON',
    { ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT: 'acme:x' },
    'ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT',
  ],
  ['an origin with a path', { ...least, CORS_ORIGINS: 'https://a.example.com/x' }, 'CORS_ORIGINS'],
  ['every origin at once', { ...least, CORS_ORIGINS: '*' }, 'CORS_ORIGINS'],
  [
    'a replica that is no Postgres',
    { ...least, DATABASE_URL: 'postgres://h/d', DATABASE_READ_URL: 'postgres://h/d,mysql://h/d' },
    'DATABASE_READ_URL',
  ],
  [
    'a replica of the embedded Postgres',
    { ...least, DATABASE_READ_URL: 'postgres://h/d' },
    'DATABASE_READ_URL',
  ],
  [
    'a webhook route of another account than the one that sessions are created for',
    {
      ...least,
      ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT: '{"acme":["three"]}',
      PUBLIC_WEBHOOK_URL: 'https://hooks.example.com/webhooks/ilive/acme',
    },
    'PUBLIC_WEBHOOK_URL',
  ],
  [
    'a password in the address that iLive and the doctor are told',
    { ...least, PUBLIC_WEBHOOK_URL: `https://user:${'canary'}@hooks.example.com/webhooks/ilive` },
    'PUBLIC_WEBHOOK_URL',
  ],
  [
    'a user in the address of iLive, where it is shown to whoever asks the doctor',
    { ...least, ILIVE_API_URL: 'https://canary@api.example.com' },
    'ILIVE_API_URL',
  ],
  ['a short API key', { ...least, BOOTSTRAP_API_KEY: 'short' }, 'BOOTSTRAP_API_KEY'],
])('%s is refused', (_, env, key) => {
  const problems = problemsOf(env as Record<string, string>);
  expect(problems).toContain(`- ${key}: `);
  expect(problems).not.toContain('canary');
});

test.each(configKeys.filter(({ isSecret }) => isSecret))('the example of $env is nobody’s secret', (key) => {
  const told = problemsOf({ ...least, DATABASE_URL: 'postgres://h/d', [key.env]: key.example });
  expect(told).toContain(`- ${key.env}: holds the example of .env.example`);
  expect(told).not.toContain(key.example);
});

test.each([
  ['ILIVE_WEBHOOK_SECRETS', 'mine,first-secret'],
  ['ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT', '{"mine":["mine","secret-two"]}'],
  ['ENCRYPTION_KEYS', 'mine:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='],
])('nor is a part of the example of %s', (name, value) => {
  expect(problemsOf({ ...least, [name]: value })).toContain(`- ${name}: holds the example`);
});

test('secrets are a list, in an order, and accounts have their own', () => {
  const config = parseConfig({
    ILIVE_WEBHOOK_SECRETS: 'one, two,',
    ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT: '{"acme":["three"]}',
  });
  const shown = config.receive.signingKeys.map(({ account, secrets }) => [
    account,
    ...secrets.map((secret) => secret.reveal()),
  ]);
  expect(shown).toEqual([
    ['default', 'one', 'two'],
    ['acme', 'three'],
  ]);
});

describe('guarantee 9: secrets do not show', () => {
  const env = {
    ...least,
    DATABASE_URL: 'postgres://u:canary@h/d',
    REDIS_URL: 'redis://:canary@h',
    BOOTSTRAP_API_KEY: 'canary-canary-canary',
  };

  test('not in JSON, not in the debugger, not in a text', () => {
    const config = parseConfig(env);
    expect(JSON.stringify(config)).not.toContain('canary');
    expect(inspect(config, { depth: 10 })).not.toContain('canary');
    expect(`${config.database.url}`).toBe('[secret]');
  });

  test('not in the list of problems', () => {
    expect(problemsOf({ ...env, DATABASE_URL: 'mysql://u:canary@h/d', PORT: 'x' })).not.toContain('canary');
  });
});

test('the configuration is frozen to its last leaf', () => {
  const config = parseConfig(least);
  expect(() => Object.assign(config.receive.signingKeys[0] ?? {}, { account: 'x' })).toThrow();
});

test('every key gets into the configuration', () => {
  const files = ['src/config.ts', 'src/config-nest.ts'];
  const source = files.map((file) => readFileSync(path.join(root, file), 'utf8')).join('\n');
  expect(configKeys.filter(({ env }) => !new RegExp(`\\bvalues\\.${env}\\b`).test(source))).toEqual([]);
});

test('every key has a sentence of its own', () => {
  for (const { env, doc } of configKeys) expect(doc, env).toMatch(/^[A-Z].{20,}\.$/);
});

test.each([
  'postgres://me:canary@a:5432,b:5432/ilive?target_session_attrs=read-write',
  'postgresql://me:canary@a,b/ilive',
])('an address of Postgres that names several hosts is refused: %s', (address) => {
  const told = problemsOf({ ...least, DATABASE_URL: address });
  expect(told).toContain('- DATABASE_URL: is no address');
  expect(told).toContain('names one host');
  expect(told).not.toContain('canary');
});
