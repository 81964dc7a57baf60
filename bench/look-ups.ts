// `npm run bench:look-ups`: how long the database takes for what the lists are asked. A Postgres of its own is filled with the
// rows of ninety days; then every filter, every order and the filters that are asked together are asked through the
// operations themselves, the first page and the one after it, with other values each time. Exit code 1 where a p95 at the
// database is above the limit.
import type { Database } from '../src/db/connect.ts';
import { migrate } from '../src/db/migrate.ts';
import { connectLooker } from './look-ups-ask.ts';
import { findCases } from './look-ups-cases.ts';
import { measureAll } from './look-ups-measure.ts';
import { type LookUpsOptions, lookUpsHelp, readLookUpsOptions } from './look-ups-options.ts';
import { writeMeasurements } from './look-ups-report.ts';
import { fillTables } from './look-ups-rows.ts';
import { describeMachine } from './machine.ts';
import { connectOnce } from './own-connection.ts';
import { writeMachine } from './report.ts';
import { type Bench, runBench } from './run-bench.ts';
import { saveJson } from './save-results.ts';
import { startPostgres } from './start-service.ts';

async function run(options: LookUpsOptions, bench: Bench): Promise<boolean> {
  const postgres = await startPostgres({ fsync: 'off', full_page_writes: 'off' });
  bench.undo.push(postgres.stop);
  await migrate(postgres.url);
  const db = connectOnce(postgres.url);
  bench.undo.push(() => db.close());
  const machine = await describeMachine(postgres.url);
  const now = new Date();
  console.log(`Filling the tables with ${options.sessions} sessions and what belongs to them …`);
  await fillTables(db, { sessions: options.sessions, now }, (done) => console.log(`  ${done}`));
  const looker = await connectLooker(postgres.url);
  bench.undo.push(() => looker.close());
  const measurements = await measureAll(looker, await findCases(db, now), options.times, bench.signal);
  const slow = measurements.filter(({ p95Ms }) => p95Ms > options.maxMs);
  console.log(`\n${writeMachine(machine)}`);
  console.log(`${await describeTables(db)}; each case ${options.times} times, two pages of 50\n`);
  console.log(writeMeasurements(measurements));
  for (const { list, p95Ms, slowest } of slow) {
    console.log(`\nToo slow: ${list}?${slowest} (p95 of its case ${p95Ms.toFixed(1)} ms)`);
  }
  await saveJson(options.jsonFile, { machine, options, measurements });
  return slow.length === 0;
}

async function describeTables(db: Database): Promise<string> {
  const tables = ['sessions', 'deliveries', 'observations', 'face_matches', 'compliance_alerts'];
  const rows = await db.query<{ text: string }>({
    text: `
      select format('%s %s (%s)', to_char(reltuples, 'FM999,999,999'), relname, pg_size_pretty(pg_total_relation_size(oid))) as text
      from pg_class where relname = any($1) and relkind = 'r' order by reltuples desc`,
    values: [tables],
  });
  return rows.map(({ text }) => text).join(', ');
}

runBench(lookUpsHelp, readLookUpsOptions, run);
