// `npm run bench:processes`: the service as 1, 2 and 4 processes of one start, by the closed loops of the comparison: how
// much is acknowledged by receivers alone, and how much acknowledged and processed by whole ones. The load and Postgres are on
// the same machine, so the columns of cores say what there was left to gain.
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { Part } from './contenders/program.ts';
import { readCpu } from './cpu-time.ts';
import type { Contender } from './line-up.ts';
import { describeMachine } from './machine.ts';
import { readCount } from './options.ts';
import { ourRows } from './our-rows.ts';
import { writeMachine, writeNumber, writeTable } from './report.ts';
import { type Bench, runBench } from './run-bench.ts';
import { addSection, saveJson } from './save-results.ts';
import { type LoadOptions, type Outcome, onPlace, untilSo } from './scenario.ts';
import { burst, sustained } from './scenario-load.ts';
import { type Playing, startOurs } from './start-program.ts';
import { startPostgres } from './start-service.ts';
import { openStores, type Place } from './stores.ts';

interface ProcessesOptions extends LoadOptions {
  readonly counts: readonly number[];
  readonly isKept: boolean;
  readonly jsonFile: string | undefined;
}

const help = `
Measures the service as several processes of one start (WEB_CONCURRENCY), with the queue on
Postgres: deliveries acknowledged a second by receivers alone, and acknowledged and processed
a second by whole processes. Exit code 1 when a delivery was lost or answered wrongly.

Usage: npm run bench:processes -- [options]

  --counts A,B,…   how many processes (default 1,2,4)
  --seconds N      of each measurement (default 8), after 3 that are not counted
  --connections N  that the load keeps busy (default 64)
  --keep           add the table to bench/README.md, as a section with today's date
  --json FILE      write every figure to FILE as well
  --help           this text
`.trim();

const warmUpSeconds = 3;
const startSeconds = 60;
// A pool for each of receiving, reading and working in each process; more would pass what the embedded Postgres takes.
const postgresConnections = '400';

function readOptions(args: readonly string[]): ProcessesOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      counts: { type: 'string', default: '1,2,4' },
      seconds: { type: 'string', default: '8' },
      connections: { type: 'string', default: '64' },
      keep: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  return {
    counts: values.counts.split(',').map((text) => readCount('counts', text, 64)),
    seconds: readCount('seconds', values.seconds, 600),
    connections: readCount('connections', values.connections, 10_000),
    warmUpSeconds,
    isKept: values.keep,
    jsonFile: values.json,
  };
}

interface Measured extends Outcome {
  readonly processes: number;
  readonly scenario: 'burst' | 'sustained';
}

async function run(options: ProcessesOptions, bench: Bench): Promise<boolean> {
  const secret = randomBytes(24).toString('hex');
  const postgres = await startPostgres({ max_connections: postgresConnections });
  bench.undo.push(postgres.stop);
  const stores = await openStores(postgres.url, undefined, bench);
  const machine = await describeMachine(stores.databaseUrl);
  const measured: Measured[] = [];
  for (const processes of options.counts) {
    for (const [scenario, play] of [
      ['burst', burst],
      ['sustained', sustained],
    ] as const) {
      console.log(`${scenario}, ${processes} …`);
      const outcome = await onPlace(stores.openPlace(secret), (place) =>
        play(severalOf(processes), place, options),
      );
      measured.push({ processes, scenario, ...outcome });
    }
  }
  const report = [writeMachine(machine), '', writeMeasured(measured)].join('\n');
  console.log(`\n${report}`);
  const troubles = measured.flatMap(({ processes, scenario, troubles: each }) =>
    each.map((trouble) => `${scenario}, ${processes}: ${trouble}`),
  );
  if (troubles.length > 0) console.log(`\nNot as it should be:\n${troubles.join('\n')}`);
  await saveJson(options.jsonFile, { machine, options, measured });
  if (options.isKept) {
    const told = troubles.length === 0 ? '' : `\n\nNot as it should be: ${troubles.join('; ')}.`;
    await addSection('table of processes', machine, report + told);
  }
  return troubles.length === 0;
}

function severalOf(processes: number): Contender {
  return {
    name: `processes-${processes}`,
    title: `${processes} ${processes === 1 ? 'process' : 'processes'}`,
    dialect: 'ilive',
    needsRedis: false,
    parts: ['receive', 'whole'],
    start: (part, place) => startSeveral(processes, part, place),
    ...ourRows,
  };
}

// It listens as soon as the first of them does; a measurement begins when all do.
async function startSeveral(processes: number, part: Part, place: Place): Promise<Playing> {
  const playing = await startOurs(part, place, { WEB_CONCURRENCY: String(processes) });
  const haveAll = async () => {
    const text = await (await fetch(new URL('/metrics', playing.address))).text();
    return (text.match(/^process_start_time_seconds/gm) ?? []).length >= processes;
  };
  if (await untilSo(haveAll, startSeconds, place.signal))
    return { ...playing, pids: familyOf(playing.pids, processes) };
  await playing.stop();
  throw new Error(`not all of ${processes} processes came up within ${startSeconds} s`);
}

// The one that spoke first is a child of the parent, and so are its brothers.
function familyOf(pids: readonly number[], processes: number): readonly number[] {
  const all = readCpu()?.processes;
  const parent = all?.get(pids[0] ?? 0)?.parent;
  if (processes === 1 || all === undefined || parent === undefined) return pids;
  const brothers = [...all].filter(([pid, one]) => one.parent === parent && !pids.includes(pid));
  return [...pids, ...brothers.map(([pid]) => pid), parent];
}

function writeMeasured(measured: readonly Measured[]): string {
  const head = [
    'Processes',
    'Part',
    'Deliveries/s',
    'Of one',
    'p50 ms',
    'p99 ms',
    'Group',
    'Cores: service',
    'Postgres',
    'load',
    'elsewhere',
  ];
  const parts = { burst: 'receive', sustained: 'receive and process' };
  const rows = measured.map(({ processes, scenario, figures }) => {
    const rate = figures.perSecond ?? 0;
    const first = measured.find((one) => one.scenario === scenario)?.figures.perSecond ?? rate;
    const written = (name: string, digits: number) => writeNumber(figures[name] ?? 0, digits);
    return [
      String(processes),
      parts[scenario],
      writeNumber(rate, 0),
      writeNumber(rate / first, 2),
      written('p50Ms', 1),
      written('p99Ms', 1),
      written('groupDeliveries', 0),
      written('cpuService', 2),
      written('cpuPostgres', 2),
      written('cpuLoad', 2),
      written('cpuElsewhere', 2),
    ];
  });
  return writeTable([head, ...rows]);
}

runBench(help, readOptions, run);
