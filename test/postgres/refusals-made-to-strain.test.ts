// Refusals that a stranger has made so that keeping them takes more than it should, or stops.
import { expect, test } from 'vitest';
import { findRefusal } from '../../src/db/find-refusals.ts';
import { recordRefusals } from '../../src/db/refusals.ts';
import { defaultTemplate } from '../../src/ilive/signature.ts';
import { createDiagnoser } from '../../src/operations/diagnose-refusals.ts';
import { createRefusalKeeper } from '../../src/operations/keep-refusals.ts';
import { many, refusal } from '../support/kept-refusals.ts';
import { silent } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { usedBytes } from '../support/used-bytes.ts';

const testDatabase = useTestDatabase();
const limits = { maxCount: 1_000, maxBytes: 10_000_000 };

test('guarantee 13: an account that was cut out of a long address holds nothing of the rest', async () => {
  const { keep, store } = createRefusalKeeper({
    ...limits,
    db: testDatabase.db,
    cipher: undefined,
    maxPerSecond: 1_000,
    maxBytesPerSecond: 1_000_000,
    bufferBytes: 1_000_000,
    isKnown: () => false,
    log: silent,
    onDropped: () => {},
  });
  const [count, restChars] = [100, 100_000];
  const before = usedBytes();
  for (let index = 0; index < count; index += 1) {
    const address = `/webhooks/ilive/a-made-up-account-${index}?${'q'.repeat(restChars)}`;
    keep({
      account: /([^/]+)\?/.exec(address)?.[1] ?? '',
      reason: 'unknown_account',
      address: '192.0.2.7',
      receivedAt: new Date('2026-11-02T00:00:00Z'),
      headers: {},
      body: Buffer.from(String(index)),
    });
  }
  expect(usedBytes() - before).toBeLessThan((count * restChars) / 2);
  while (await store());
  const rows = await testDatabase.db.query({ text: 'select account from refusals order by id' });
  expect(rows).toHaveLength(count);
});

test('guarantee 13: one that came as often as can be counted comes once more, and others are stored beside it', async () => {
  const { db } = testDatabase;
  await db.query({ text: 'truncate refusals' });
  const first = refusal('192.0.2.1', 10, { times: 2 ** 31 - 1 });
  await recordRefusals(db, [first], limits);
  const { requestSha256 } = first;
  await recordRefusals(db, [refusal('192.0.2.1', 10, { requestSha256 }), refusal('192.0.2.2', 10)], limits);
  const rows = await db.query({ text: 'select address, times from refusals order by address' });
  expect(rows).toEqual([
    { address: '192.0.2.1', times: 2 ** 31 - 1 },
    { address: '192.0.2.2', times: 1 },
  ]);
});

test('guarantee 13: a few large ones in each turn keep no other source from its diagnosis', async () => {
  const { db } = testDatabase;
  await db.query({ text: 'truncate refusals' });
  const genuine = refusal('192.0.2.1', 100);
  await recordRefusals(db, [genuine], limits);
  const takeTurn = createDiagnoser({
    db,
    cipher: undefined,
    knownSecrets: () => [],
    missingKeysOf: () => [],
    template: defaultTemplate,
    encoding: 'utf8',
    toleranceSeconds: 300,
    now: () => new Date('2026-11-02T00:00:00Z'),
  });
  for (let turn = 0; turn < 4; turn += 1) {
    await recordRefusals(db, many('198.51.100.9', 3, 128 * 2 ** 10), limits);
    await takeTurn();
  }
  expect((await findRefusal(db, genuine.id))?.diagnosedAt).not.toBe(null);
});
