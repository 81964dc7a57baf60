// What the status counts: up to where, and since when.
import { expect, test } from 'vitest';
import { useServices } from '../support/operator.ts';

const { start } = useServices();
type Problem = { level: string; message: string };

test('where counting ends, the status says that there may be more', async () => {
  const service = await start();
  await service.db.query({
    text: `insert into deliveries (id, account, source, webhook_id, body_sha256, received_at, received_on, state, reason)
           select gen_random_uuid(), 'default', 'webhook', i::text, '', now(), current_date, 'parked', 'unknown_kind'
           from generate_series(1, 100001) i`,
  });
  const status = await service.status();
  expect(status.deliveries.parked).toBe(100_000);
  expect(status.problems.map(({ message }: Problem) => message)).toContain(
    '100000 or more deliveries are parked.',
  );
});

test('sessions that end without their verdict are told for a day, however long ago they were expected; many are an error', async () => {
  const service = await start();
  const end = (count: number, state: string, endedAgo: string) =>
    service.db.query({
      text: `insert into sessions (session_id, account, state, confirmation, expected_at, ended_at, ended_reason)
             select gen_random_uuid(), 'default', $2, 'unconfirmed', now() - interval '3 days', now() - $3::interval,
                    case $2 when 'expired' then 'never_finished' else 'not_answered' end
             from generate_series(1, $1)`,
      values: [count, state, endedAgo],
    });
  const told = async () => {
    const { problems } = await service.status();
    return problems.map(({ level, message }: Problem) => ({ level, message }));
  };
  await end(20, 'unrecoverable', '25 hours');
  expect(await told()).toEqual([]);
  await end(1, 'unrecoverable', '23 hours');
  expect(await told()).toEqual([
    { level: 'warning', message: '1 session became unrecoverable in the last day.' },
  ]);
  await end(9, 'unrecoverable', '1 minute');
  expect(await told()).toEqual([
    { level: 'error', message: '10 sessions became unrecoverable in the last day.' },
  ]);
  await end(50, 'expired', '1 hour');
  await service.db.query({
    text: `insert into sessions (session_id, account, state, verdict, confirmation, expected_at, settled_at, settled_source)
           select gen_random_uuid(), 'default', 'settled', 'pass', 'unconfirmed', now(), now(), 'pull' from generate_series(1, 39)`,
  });
  expect(await told()).toMatchObject([{ level: 'error' }]);
  await end(1, 'expired', '1 hour');
  expect(await told()).toMatchObject([{ level: 'warning' }]);
});
