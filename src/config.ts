// The environment → a frozen configuration, or all of its problems at once. Pure: it is handed the environment, reads no
// file and no clock. Only the composition root and the process see the whole of it; a room is handed
// its slice as an argument.
import { keys } from './config-keys.ts';
import { unknownKeys } from './config-names.ts';
import { nest, type SigningSecrets, type Values } from './config-nest.ts';
import { holdsExample, type Key } from './config-schemas.ts';
import { unusableConfig } from './errors.ts';
import { documentedKinds } from './ilive/payload.ts';
import { secretFlaw } from './ilive/signature.ts';
import { fileKeyOf } from './secret-files.ts';

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

/** Those that `<KEY>_FILE` may name a file of. */
export const secretKeys = configKeys.filter(({ isSecret }) => isSecret).map(({ env }) => env);

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
  const config = nest(values as Values, signingKeysOf(values as Values));
  const named = problems.map((problem) => problem.split(':')[0]);
  problems.push(
    ...contradictions(config).filter((problem) => !named.includes(problem.split(':')[0])),
    ...unknownKeys(env, ownNames, [...Object.keys(keys), ...secretKeys.map(fileKeyOf)]),
  );
  if (problems.length > 0) throw unusableConfig(problems);
  return config;
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
