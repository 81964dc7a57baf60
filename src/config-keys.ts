// Every key of the environment: how it is read, what stands for it when it is absent, and a sentence that says when one
// would change it. `config.ts` reads them; `.env.example` and the README's table are generated from them. No secret has a
// default, and nothing hangs on NODE_ENV.
import { z } from 'zod';
import { apiKeys } from './config-keys-api.ts';
import { operationKeys } from './config-keys-operations.ts';
import { receiveKeys } from './config-keys-receive.ts';
import {
  encryptionKeys,
  headerSecret,
  jsonObject,
  key,
  list,
  plainUrl,
  secretList,
  template,
  url,
  wholeNumber,
} from './config-schemas.ts';
import { confirmPolicies } from './events/session.ts';
import { dialectNames } from './ilive/dialects.ts';
import { defaultTemplateText, defaultToleranceSeconds, secretEncodings } from './ilive/signature.ts';
import { Secret } from './secret.ts';

export const roles = ['all', 'receiver', 'worker'] as const;
export type Role = (typeof roles)[number];

export const keys = {
  PORT: key(wholeNumber(0, 65_535), '8080', 'TCP port to listen on; 0 takes any free one and logs it.'),
  HOST: key(
    z.string().min(1),
    '0.0.0.0',
    'Address to listen on; 127.0.0.1 when a proxy on the same machine stands in front.',
  ),
  ROLE: key(
    z.enum(roles, `must be one of ${roles.join(', ')}`),
    'all',
    'What this process does: all; receiver takes deliveries and answers the API; worker processes. Split them to scale or restart each alone.',
  ),
  DATABASE_URL: key(
    url('postgres', 'postgresql'),
    null,
    'Postgres 15 or newer, connected to directly; by TLS with ?sslmode=verify-full. Unset: the service starts a Postgres of its own in DATA_DIR, which suits one machine.',
    { example: 'postgres://ilive:password@localhost:5432/ilive', isSecret: true },
  ),
  DATA_DIR: key(
    z.string().min(1),
    '.data',
    'Folder for what the service keeps on disk, the outage store and the embedded Postgres; put it on storage that outlives the container, and give each installation its own.',
  ),
  DATABASE_POOL_MAX: key(
    wholeNumber(2, 500),
    '10',
    'Connections to Postgres for each of receiving, reading, looking up, operating and working in this process; raise it with WORKER_CONCURRENCY.',
  ),
  REDIS_URL: key(
    url('redis', 'rediss', 'redis-cluster', 'rediss-cluster'),
    null,
    'Redis 6.2 or newer for the queue, with noeviction; redis-cluster://host:port,host:port for a cluster. Unset: the queue lives in Postgres, which is enough for most.',
    { example: 'redis://:password@localhost:6379', isSecret: true },
  ),
  QUEUE_PREFIX: key(
    z.string().regex(/^[\w-]{1,64}$/, 'must be 1 to 64 letters, digits, - or _'),
    'ilive',
    'Sets this installation apart from others on the same Redis or Postgres.',
  ),
  ILIVE_WEBHOOK_SECRETS: key(
    secretList,
    null,
    'Signing secrets of your iLive account, separated by commas; list the old and the new one while you rotate. A receiver needs these or ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT.',
    { example: 'first-secret,second-secret', isSecret: true },
  ),
  ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT: key(
    jsonObject(
      z
        .array(z.string().min(1))
        .min(1)
        .transform((items) => items.map((item) => new Secret(item))),
    ),
    null,
    'Signing secrets of further iLive accounts, whose deliveries come to /webhooks/ilive/<account>.',
    { example: '{"acme":["secret-one","secret-two"]}', isSecret: true },
  ),
  ILIVE_SECRET_ENCODING: key(
    z.enum(secretEncodings, `must be one of ${secretEncodings.join(', ')}`),
    'utf8',
    'How a secret becomes the HMAC key; change it when signatures do not match although the secret is right (ASSUMPTION 02). In hex or base64 a secret has to hold 8 bytes.',
  ),
  ILIVE_SIGNATURE_TEMPLATE: key(
    template,
    defaultTemplateText,
    'The string that iLive signs, with {timestamp}, {body} and {id}; change it when signatures do not match although the secret is right (ASSUMPTION 01).',
  ),
  ILIVE_SIGNATURE_TOLERANCE_SECONDS: key(
    wholeNumber(1, 86_400),
    String(defaultToleranceSeconds),
    'How far a signed timestamp may lie from our clock, either way; raise it only for clocks that you cannot mend (ASSUMPTION 03).',
  ),
  ILIVE_KIND_ALIASES: key(
    jsonObject(z.string().min(1)),
    null,
    'Other names under which iLive sends a kind that we know, as alias → name; add one when deliveries are parked as unknown_kind (ASSUMPTION 06).',
    { example: '{"session.finished":"liveness.verdict"}' },
  ),
  ILIVE_IGNORED_KINDS: key(
    list,
    '',
    'Kinds that mean nothing to you, separated by commas; they are stored and marked ignored where they would be parked.',
    { example: 'session.started' },
  ),
  ILIVE_API_KEY: key(
    headerSecret(1),
    null,
    'API key for iLive’s REST API. Unset: sessions cannot be created through the service, and a verdict whose webhook is lost cannot be pulled.',
    { example: 'iksk_live_…', isSecret: true },
  ),
  ILIVE_API_URL: key(
    plainUrl('https', 'http'),
    'https://api.iliveauth.com',
    'Where iLive’s REST API is; change it for the simulator or a local iLive.',
  ),
  ILIVE_DIALECT: key(
    z.enum(dialectNames, `must be ${dialectNames.join(' or ')}`),
    'reference',
    'Which of the two published descriptions of iLive’s API your account answers to; see docs/operations.md.',
  ),
  ILIVE_RATE_PER_MINUTE: key(
    wholeNumber(0, 1_000_000),
    '600',
    'Calls to iLive a minute that all processes together may make; 0 for no limit. Standard tier: 600.',
  ),
  ILIVE_RATE_PER_SECOND: key(
    wholeNumber(0, 10_000),
    '50',
    'Calls to iLive a second that all processes together may make; 0 for no limit. Standard tier: 50.',
  ),
  ILIVE_RESPONSE_TIMEOUT_SECONDS: key(
    wholeNumber(1, 120),
    '10',
    'Time for iLive to answer a call; past it the call counts as failed and is tried again later.',
  ),
  PUBLIC_WEBHOOK_URL: key(
    plainUrl('https', 'http'),
    null,
    'The address of the webhook route as iLive reaches it; filled in for sessions that the service creates.',
    { example: 'https://hooks.example.com/webhooks/ilive' },
  ),
  ENCRYPTION_KEYS: key(
    encryptionKeys,
    null,
    'Keys for what is encrypted at rest (result tokens), as id:base64 of 32 bytes, separated by commas; the first encrypts, all decrypt. Unset: sessions with a token are refused.',
    { example: '2026-11:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=', isSecret: true },
  ),
  SESSION_TTL_SECONDS: key(
    wholeNumber(1, 86_400),
    '1800',
    'How long iLive keeps a session; documented as 30 minutes.',
  ),
  CONFIRM: key(
    z.enum(confirmPolicies, `must be one of ${confirmPolicies.join(', ')}`),
    'never',
    'Which verdicts that came by webhook are confirmed by a pull: never, pass, always; or unsigned, which takes unsigned deliveries as hints that only a pull can settle.',
  ),
  PULL_FIRST_AFTER_SECONDS: key(
    wholeNumber(1, 3_600),
    '20',
    'How long after its start a silent session is asked about for the first time.',
  ),
  PULL_INTERVAL_MS: key(
    wholeNumber(10, 60_000),
    '1000',
    'How often a worker looks for sessions that are due to be asked about.',
  ),
  PULL_CONCURRENCY: key(wholeNumber(1, 200), '8', 'Sessions that a worker asks about at once.'),
  PULL_LEASE_SECONDS: key(
    wholeNumber(10, 86_400),
    '120',
    'How long one worker may take over a session before another asks about it; at least 10 more than ILIVE_RESPONSE_TIMEOUT_SECONDS.',
  ),
  ...receiveKeys,
  ANNOUNCE_TIMEOUT_MS: key(
    wholeNumber(10, 60_000),
    '1000',
    'Time for the queue to take an announcement; past it the sweep sees to the deliveries.',
  ),
  BATCH_MAX_DELIVERIES: key(
    wholeNumber(1, 2_000),
    '1000',
    'Deliveries that a worker processes in one transaction; lower it when single batches take too long.',
  ),
  LATE_AFTER_SECONDS: key(
    wholeNumber(1, 3_600),
    '5',
    'How long a delivery may be owed before it stands behind newer ones; raise it where workers are often behind for longer and order matters more than how soon new ones are there.',
  ),
  WORKER_CONCURRENCY: key(wholeNumber(1, 100), '4', 'Batches that a worker processes at once.'),
  PROCESS_MAX_ATTEMPTS: key(
    wholeNumber(1, 100),
    '5',
    'Tries for a delivery that fails for no reason of the database’s before it is parked: the first at once, the others 20 s, 1, 3 and 9 minutes after the last one.',
  ),
  SWEEP_INTERVAL_SECONDS: key(
    wholeNumber(1, 3_600),
    '5',
    'How often a worker looks for deliveries that nobody processes.',
  ),
  SWEEP_OVERDUE_SECONDS: key(
    wholeNumber(1, 3_600),
    '10',
    'How long a delivery may be owed before the sweep looks after it.',
  ),
  ...apiKeys,
  ...operationKeys,
};
