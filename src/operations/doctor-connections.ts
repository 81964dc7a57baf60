// The doctor's checks of the connections to the stores: whether a commit waits for the disk, who could read along, and
// whether there are enough of them for all processes. Each from what was looked at, without looking.
import type { Wire } from '../db/connection-facts.ts';
import { queuePoolMax } from '../queue-facts.ts';
import { counted } from './counted.ts';
import { type Finding, finding } from './finding.ts';

/** Those that wait for a disk of this server and, where there are synchronous standbys, for theirs. */
const durableSettings = ['on', 'remote_apply'];

export function checkCommit(setting: string): Finding {
  const check = 'postgres commit';
  if (durableSettings.includes(setting))
    return finding(check, 'ok', `synchronous_commit is ${setting}`, null);
  return finding(
    check,
    'error',
    `synchronous_commit is ${setting} where deliveries are recorded, although the service asks for on: a crash or a failover can lose what was answered 202`,
    'connect to Postgres directly: a pooler in between leaves out what connections ask for',
  );
}

/** How a store is connected to; undefined where that could not be looked at. */
export interface StoreWire {
  /** What the finding is called. */
  readonly check: string;
  /** By its address it is on this machine. */
  readonly isNear: boolean;
  readonly wire: Wire | undefined;
}

const tlsAdvice =
  'see "TLS" in the runbook; leave it where only these machines are on that network, as in docker-compose.yml';

export function checkWire({ check, isNear, wire }: StoreWire): Finding[] {
  if (wire === undefined) return []; // that it does not answer is another finding
  if (wire.isEncrypted) return [finding(check, 'ok', 'connections use TLS', null)];
  if (isNear || wire.hasOneAddress)
    return [finding(check, 'ok', 'connections stay on this machine, without TLS', null)];
  const message = 'connections go to another machine without TLS: whoever is on the way reads deliveries';
  return [finding(check, 'warning', message, tlsAdvice)];
}

/** None for a queue in Postgres. */
export function checkRedisWire(address: string | undefined): Finding[] {
  if (address === undefined) return [];
  const check = 'redis encryption';
  if (address.startsWith('rediss')) return [finding(check, 'ok', 'connections use TLS', null)];
  if (isNear(address)) return [finding(check, 'ok', 'connections stay on this machine, without TLS', null)];
  const message =
    'connections go to another machine without TLS: whoever is on the way reads the password and can ring for anything';
  return [finding(check, 'warning', message, tlsAdvice)];
}

/** Of iLive's API as ILIVE_API_URL names it. */
export function checkVendorWire(address: string): Finding[] {
  if (address.startsWith('https:') || isNear(address)) return [];
  const message =
    'calls go to another machine without TLS: whoever is on the way reads the API key, and changes answers';
  return [finding('ilive encryption', 'warning', message, 'set ILIVE_API_URL to an address with https://')];
}

const nearHost = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?|\/.*|%2f.*)(:\d+)?$/i;

/** Whether an address of a store, of one host or of several, names this machine: by its loopback or by a Unix socket. One that names none may mean any. */
export function isNear(address: string): boolean {
  const [, authority = '', rest = ''] = /^[\w+-]+:\/\/([^/?#]*)(.*)$/s.exec(address) ?? [];
  // For Postgres, a host among the parameters is the one that counts.
  const named = new URLSearchParams(rest.split('?')[1]).get('host');
  const hosts = named ? [named] : (authority.split('@').at(-1) ?? '').split(',');
  return hosts.every((host) => nearHost.test(host));
}

export interface ProcessShape {
  readonly poolMax: number;
  readonly isQueueInPostgres: boolean;
}

// Pools of DATABASE_POOL_MAX, and what else there is: of a receiver its refusals and what listens, of a worker its replays. BullMQ
// has one pool for all queues and workers.
const readPools = 1;
const receiverPools = 3;
const receiverOthers = 2;
const workerPools = 1;
const workerOthers = 2;

/** The most connections that one process of this role may open to the primary. */
export function mostConnections(role: string, { poolMax, isQueueInPostgres }: ProcessShape): number {
  const receives = role === 'worker' ? 0 : 1;
  const works = role === 'receiver' ? 0 : 1;
  const pools = readPools + receives * receiverPools + works * workerPools;
  const queue = isQueueInPostgres ? queuePoolMax : 0;
  return pools * poolMax + receives * receiverOthers + works * workerOthers + queue;
}

export interface ConnectionSight {
  readonly settings: Readonly<Record<string, string>>;
  /** How many processes of each role are connected now. */
  readonly processes: ReadonlyMap<string, number>;
}

/** What this start is: others are taken to have the same settings. */
export interface OwnStart extends ProcessShape {
  readonly role: string;
  readonly processes: number;
}

export function checkConnections({ settings, processes }: ConnectionSight, own: OwnStart): Finding {
  const check = 'postgres connections';
  // One of ours that is being started anew counts all the same.
  const counts = new Map(processes).set(own.role, Math.max(own.processes, processes.get(own.role) ?? 0));
  const most = [...counts].reduce((sum, [role, count]) => sum + count * mostConnections(role, own), 0);
  const reserved =
    Number(settings.superuser_reserved_connections ?? 0) + Number(settings.reserved_connections ?? 0);
  const free = Number(settings.max_connections) - reserved;
  const who = [...counts]
    .map(([role, count]) => (role === 'all' ? `${count} of ROLE=all` : counted(count, role)))
    .join(' and ');
  if (most <= free) return finding(check, 'ok', `up to ${most} of ${free}, for ${who}`, null);
  return finding(
    check,
    'warning',
    `${who} may open ${most} connections, and Postgres has ${free} of them for whoever is no superuser`,
    'raise max_connections, or lower DATABASE_POOL_MAX or WEB_CONCURRENCY (docs/scaling.md)',
  );
}
