// What operators are told of the refused, and find by it.
import { beforeEach, expect, test } from 'vitest';
import { listRefusals } from '../../src/db/find-refusals.ts';
import { dropRefusals, recordDiagnosis, recordRefusals } from '../../src/db/refusals.ts';
import { readRefusalFigures } from '../../src/db/status.ts';
import { many, refusal } from '../support/kept-refusals.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();
beforeEach(() => testDatabase.db.query({ text: 'truncate refusals' }));

const limits = { maxCount: 100, maxBytes: 100_000 };

test('one that is sent again and again counts as of when it came last: it is found by that, and not let go as old', async () => {
  const { db } = testDatabase;
  const first = refusal('192.0.2.1', 10);
  const after = (minutes: number) => new Date(first.receivedAt.getTime() + minutes * 60_000);
  const again = {
    ...refusal('192.0.2.1', 10),
    requestSha256: first.requestSha256,
    lastReceivedAt: after(60),
  };
  await recordRefusals(db, [first], limits);
  await recordRefusals(db, [again], limits);
  const found = async (filter: { from?: Date; to?: Date }) => {
    const rows = await listRefusals(db, filter, { after: undefined, isDescending: true, limit: 10 });
    return rows.map(({ id, times }) => ({ id, times }));
  };
  const { recent } = await readRefusalFigures(db, after(45));
  expect(recent).toBe(1);
  expect(await found({ from: after(45) })).toEqual([{ id: first.id, times: 2 }]);
  expect(await found({ from: after(61) })).toEqual([]);
  expect(await dropRefusals(db, { to: after(45) })).toBe(0);
  expect(await dropRefusals(db, { to: after(61) })).toBe(1);
});

test('of each remedy the finding, the number and the reason are of the same refusals', async () => {
  const { db } = testDatabase;
  const diagnosed = async (count: number, reason: string, remedy: string, finding: string) => {
    const group = many('192.0.2.1', count, 10, { reason });
    await recordRefusals(db, group, limits);
    const diagnosis = { remedy, findings: [finding], offsetSeconds: null, isComplete: true };
    for (const { id } of group) await recordDiagnosis(db, id, { diagnosis, made: 'test', now: new Date() });
  };
  await diagnosed(20, 'missing_signature', 'none', 'nothing that we know matches');
  await diagnosed(4, 'timestamp_too_old', 'admit', 'trimmed');
  await diagnosed(2, 'missing_webhook_id', 'admit', 'without the newline');
  await diagnosed(3, 'signature_mismatch', 'admit', 'without the newline');
  const { remedies } = await readRefusalFigures(db, new Date());
  expect(remedies).toEqual([
    {
      remedy: 'none',
      count: 20,
      finding: 'nothing that we know matches',
      offsetSeconds: null,
      alike: 20,
      reason: 'missing_signature',
    },
    {
      remedy: 'admit',
      count: 9,
      finding: 'without the newline',
      offsetSeconds: null,
      alike: 5,
      reason: 'signature_mismatch',
    },
  ]);
});
