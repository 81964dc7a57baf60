// What the runbook has somebody ask Postgres is answered by the connections that this service has.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'vitest';
import { useServices } from '../support/operator.ts';
import { root } from '../support/source-tree.ts';
import { until } from '../support/until.ts';

const { start } = useServices();

test('the look at what holds an answer up leaves out no connection, and none of the queue’s', async () => {
  const runbook = readFileSync(path.join(root, 'docs/operations.md'), 'utf8');
  const chapter = runbook.slice(runbook.indexOf('## Callers are answered 429 or 503'));
  const asked = /`(select [^`]* from pg_stat_activity where [^`]*) and state <> 'idle'`/.exec(chapter)?.[1];
  const service = await start({ queue: 'postgres', env: { QUEUE_PREFIX: 'ilive' } });
  const pidsOf = async (text: string) =>
    new Set((await service.db.query<{ pid: number }>({ text })).map(({ pid }) => pid));
  await until(async () => {
    const hearing = await pidsOf(
      `select pid from pg_stat_activity where datname = current_database()
       and application_name in ('ilive-deliveries', 'ilive-late-deliveries')`,
    );
    const shown = await pidsOf(asked ?? 'select 0 as pid');
    return hearing.size >= 2 && [...hearing].every((pid) => shown.has(pid));
  });
});
