// What is looked at after processes were restarted or replaced under load: did a request fail, is anything that was accepted
// missing or there twice, is all of it processed, and do the sessions add up.
import { setTimeout as wait } from 'node:timers/promises';
import { connectOnce } from './own-connection.ts';
import type { RestartLoad } from './restart-load.ts';
import { quantile } from './statistics.ts';

const processedWithinMs = 60_000;

/** Prints what was found; answers whether all is well. `endings` says of each process how it ended. */
export async function judge(
  load: RestartLoad,
  endings: readonly string[],
  databaseUrl: string,
  signal: AbortSignal,
): Promise<boolean> {
  const db = connectOnce(databaseUrl);
  const look = async () => {
    const [row] = await db.query<
      Record<'rows' | 'owed' | 'tried' | 'settled' | 'observations' | 'sessions' | 'states', number>
    >({
      text: `select (select count(*)::int from deliveries) as rows,
                    (select count(*)::int from deliveries where state = 'received') as owed,
                    (select count(*)::int from deliveries where attempts > 1) as tried,
                    (select count(*)::int from sessions where state = 'settled') as settled,
                    (select count(*)::int from observations) as observations,
                    (select count(*)::int from sessions) as sessions,
                    (select sum(each)::int from (select count(*) as each from sessions group by state) s) as states`,
    });
    if (row === undefined) throw new Error('a select without from gave no row');
    return row;
  };
  const stoppedAt = performance.now();
  let found = await look();
  while (found.owed > 0 && performance.now() - stoppedAt < processedWithinMs) {
    await wait(100, undefined, { signal });
    found = await look();
  }
  const known = await db.query<{ id: string }>({ text: 'select id::text from deliveries' });
  await db.close();
  const ids = new Set(known.map(({ id }) => id));
  const lost = load.acceptedIds.filter((id) => !ids.has(id)).length;
  const accepted = load.acceptedIds.length;
  const doubled = found.rows - accepted + (found.observations - found.settled);
  const failed = Object.entries(load.statuses).reduce(
    (sum, [status, count]) => (status === '202' || status === '200' ? sum : sum + count),
    0,
  );
  const badEndings = endings.filter((ending) => !ending.endsWith('exit code 0'));
  const waits = load.answeredMs.toSorted((a, b) => a - b);
  console.log(`
requests               ${load.count()}: ${JSON.stringify(load.statuses)}
failed                 ${failed}
${load.failures.map((failure) => `  ${failure}\n`).join('')}restarts               ${endings.length}, ${badEndings.length} of them did not end with exit code 0 ${badEndings.join(', ')}
accepted               ${accepted}
lost                   ${lost}
doubled                ${doubled}
not processed          ${found.owed}; settled ${found.settled}
tried more than once   ${found.tried}
answered within        p50 ${quantile(waits, 0.5).toFixed(1)} ms, p99 ${quantile(waits, 0.99).toFixed(1)} ms, at most ${(waits.at(-1) ?? 0).toFixed(0)} ms`);
  const isWhole =
    lost === 0 &&
    doubled === 0 &&
    found.owed === 0 &&
    found.settled === accepted &&
    found.states === found.sessions;
  return failed === 0 && isWhole && found.tried === 0 && badEndings.length === 0;
}
