// More refusals at once than one statement has parameters for.
import { createHash } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import { expect, test } from 'vitest';
import { type NewRefusal, recordRefusals } from '../../src/db/refusals.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();

const receivedAt = new Date('2026-11-01T00:00:00Z');
const refusal = (index: number): NewRefusal => ({
  id: uuidV7({ msecs: receivedAt.getTime() }),
  account: 'default',
  reason: 'signature_mismatch',
  address: '192.0.2.1',
  receivedAt,
  lastReceivedAt: receivedAt,
  requestSha256: createHash('sha256').update(String(index)).digest(),
  times: 1,
  headers: Buffer.from('{}'),
  body: Buffer.from(String(index)),
  isSealed: false,
  bodyBytes: 1,
});

test('a second with very many refusals is kept whole, and again counts up what is there', async () => {
  const group = Array.from({ length: 6_001 }, (_, index) => refusal(index));
  const limits = { maxCount: 100_000, maxBytes: 100_000_000 };
  await recordRefusals(testDatabase.db, group, limits);
  await recordRefusals(
    testDatabase.db,
    group.map((again) => ({ ...again, id: uuidV7({ msecs: receivedAt.getTime() }) })),
    limits,
  );
  expect(
    await testDatabase.db.query({ text: 'select count(*)::int, min(times), max(times) from refusals' }),
  ).toEqual([{ count: 6_001, min: 2, max: 2 }]);
});
