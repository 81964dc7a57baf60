// What makes a delivery the same delivery.
import { createHash } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import { expect, test } from 'vitest';
import { recordDeliveries } from '../../src/db/deliveries.ts';
import type { DeliveryId } from '../../src/events/event.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();

test('guarantee 11: the same id with other bytes is another delivery: no single promise of the vendor is trusted', async () => {
  const make = (webhookId: string | null, text: string, account = 'default') => ({
    id: uuidV7() as DeliveryId,
    account,
    source: 'webhook' as const,
    webhookId,
    bodySha256: createHash('sha256').update(text).digest(),
    body: Buffer.from(text),
    headers: {},
    receivedAt: new Date(),
    traceId: null,
    isProven: true,
  });
  const group = [
    make('w', 'a'),
    make('w', 'a'),
    make('w', 'b'),
    make(null, 'a'),
    make(null, 'a'),
    make('w', 'a', 'other'),
  ];
  const recorded = await recordDeliveries(testDatabase.db, group);
  expect(recorded.map((one) => one.isRepeat)).toEqual([false, true, false, false, true, false]);
  expect(recorded[1]?.id).toBe(recorded[0]?.id);
  expect(recorded[4]?.id).toBe(recorded[3]?.id);
  const again = await recordDeliveries(testDatabase.db, [make('w', 'b'), make('x', 'b')]);
  expect(again).toMatchObject([{ id: recorded[2]?.id, isRepeat: true }, { isRepeat: false }]);
});
