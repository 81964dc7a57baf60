// What the keys say → the configuration as the service's parts take it: nested, in the units of code, frozen. A key that
// is not taken up here is read for nothing.
import type { z } from 'zod';
import type { keys } from './config-keys.ts';
import type { SecretEncoding } from './ilive/signature.ts';
import type { Secret } from './secret.ts';

type Keys = typeof keys;
export type Values = {
  [Name in keyof Keys]:
    | z.infer<Keys[Name]['schema']>
    | (Keys[Name]['defaultText'] extends null ? undefined : never);
};

export interface SigningSecrets {
  readonly account: string;
  readonly secrets: readonly Secret[];
  readonly encoding: SecretEncoding;
}

export function nest(values: Values, signingKeys: readonly SigningSecrets[]) {
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
    ...nestReceive(values, signingKeys),
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

function nestReceive(values: Values, signingKeys: readonly SigningSecrets[]) {
  return {
    receive: {
      signingKeys,
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

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null && !Object.isFrozen(inner)) deepFreeze(inner);
  }
  return Object.freeze(value);
}
