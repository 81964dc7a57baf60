// The status of a service that has more of something than it counts.
import { expect, test } from 'vitest';
import { useServices } from '../support/operator.ts';

const { start } = useServices();

test('where counting ends, the status says that there may be more', async () => {
  const service = await start();
  await service.db.query({
    text: `insert into deliveries (id, account, source, webhook_id, body_sha256, received_at, received_on, state, reason)
           select gen_random_uuid(), 'default', 'webhook', i::text, '', now(), current_date, 'parked', 'unknown_kind'
           from generate_series(1, 100001) i`,
  });
  const status = await service.status();
  expect(status.deliveries.parked).toBe(100_000);
  expect(status.problems.map(({ message }: { message: string }) => message)).toContain(
    '100000 or more deliveries are parked.',
  );
});
