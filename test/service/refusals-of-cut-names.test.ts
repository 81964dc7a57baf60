// An account is a part of an address, which anybody writes as they like; only so much of it is kept.
import { expect, test } from 'vitest';
import { useServices } from '../support/operator.ts';
import { verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

const services = useServices();

test('guarantee 13: accounts that differ only where a character is cut in two keep nothing else from being stored', async () => {
  const service = await services.start();
  const long = 'a'.repeat(199);
  const [body, signedAt] = [verdictPayload(), new Date()];
  // Of each character only the first half fits, and Postgres keeps both halves as the same.
  for (const character of ['\u{1F600}', '\u{10000}']) {
    const account = encodeURIComponent(`${long}${character}`);
    await service.deliver(body, { account, webhookId: 'the-same', signedAt });
  }
  await service.deliver(verdictPayload(), { secret: 'whsec_wrong' });
  const rows = await until(
    async () => {
      const { data } = (await service.get('/v1/ops/refusals')).body;
      return data.length === 2 ? data : undefined;
    },
    { describe: '2 refusals are kept' },
  );
  expect(rows.map(({ reason, times }: { reason: string; times: number }) => [reason, times])).toEqual([
    ['signature_mismatch', 1],
    ['unknown_account', 2],
  ]);
});
