// Where the processor's time went during a measurement: the service, its Postgres, Redis, the load, and everybody else on
// the machine, whose share says how far a figure can be trusted. Read from /proc, so other systems go without.
import { readdirSync, readFileSync } from 'node:fs';

export interface CpuReading {
  readonly busySeconds: number;
  readonly processes: ReadonlyMap<number, ProcessTime>;
}

interface ProcessTime {
  readonly name: string;
  readonly parent: number;
  readonly seconds: number;
}

export interface WhoIsWho {
  readonly seconds: number;
  readonly servicePids: readonly number[];
  readonly loadPid: number;
  /** The postmaster; every Postgres on the machine counts where it is not known. */
  readonly postgresPid?: number;
  /** Every Redis on the machine counts where it is not known. */
  readonly redisPid?: number | undefined;
}

export type CpuShares = Readonly<
  Record<'service' | 'postgres' | 'redis' | 'load' | 'elsewhere' | 'total', number>
>;

// The kernel tells /proc in hundredths of a second on every platform that Node runs on.
const ticksPerSecond = 100;

/** The time used so far; undefined where there is no /proc. */
export function readCpu(): CpuReading | undefined {
  try {
    const [, ...fields] = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.split(/\s+/) ?? [];
    const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, steal = 0] = fields.map(Number);
    return {
      busySeconds: (user + nice + system + irq + softIrq + steal) / ticksPerSecond,
      processes: new Map(readdirSync('/proc').filter(isPid).flatMap(readProcess)),
    };
  } catch {
    return undefined;
  }
}

/** Processors kept busy between two readings, by who kept them busy. */
export function shareCpu(
  before: CpuReading | undefined,
  after: CpuReading | undefined,
  who: WhoIsWho,
): CpuShares | undefined {
  if (before === undefined || after === undefined) return undefined;
  const { seconds, servicePids, loadPid, postgresPid, redisPid } = who;
  const used = { service: 0, postgres: 0, redis: 0, load: 0 };
  for (const [pid, { name, parent, seconds: now }] of after.processes) {
    const spent = (now - (before.processes.get(pid)?.seconds ?? 0)) / seconds;
    const isPostgres = postgresPid === undefined || pid === postgresPid || parent === postgresPid;
    if (servicePids.includes(pid)) used.service += spent;
    else if (pid === loadPid) used.load += spent;
    else if (name === 'postgres' && isPostgres) used.postgres += spent;
    else if (/^(redis|valkey)/.test(name) && (redisPid ?? pid) === pid) used.redis += spent;
  }
  const total = (after.busySeconds - before.busySeconds) / seconds;
  const ours = used.service + used.postgres + used.redis + used.load;
  return { ...used, elsewhere: Math.max(total - ours, 0), total };
}

export interface MemoryReading {
  readonly residentBytes: number;
  /** The most that it ever was. */
  readonly peakBytes: number;
}

/** What a process has in memory; undefined where there is no /proc. */
export function readMemory(pid: number): MemoryReading | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const bytesOf = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
    return { residentBytes: bytesOf('VmRSS'), peakBytes: bytesOf('VmHWM') };
  } catch {
    return undefined;
  }
}

function isPid(name: string): boolean {
  return /^\d+$/.test(name);
}

function readProcess(pid: string): [number, ProcessTime][] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const name = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'));
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const seconds = (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    return [[Number(pid), { name, parent: Number(fields[1]), seconds }]];
  } catch {
    return []; // it has ended in this moment
  }
}
