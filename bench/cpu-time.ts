// Where the processor's time went during a measurement: the service, its Postgres, Redis, the load, and everybody else on
// the machine, whose share says how far a figure can be trusted. Read from /proc, so other systems go without.
import { readdirSync, readFileSync } from 'node:fs';

export interface CpuReading {
  readonly busySeconds: number;
  readonly processes: ReadonlyMap<number, { readonly name: string; readonly seconds: number }>;
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
  { seconds, servicePid, loadPid }: { seconds: number; servicePid: number; loadPid: number },
): CpuShares | undefined {
  if (before === undefined || after === undefined) return undefined;
  const used = { service: 0, postgres: 0, redis: 0, load: 0 };
  for (const [pid, { name, seconds: now }] of after.processes) {
    const spent = (now - (before.processes.get(pid)?.seconds ?? 0)) / seconds;
    if (pid === servicePid) used.service += spent;
    else if (pid === loadPid) used.load += spent;
    else if (name === 'postgres') used.postgres += spent;
    else if (/^(redis|valkey)/.test(name)) used.redis += spent;
  }
  const total = (after.busySeconds - before.busySeconds) / seconds;
  const ours = used.service + used.postgres + used.redis + used.load;
  return { ...used, elsewhere: Math.max(total - ours, 0), total };
}

function isPid(name: string): boolean {
  return /^\d+$/.test(name);
}

function readProcess(pid: string): [number, { name: string; seconds: number }][] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const name = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'));
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const seconds = (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    return [[Number(pid), { name, seconds }]];
  } catch {
    return []; // it has ended in this moment
  }
}
