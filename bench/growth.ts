// `npm run bench:growth`: does the service stay as it is when its tables grow? The same measurements on empty tables and on
// full ones, in turns on one Postgres; then every case of every list on the full ones, and days of bodies dropped beside
// live deliveries. Exit code 1 for a wrong answer or a lost delivery, and for a broken promise only where that is asked for.
import { randomBytes } from 'node:crypto';
import { dropDays } from './growth-days.ts';
import { fillDataDir } from './growth-fill.ts';
import { type GrowthOptions, growthHelp, readGrowthOptions } from './growth-options.ts';
import { type Grown, judgeGrowth, writeGrowth } from './growth-report.ts';
import { type Contender, lineUp } from './line-up.ts';
import { connectLooker } from './look-ups-ask.ts';
import { findCases } from './look-ups-cases.ts';
import { measureAll } from './look-ups-measure.ts';
import { describeMachine } from './machine.ts';
import { writeMachine, writeNumber } from './report.ts';
import { type Bench, runBench } from './run-bench.ts';
import { saveJson } from './save-results.ts';
import { beside, type Outcome, onPlace, untilSo } from './scenario.ts';
import { burst, sustained } from './scenario-load.ts';
import { createDataDir, startPostgresOn } from './start-service.ts';
import { openStores, type Place, type Stores } from './stores.ts';

const scenarioOf = { burst, sustained } as const;
const workOffMaxSeconds = 600;

async function run(options: GrowthOptions, bench: Bench): Promise<boolean> {
  const { dataDir, remove } = await createDataDir();
  bench.undo.push(remove);
  const now = new Date();
  console.log(`Filling the tables with ${options.deliveries} deliveries …`);
  const fillingMs = performance.now();
  await fillDataDir(dataDir, { deliveries: options.deliveries, now }, tellSlow);
  const fillSeconds = (performance.now() - fillingMs) / 1_000;
  const postgres = await startPostgresOn(dataDir);
  bench.undo.push(postgres.stop);
  const stores = await openStores(postgres.url, undefined, bench);
  const contender = lineUp.find(({ name }) => name === 'ours');
  if (contender === undefined) throw new Error('the service has left the line-up');
  const secret = randomBytes(24).toString('hex');
  const machine = await describeMachine(postgres.url);
  const tables = await onPlace(stores.openFullPlace(secret), ({ db }) =>
    db.query<{ text: string }>({
      text: `select format('%s rows, %s on the disk', to_char((select count(*) from deliveries), 'FM999,999,999'),
               pg_size_pretty(pg_database_size(current_database()))) as text`,
    }),
  );
  const settled = await settle(contender, { stores, secret, options });
  const measured = await measureBoth(contender, { stores, secret, options });
  await onPlace(stores.openFullPlace(secret), (place) => workOff(contender, place));
  console.log('Asking the lists …');
  const lists = await onPlace(stores.openFullPlace(secret), (place) => askLists(place, now, options.times));
  console.log('Dropping days of bodies beside live deliveries …');
  const days = await onPlace(stores.openFullPlace(secret), (place) => dropDays(contender, place, options));
  const grown: Grown = { measured, lists, days };
  const verdicts = judgeGrowth(grown);
  console.log(`\n\`\`\`\n${writeMachine(machine)}`);
  console.log(`${tables[0]?.text}, filled in ${Math.round(fillSeconds)} s`);
  console.log(`${options.rounds} rounds of ${options.seconds} s after ${options.warmUpSeconds} s`);
  const coldRate = writeNumber(settled.figures.perSecond ?? 0, 0);
  console.log(
    `${options.settleSeconds} s on the full tables before, cold: ${coldRate} processed a second\n\`\`\`\n`,
  );
  console.log(writeGrowth(grown, verdicts));
  const troubles = [settled, ...measured, days].flatMap(({ troubles: some }) => some);
  if (troubles.length > 0) console.log(`\nNot as it should be:\n  ${troubles.join('\n  ')}`);
  await saveJson(options.jsonFile, { machine, options, fillSeconds, settled, ...grown, verdicts });
  return troubles.length === 0 && (!options.isStrict || verdicts.every(({ isKept }) => isKept));
}

// Dozens of indexes take no time worth a line.
function tellSlow(done: string): void {
  if (!done.includes('(0.')) console.log(`  ${done}`);
}

async function askLists(
  { databaseUrl, db, signal }: Place,
  now: Date,
  times: number,
): Promise<Grown['lists']> {
  const looker = await connectLooker(databaseUrl);
  try {
    return await measureAll(looker, await findCases(db, now), times, signal);
  } finally {
    await looker.close();
  }
}

interface Both {
  readonly stores: Stores;
  readonly secret: string;
  readonly options: GrowthOptions;
}

// Nothing of the full tables is in Postgres' buffers yet, as after a restart.
async function settle(contender: Contender, { stores, secret, options }: Both): Promise<Outcome> {
  console.log(`  on the full tables, not counted, for ${options.settleSeconds} s …`);
  const longer = { ...options, seconds: options.settleSeconds };
  return onPlace(stores.openFullPlace(secret), (place) => sustained(contender, place, longer));
}

// What the bursts have left behind, before the lists are asked.
async function workOff(contender: Contender, place: Place): Promise<void> {
  console.log('Working off what is left …');
  await beside(contender.start('work', place), async ({ isDone }) => {
    const hasDone = await untilSo(isDone, workOffMaxSeconds, place.signal);
    if (!hasDone) throw new Error(`not worked off within ${workOffMaxSeconds} s`);
    return { figures: {}, troubles: [] };
  });
}

async function measureBoth(
  contender: Contender,
  { stores, secret, options }: Both,
): Promise<Grown['measured']> {
  const measured: Grown['measured'][number][] = [];
  // Bursts last: nobody works on them, and on the full tables a sustained run would begin with what they have left behind,
  // and be measured beside the vacuum and the checkpoint that this brings. On the empty ones it never would.
  for (const scenario of ['sustained', 'burst'] as const) {
    for (let round = 1; round <= options.rounds; round += 1) {
      // Each comes first every other time.
      const tables = round % 2 === 1 ? (['empty', 'full'] as const) : (['full', 'empty'] as const);
      for (const table of tables) {
        const place = table === 'empty' ? stores.openPlace(secret) : stores.openFullPlace(secret);
        const outcome = await onPlace(place, (opened) => scenarioOf[scenario](contender, opened, options));
        const rate = Math.round(outcome.figures.perSecond ?? 0);
        console.log(`  round ${round}, ${scenario}, ${table} tables: ${rate}/s`);
        measured.push({ ...outcome, round, scenario, table });
      }
    }
  }
  return measured;
}

runBench(growthHelp, readGrowthOptions, run);
