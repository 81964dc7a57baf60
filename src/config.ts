// The environment → a frozen configuration, or all of its problems at once. Pure: it is handed the environment, reads no
// file and no clock. Only the composition root and the process see the whole of it; a room is handed
// its slice as an argument.
import type { z } from 'zod';
import { keys } from './config-keys.ts';
import { unknownKeys } from './config-names.ts';
import { holdsExample, type Key } from './config-schemas.ts';
import { ServiceError } from './errors.ts';
import { documentedKinds } from './ilive/payload.ts';
import { type SecretEncoding, secretFlaw } from './ilive/signature.ts';
import type { Secret } from './secret.ts';

type Keys = typeof keys;
type Values = {
  [Name in keyof Keys]:
    | z.infer<Keys[Name]['schema']>
    | (Keys[Name]['defaultText'] extends null ? undefined : never);
};

/** The account of deliveries whose path names none. */
export const defaultAccount = 'default';

/** The keys as documents show them. */
export const configKeys = Object.entries<Key>(keys).map(([env, { defaultText, doc, example, isSecret }]) => ({
  env,
  doc,
  defaultText,
  example: example ?? defaultText ?? '',
  isSecret: isSecret ?? false,
}));

export type Config = ReturnType<typeof nest>;

const exampleProblem =
  'holds the example of .env.example, which everybody can read; put your own there, or comment the line out';

/**
 * Reads the environment; `ownNames` are those that stand in a file of the service's own, where all are meant for it. Throws
 * `config_invalid` with every problem, one a line; unset and empty are the same.
 */
export function parseConfig(
  env: Readonly<Record<string, string | undefined>>,
  ownNames: readonly string[] = [],
): Config {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, key] of Object.entries<Key>(keys)) {
    const { schema, defaultText } = key;
    const text = env[name]?.trim() || defaultText;
    if (text === null || text === undefined) continue;
    const read = schema.safeParse(text);
    if (read.success) values[name] = read.data;
    if (holdsExample(text, key)) problems.push(`${name}: ${exampleProblem}`);
    else if (!read.success) {
      problems.push(`${name}: ${read.error.issues.map((issue) => issue.message).join('; ')}`);
      // The default stands in, so that what contradicts what is still found in the same round.
      if (defaultText !== null) values[name] = schema.parse(defaultText);
    }
  }
  const config = nest(values as Values);
  const named = problems.map((problem) => problem.split(':')[0]);
  problems.push(
    ...contradictions(config).filter((problem) => !named.includes(problem.split(':')[0])),
    ...unknownKeys(env, ownNames, Object.keys(keys)),
  );
  if (problems.length > 0) {
    throw new ServiceError(
      'config_invalid',
      `The configuration cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
  }
  return config;
}

function nest(values: Values) {
  const seconds = (count: number) => count * 1000;
  return deepFreeze({
    role: values.ROLE,
    processes: values.WEB_CONCURRENCY,
    logLevel: values.LOG_LEVEL,
    dataDir: values.DATA_DIR,
    shutdownDelayMs: seconds(values.SHUTDOWN_DELAY_SECONDS),
    shutdownGraceMs: seconds(values.SHUTDOWN_GRACE_SECONDS),
    http: {
      host: values.HOST,
      port: values.PORT,
      requestTimeoutMs: seconds(values.REQUEST_TIMEOUT_SECONDS),
      hasDocs: values.API_DOCS === 'on',
      bootstrapKey: values.BOOTSTRAP_API_KEY,
    },
    database: {
      url: values.DATABASE_URL,
      poolMax: values.DATABASE_POOL_MAX,
      readUrls: values.DATABASE_READ_URL ?? [],
      readMaxLagMs: seconds(values.DATABASE_READ_MAX_LAG_SECONDS),
    },
    queue: {
      redisUrl: values.REDIS_URL,
      prefix: values.QUEUE_PREFIX,
      announceTimeoutMs: values.ANNOUNCE_TIMEOUT_MS,
    },
    ...nestReceive(values),
    vendor: {
      apiKey: values.ILIVE_API_KEY,
      apiUrl: values.ILIVE_API_URL,
      dialect: values.ILIVE_DIALECT,
      perMinute: values.ILIVE_RATE_PER_MINUTE,
      perSecond: values.ILIVE_RATE_PER_SECOND,
      responseTimeoutMs: seconds(values.ILIVE_RESPONSE_TIMEOUT_SECONDS),
      webhookUrl: values.PUBLIC_WEBHOOK_URL,
    },
    ledger: {
      encryptionKeys: values.ENCRYPTION_KEYS ?? [],
      sessionTtlMs: seconds(values.SESSION_TTL_SECONDS),
      confirm: values.CONFIRM,
      firstPullAfterMs: seconds(values.PULL_FIRST_AFTER_SECONDS),
      pullIntervalMs: values.PULL_INTERVAL_MS,
      pullConcurrency: values.PULL_CONCURRENCY,
      pullLeaseMs: seconds(values.PULL_LEASE_SECONDS),
    },
    work: {
      kindAliases: values.ILIVE_KIND_ALIASES ?? {},
      ignoredKinds: values.ILIVE_IGNORED_KINDS,
      batchMaxDeliveries: values.BATCH_MAX_DELIVERIES,
      concurrency: values.WORKER_CONCURRENCY,
      lateAfterMs: seconds(values.LATE_AFTER_SECONDS),
      maxAttempts: values.PROCESS_MAX_ATTEMPTS,
      sweepIntervalMs: seconds(values.SWEEP_INTERVAL_SECONDS),
      sweepOverdueMs: seconds(values.SWEEP_OVERDUE_SECONDS),
    },
    ...nestApi(values),
    ...nestOperating(values),
    secretQuietMs: seconds(values.SECRET_QUIET_SECONDS),
  });
}

function nestReceive(values: Values) {
  return {
    receive: {
      signingKeys: signingKeysOf(values),
      secretEncoding: values.ILIVE_SECRET_ENCODING,
      template: values.ILIVE_SIGNATURE_TEMPLATE,
      toleranceSeconds: values.ILIVE_SIGNATURE_TOLERANCE_SECONDS,
      bodyLimitBytes: values.BODY_LIMIT_BYTES,
      groupMaxDeliveries: values.GROUP_MAX_DELIVERIES,
      groupQueueMaxDeliveries: values.GROUP_QUEUE_MAX_DELIVERIES,
      commitTimeoutMs: values.COMMIT_TIMEOUT_SECONDS * 1000,
      outageStoreMaxBytes: values.OUTAGE_STORE_MAX_BYTES,
    },
    admission: {
      maxBytes: values.GROUP_QUEUE_MAX_BYTES,
      maxWaitMs: values.ADMISSION_MAX_WAIT_MS,
      maxLoopDelayMs: values.ADMISSION_MAX_LOOP_DELAY_MS,
    },
  };
}

function nestApi(values: Values) {
  return {
    manners: {
      ratePerMinute: values.API_RATE_PER_MINUTE,
      unknownKeysPerMinute: values.API_UNKNOWN_KEYS_PER_MINUTE,
      timeoutMs: values.API_TIMEOUT_SECONDS * 1000,
      corsOrigins: values.CORS_ORIGINS,
    },
    follow: {
      waitMaxMs: values.WAIT_MAX_SECONDS * 1000,
      maxCallers: values.WAIT_MAX_CALLERS,
      heartbeatMs: values.STREAM_HEARTBEAT_SECONDS * 1000,
      stallMs: values.STREAM_STALL_SECONDS * 1000,
      keepMs: values.CHANGES_KEEP_DAYS * 86_400_000,
    },
  };
}

function nestOperating(values: Values) {
  return {
    refusals: {
      maxCount: values.REFUSALS_MAX_COUNT,
      maxBytes: values.REFUSALS_MAX_BYTES,
      maxPerSecond: values.REFUSALS_MAX_PER_SECOND,
      maxBytesPerSecond: values.REFUSALS_MAX_BYTES_PER_SECOND,
      bufferBytes: values.REFUSALS_BUFFER_BYTES,
      keepMs: values.REFUSALS_KEEP_DAYS * 86_400_000,
    },
    bodiesKeepMs: values.BODIES_KEEP_DAYS * 86_400_000,
    replay: {
      maxPerSecond: values.REPLAY_MAX_PER_SECOND,
      batchDeliveries: values.REPLAY_BATCH_DELIVERIES,
      confirmAbove: values.REPLAY_CONFIRM_ABOVE,
      dryRunMax: values.REPLAY_DRY_RUN_MAX,
    },
  };
}

interface SigningSecrets {
  readonly account: string;
  readonly secrets: readonly Secret[];
  readonly encoding: SecretEncoding;
}

function signingKeysOf(values: Values): SigningSecrets[] {
  const encoding = values.ILIVE_SECRET_ENCODING;
  const others = Object.entries(values.ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT ?? {});
  return [[defaultAccount, values.ILIVE_WEBHOOK_SECRETS ?? []] as const, ...others]
    .filter(([, secrets]) => secrets.length > 0)
    .map(([account, secrets]) => ({ account, secrets, encoding }));
}

/** What a lease holds beside a call to iLive: connecting, and recording what it answered. */
export const leaseMarginMs = 10_000;

// What each key allows alone but not together with another.
function contradictions({ role, database, receive, admission, work, vendor, ledger }: Config): string[] {
  const problems: string[] = [];
  if (admission.maxWaitMs <= receive.commitTimeoutMs) {
    problems.push(
      'ADMISSION_MAX_WAIT_MS: must be above COMMIT_TIMEOUT_SECONDS, or a Postgres that hangs has deliveries turned away before the outage store takes them',
    );
  }
  if (admission.maxBytes < receive.bodyLimitBytes) {
    problems.push('GROUP_QUEUE_MAX_BYTES: must not be below BODY_LIMIT_BYTES');
  }
  if (database.readUrls.length > 0 && database.url === undefined) {
    problems.push(
      'DATABASE_READ_URL: replicas need a DATABASE_URL that they follow; the embedded Postgres has none',
    );
  }
  const accounts = receive.signingKeys.map(({ account }) => account);
  if (new Set(accounts).size < accounts.length) {
    problems.push(
      `ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT: "${defaultAccount}" is the account of ILIVE_WEBHOOK_SECRETS; list its secrets there`,
    );
  }
  const isRoute = (account: string) => vendor.webhookUrl?.endsWith(`/webhooks/ilive/${account}`);
  if (accounts.some((account) => account !== defaultAccount && isRoute(account))) {
    problems.push(
      `PUBLIC_WEBHOOK_URL: must name no account: sessions that the service creates belong to "${defaultAccount}", and each would be there twice`,
    );
  }
  if (role !== 'worker' && receive.signingKeys.length === 0) {
    problems.push(
      'ILIVE_WEBHOOK_SECRETS: a receiver needs at least one signing secret of your iLive account',
    );
  }
  if (role !== 'all' && database.url === undefined) {
    problems.push(
      `DATABASE_URL: ROLE=${role} needs one, since the embedded Postgres belongs to a single process`,
    );
  }
  if (ledger.pullLeaseMs < vendor.responseTimeoutMs + leaseMarginMs) {
    problems.push(
      `PULL_LEASE_SECONDS: must be at least ${leaseMarginMs / 1_000} above ILIVE_RESPONSE_TIMEOUT_SECONDS, or calls to iLive are given up before their time`,
    );
  }
  if (ledger.confirm !== 'never' && vendor.apiKey === undefined) {
    problems.push(`ILIVE_API_KEY: CONFIRM=${ledger.confirm} needs one, since confirming means asking iLive`);
  }
  for (const { account, secrets, encoding } of receive.signingKeys) {
    for (const flaw of new Set(secrets.flatMap((secret) => secretFlaw(secret.reveal(), encoding) ?? []))) {
      problems.push(`ILIVE_SECRET_ENCODING: a secret of the account "${account}" ${flaw}`);
    }
  }
  for (const [alias, name] of Object.entries(work.kindAliases)) {
    if (Object.hasOwn(documentedKinds, name)) continue;
    const known = Object.keys(documentedKinds).join(', ');
    problems.push(`ILIVE_KIND_ALIASES: "${alias}" stands for "${name}", which is none of ${known}`);
  }
  return problems;
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null && !Object.isFrozen(inner)) deepFreeze(inner);
  }
  return Object.freeze(value);
}
