// The doctor's checks of Postgres, of the queue, of clocks and of keys: each from what was looked at, without looking.
import type { SchemaVersion } from '../db/migration-files.ts';
import type { ReplicaSight, ReplicaState } from '../db/read-replicas.ts';
import type { Collation, PostgresFacts } from '../db/server-facts.ts';
import type { RefusalFigures } from '../db/status.ts';
import type { QueueFacts } from '../queue-facts.ts';
import { counted } from './counted.ts';
import { type Finding, finding } from './finding.ts';
import { describeQueueTrouble } from './queue-problem.ts';
import type { JudgingSight } from './sealed.ts';
import { thresholds } from './status.ts';
import { ageOf, weighUndecided } from './undecided.ts';

const postgresMin = 150_000;
const redisMin = [6, 2] as const;
const daysAheadMin = 3;

export function checkPostgres(facts: PostgresFacts): Finding[] {
  const { versionNumber, settings } = facts;
  const major = Math.floor(versionNumber / 10_000);
  const isOld = versionNumber < postgresMin;
  const isDurable = settings.fsync === 'on' && settings.full_page_writes === 'on';
  return [
    finding(
      'postgres version',
      isOld ? 'error' : 'ok',
      `Postgres ${major}`,
      isOld ? 'use Postgres 15 or newer' : null,
    ),
    isDurable
      ? finding('postgres durability', 'ok', 'fsync and full_page_writes are on', null)
      : finding(
          'postgres durability',
          'error',
          `fsync is ${settings.fsync}, full_page_writes is ${settings.full_page_writes}: a crash can lose what was answered 202`,
          'turn both on in postgresql.conf',
        ),
    ['on', 'pglz'].includes(settings.wal_compression ?? '')
      ? finding(
          'postgres log',
          'warning',
          'wal_compression is pglz, which takes half of the pace once millions of deliveries are stored',
          'set it to lz4 where Postgres was built with it, or to off',
        )
      : finding('postgres log', 'ok', `wal_compression is ${settings.wal_compression}`, null),
    settings.server_encoding === 'UTF8'
      ? finding('postgres encoding', 'ok', 'the database holds every text', null)
      : finding(
          'postgres encoding',
          'error',
          `the database has the encoding ${settings.server_encoding}: deliveries with letters that it does not have are parked`,
          'restore a dump into a database that was created with the encoding UTF8 (docs/operations.md)',
        ),
    checkCollation(facts.collation),
  ];
}

function checkCollation({ name, isByBytes, madeWith, version }: Collation): Finding {
  const check = 'postgres collation';
  if (madeWith !== version) {
    return finding(
      check,
      'error',
      `indexes were made by the rules of ${name} in version ${madeWith}, and those of ${version} are used now: what is there may not be found, and be stored twice`,
      'stop the service, then REINDEX DATABASE and ALTER DATABASE … REFRESH COLLATION VERSION',
    );
  }
  if (isByBytes) return finding(check, 'ok', 'texts are ordered by their bytes', null);
  return finding(
    check,
    'warning',
    `texts are ordered by the rules of ${name}: deliveries cost Postgres more, and another version of these rules leaves indexes wrong`,
    'restore a dump into a database that was created with the locale C (docs/operations.md)',
  );
}

export function checkSchema(
  { newestMigration, strayBodies, daysAhead }: PostgresFacts,
  own: SchemaVersion,
): Finding[] {
  const isCurrent = newestMigration === own.when;
  return [
    isCurrent
      ? finding('schema', 'ok', `is ${own.tag}`, null)
      : finding(
          'schema',
          'error',
          `is not ${own.tag}, the one of this version`,
          'restart the service: a start migrates',
        ),
    daysAhead >= daysAheadMin
      ? finding('partitions', 'ok', `those of ${counted(daysAhead, 'day')} from today on are there`, null)
      : finding(
          'partitions',
          'warning',
          `only those of ${counted(daysAhead, 'day')} from today on are there`,
          'is a worker running? Its upkeep makes them',
        ),
    ...(strayBodies === 0
      ? []
      : [
          finding(
            'partitions',
            'warning',
            `${strayBodies >= 1_000 ? 'at least 1000' : strayBodies} bodies of the last week lie in no day's partition`,
            'tidiness only: once they are old they are deleted one by one',
          ),
        ]),
  ];
}

export function checkQueue({ kind, isUp, trouble, redis, savePoints }: QueueFacts): Finding[] {
  if (!isUp) {
    const place = kind === 'redis' ? 'REDIS_URL' : 'DATABASE_URL';
    const advice = `check ${place}, and that it answers; deliveries are processed by the sweep meanwhile`;
    return [finding('queue', 'error', describeQueueTrouble(kind, trouble ?? 'away'), advice)];
  }
  if (kind === 'postgres') return [finding('queue', 'ok', 'lives in Postgres', null)];
  const version = redis.redis_version ?? '0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < redisMin[0] || (major === redisMin[0] && minor < redisMin[1]);
  const policy = redis.maxmemory_policy ?? 'unknown';
  return [
    finding(
      'redis version',
      isOld ? 'error' : 'ok',
      `Redis ${version}`,
      isOld ? 'use Redis 6.2 or newer' : null,
    ),
    policy === 'noeviction'
      ? finding('redis eviction', 'ok', 'maxmemory-policy is noeviction', null)
      : finding(
          'redis eviction',
          'error',
          `maxmemory-policy is ${policy}: jobs vanish when memory is short`,
          'CONFIG SET maxmemory-policy noeviction, and set it in redis.conf',
        ),
    checkPersistence(redis, savePoints),
  ];
}

// Nothing hangs on it but time: the sweep rings again for what a Redis has forgotten.
function checkPersistence(redis: QueueFacts['redis'], savePoints: string | null): Finding {
  const check = 'redis persistence';
  if (redis.aof_enabled === '1') return finding(check, 'ok', 'appendonly is on', null);
  if (savePoints === '')
    return finding(
      check,
      'warning',
      'appendonly is off and no snapshots are made: a restart empties the queue',
      'nothing is lost, the sweep rings again; turn appendonly on to save that time',
    );
  // Counted since Redis started, from 7.0 on; the time of the last save is that of the start where there was none.
  if (savePoints !== null || Number(redis.rdb_saves ?? 0) > 0)
    return finding(check, 'ok', 'snapshots are made', null);
  return finding(
    check,
    'warning',
    'appendonly is off, and it is not known whether snapshots are made: Redis does not tell its settings',
    'nothing is lost by a restart that empties the queue, the sweep rings again; see what its provider says of snapshots',
  );
}

const replicaAdvice: Readonly<Record<Exclude<ReplicaState, 'usable'>, string>> = {
  unchecked: 'look again in a second',
  unreachable: 'see that it runs, and that DATABASE_READ_URL and its password are right',
  lagging:
    'see why it replays so slowly (its disk, a long query, a paused replay), or raise DATABASE_READ_MAX_LAG_SECONDS',
  not_a_replica: 'it was promoted: take it out of DATABASE_READ_URL, or make it a replica again',
  other_database: 'DATABASE_READ_URL names a server that is no copy of DATABASE_URL',
  other_schema: 'it has not replayed the newest migration yet; wait until it has',
};

/** None where no replica is configured. */
export function checkReplicas(replicas: readonly ReplicaSight[]): Finding[] {
  return replicas.map(({ name, state, lagMs }) => {
    const check = `replica ${name}`;
    const lag = lagMs === null ? 'its lag is not known' : `lags ${(lagMs / 1000).toFixed(1)} s at most`;
    if (state === 'usable') return finding(check, 'ok', lag, null);
    return finding(
      check,
      'warning',
      `is not asked: ${state.replaceAll('_', ' ')}; ${lag}`,
      replicaAdvice[state],
    );
  });
}

export function checkServerClock(nowMs: number, serverClock: string): Finding {
  const aheadMs = nowMs - new Date(serverClock).getTime();
  return checkClock('clock and the database', aheadMs);
}

export function checkClock(check: string, aheadMs: number): Finding {
  const offMs = Math.abs(aheadMs);
  const side = aheadMs > 0 ? 'ahead' : 'behind';
  if (offMs < thresholds.clockWarningMs)
    return finding(check, 'ok', `${(offMs / 1000).toFixed(1)} s apart`, null);
  const level = offMs < thresholds.clockErrorMs ? 'warning' : 'error';
  const message = `our clock is ${Math.round(offMs / 1000)} s ${side}`;
  return finding(check, level, message, 'mend the clocks (NTP): signatures are refused by their time');
}

/** What was refused and nobody has decided about. */
export function checkRefusals(figures: RefusalFigures, judging: JudgingSight, now: Date): Finding {
  const { refused, newestAt } = figures;
  if (refused === 0) return finding('refusals', 'ok', 'no refused request is undecided', null);
  const { finding: found, advice, isOurs } = weighUndecided(figures, judging);
  const message = `${counted(refused, 'refused request', 'is', 'are')} undecided, the newest ${ageOf(newestAt, now)} old${found}`;
  return finding('refusals', isOurs ? 'error' : 'warning', message, advice);
}

export function checkApiKeys(facts: {
  readonly hasBootstrapKey: boolean;
  readonly hasMadeKeys: boolean;
}): Finding {
  if (facts.hasMadeKeys) return finding('API keys', 'ok', 'named keys are in use', null);
  return finding(
    'API keys',
    'warning',
    facts.hasBootstrapKey ? 'everybody uses BOOTSTRAP_API_KEY' : 'there is no key: the API answers nobody',
    'ilive-webhooks keys create --name … --role … --why …, one for each who asks',
  );
}
