// Every key of the environment: how it is read, what stands for it when it is absent, and a sentence that says when one
// would change it. `config.ts` reads them; `.env.example` and the README's table are generated from them. No secret has a
// default, and nothing hangs on NODE_ENV.
import { z } from 'zod';
import {
  defaultTemplate,
  defaultToleranceSeconds,
  parseTemplate,
  secretEncodings,
  type Template,
} from './ilive/signature.ts';
import { logLevels } from './log.ts';
import { Secret } from './secret.ts';

export const roles = ['all', 'receiver', 'worker'] as const;
export type Role = (typeof roles)[number];

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,12}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`);

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

const secretList = list.transform((items) => items.map((item) => new Secret(item)));

const jsonObject = <T extends z.ZodType>(values: T) =>
  z.string().transform((text, context): Record<string, z.infer<T>> => {
    try {
      return z.record(z.string().min(1), values).parse(JSON.parse(text));
    } catch {
      context.addIssue({
        code: 'custom',
        message: 'must be a JSON object of the form shown in .env.example',
      });
      return z.NEVER;
    }
  });

const url = (...schemes: string[]) =>
  z
    .string()
    .refine((text) => schemes.some((scheme) => text.startsWith(`${scheme}://`)), {
      message: `must start with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
    })
    .transform((text) => new Secret(text));

const template = z.string().transform((text, context): Template => {
  const parsed = parseTemplate(text);
  if (typeof parsed !== 'string') return parsed;
  context.addIssue({ code: 'custom', message: parsed });
  return z.NEVER;
});

export interface Key<T extends z.ZodType = z.ZodType> {
  readonly schema: T;
  /** The text that stands for an absent key; null where absence has a meaning of its own, told in `doc`. */
  readonly defaultText: string | null;
  readonly doc: string;
  readonly example?: string;
  readonly isSecret?: boolean;
}

const key = <T extends z.ZodType>(
  schema: T,
  defaultText: string | null,
  doc: string,
  more: { example?: string; isSecret?: boolean } = {},
): Key<T> => ({
  schema,
  defaultText,
  doc,
  ...more,
});

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
    'Postgres 15 or newer. Unset: the service starts a Postgres of its own in DATA_DIR, which suits one process on one machine.',
    { example: 'postgres://ilive:password@localhost:5432/ilive', isSecret: true },
  ),
  DATA_DIR: key(
    z.string().min(1),
    '.data',
    'Folder for what the service keeps on disk, the embedded Postgres above all; put it on storage that outlives the process.',
  ),
  DATABASE_POOL_MAX: key(
    wholeNumber(2, 500),
    '10',
    'Connections to Postgres for each of receiving and working in this process; raise it with WORKER_CONCURRENCY.',
  ),
  REDIS_URL: key(
    url('redis', 'rediss', 'redis-cluster', 'rediss-cluster'),
    null,
    'Redis 6.2 or newer for the queue, with noeviction; redis-cluster://host:port,host:port for a cluster. Unset: the queue lives in Postgres, which is enough for most.',
    { example: 'redis://localhost:6379', isSecret: true },
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
    jsonObject(z.array(z.string().min(1)).transform((items) => items.map((item) => new Secret(item)))),
    null,
    'Signing secrets of further iLive accounts, whose deliveries come to /webhooks/ilive/<account>.',
    { example: '{"acme":["secret-one","secret-two"]}', isSecret: true },
  ),
  ILIVE_SECRET_ENCODING: key(
    z.enum(secretEncodings, `must be one of ${secretEncodings.join(', ')}`),
    'utf8',
    'How a secret becomes the HMAC key; change it when signatures do not match although the secret is right (ASSUMPTION 02).',
  ),
  ILIVE_SIGNATURE_TEMPLATE: key(
    template,
    defaultTemplate,
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
  BODY_LIMIT_BYTES: key(
    wholeNumber(1_024, 67_108_864),
    '1048576',
    'Largest body that the webhook route reads; a larger one is answered with 413 and lost, so be generous.',
  ),
  REQUEST_TIMEOUT_SECONDS: key(
    wholeNumber(1, 300),
    '15',
    'Time for a request to arrive completely; a slower one is answered with 408 and closed.',
  ),
  GROUP_MAX_DELIVERIES: key(
    wholeNumber(1, 5_000),
    '512',
    'Deliveries in one group commit; lower it when single commits take too long.',
  ),
  GROUP_QUEUE_MAX_DELIVERIES: key(
    wholeNumber(1, 1_000_000),
    '10000',
    'Deliveries that may wait for a commit; past it new ones are answered with 503 at once. Bounds the memory of a receiver.',
  ),
  COMMIT_TIMEOUT_SECONDS: key(
    wholeNumber(1, 60),
    '5',
    'Time for a group commit; past it the group is answered with 503 and iLive sends it again.',
  ),
  ANNOUNCE_TIMEOUT_MS: key(
    wholeNumber(10, 60_000),
    '1000',
    'Time for the queue to take an announcement; past it the sweep sees to the deliveries.',
  ),
  BATCH_MAX_DELIVERIES: key(
    wholeNumber(1, 2_000),
    '200',
    'Deliveries that a worker processes in one transaction.',
  ),
  WORKER_CONCURRENCY: key(wholeNumber(1, 100), '4', 'Batches that a worker processes at once.'),
  PROCESS_MAX_ATTEMPTS: key(
    wholeNumber(1, 100),
    '5',
    'Tries for a delivery that fails for no reason of the database’s before it is parked.',
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
  SHUTDOWN_GRACE_SECONDS: key(
    wholeNumber(1, 600),
    '20',
    'Time for work in flight when the service stops; keep it below what your platform waits before it kills.',
  ),
  BOOTSTRAP_API_KEY: key(
    z
      .string()
      .min(16, 'must be at least 16 characters')
      .transform((text) => new Secret(text)),
    null,
    'A key that always works for the API, for machines to set. Unset: the API answers nobody.',
    { example: 'a-long-random-text', isSecret: true },
  ),
  LOG_LEVEL: key(
    z.enum(logLevels, `must be one of ${logLevels.join(', ')}`),
    'info',
    'How much is logged; debug shows the queue’s connection troubles.',
  ),
};
