// `npm run bench:scaling`: what a rate of deliveries needs, worked out of what one delivery costs, as the table of
// docs/scaling.md. It measures nothing: the costs are handed in, from the newest section of bench/README.md.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { readNumber } from './options.ts';
import { writeNumber, writeTable } from './report.ts';
import { runBench } from './run-bench.ts';

interface Costs {
  readonly day: string;
  readonly serviceMs: number;
  readonly postgresMs: number;
  readonly walBytes: number;
  readonly redisCommands: number;
  readonly diskBytes: number;
}

const help = `
Writes the table of docs/scaling.md anew, from what one delivery costs: "receiver and worker
apart, Redis" in the newest section of bench/README.md.

Usage: npm run bench:scaling -- --day 2026-11-25 --service-ms 0.202 --postgres-ms 0.289 \\
         --wal-bytes 4973 --redis-commands 1.02 --disk-bytes 2500
`.trim();

const document = path.join(import.meta.dirname, '../docs/scaling.md');
const rates = [1_000, 10_000, 100_000];
// A process that is kept busier than this answers late at the peaks.
const busyShare = 0.6;
const bodyBytes = 700;
const secondsOfDay = 86_400;

function readOptions(args: readonly string[]): Costs | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      day: { type: 'string', default: '' },
      'service-ms': { type: 'string', default: '' },
      'postgres-ms': { type: 'string', default: '' },
      'wal-bytes': { type: 'string', default: '' },
      'redis-commands': { type: 'string', default: '' },
      'disk-bytes': { type: 'string', default: '' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  const cost = (name: Exclude<keyof typeof values, 'help' | 'day'>) =>
    readNumber(name, values[name], 0, 1_000_000);
  return {
    day: values.day,
    serviceMs: cost('service-ms'),
    postgresMs: cost('postgres-ms'),
    walBytes: cost('wal-bytes'),
    redisCommands: cost('redis-commands'),
    diskBytes: cost('disk-bytes'),
  };
}

async function run(costs: Costs): Promise<boolean> {
  const { serviceMs, postgresMs, walBytes, redisCommands, diskBytes } = costs;
  const row = (name: string, of: (rate: number) => number, digits = 0) => [
    name,
    ...rates.map((rate) => writeNumber(of(rate), digits)),
  ];
  const cores = (ms: number) => (rate: number) => (rate * ms) / 1_000 / busyShare;
  const table = writeTable([
    ['Deliveries a second', ...rates.map((rate) => writeNumber(rate, 0))],
    row('cores of receivers and workers', cores(serviceMs), 1),
    row('processes (`WEB_CONCURRENCY`, all machines together)', (rate) => Math.ceil(cores(serviceMs)(rate))),
    row('cores of Postgres', cores(postgresMs), 1),
    row('WAL, MB a second', (rate) => (rate * walBytes) / 1e6, 1),
    row('WAL, GB a day', (rate) => (rate * walBytes * secondsOfDay) / 1e9),
    row('tables and bodies, GB a day', (rate) => (rate * diskBytes * secondsOfDay) / 1e9),
    row('the same over 90 days, TB', (rate) => (rate * diskBytes * secondsOfDay * 90) / 1e12, 1),
    row('Redis commands a second', (rate) => rate * redisCommands),
    row('bodies coming in, Mbit a second', (rate) => (rate * bodyBytes * 8) / 1e6),
  ]);
  const section = [
    '<!-- costs -->',
    '',
    `One delivery, received and processed (${costs.day}): ${serviceMs} ms of the service's processor, ${postgresMs} ms of Postgres', ${writeNumber(walBytes, 0)} bytes of WAL, ${redisCommands} Redis commands, about ${writeNumber(diskBytes, 0)} bytes on the disk.`,
    '',
    table,
    '',
    '<!-- end of costs -->',
  ].join('\n');
  const text = await readFile(document, 'utf8');
  const written = text.replace(/<!-- costs -->.*<!-- end of costs -->/s, () => section);
  await writeFile(document, written);
  console.log(section);
  return written.includes(section);
}

runBench(help, readOptions, run);
