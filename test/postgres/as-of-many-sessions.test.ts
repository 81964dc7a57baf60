// A person who has come to have more sessions than are looked through, asked about as they were when they had few.
import { expect, test } from 'vitest';
import { findSubject } from '../../src/db/find-subject.ts';
import type { Moment } from '../../src/events/as-of.ts';
import { instantOf } from '../../src/events/instant.ts';
import { useTestDatabase } from '../support/test-database.ts';

const lookedThrough = 3;
const dayMs = 86_400_000;
const longAgo = instantOf(new Date(Date.now() - 10 * dayMs));

const testDatabase = useTestDatabase();

test.each([
  ['had happened', { asOf: longAgo, knownAt: null }],
  ['was known', { asOf: null, knownAt: longAgo }],
] satisfies [string, Moment][])('what %s by then is not hidden by what came since', async (_what, moment) => {
  const { db } = testDatabase;
  // The first two from before that time: one that was registered, and one that we came to expect again since, and later.
  await db.query({
    text: `
      insert into sessions (session_id, account, state, confirmation, reference_id, registered_reference_id, registered_at, expected_at, known_at)
      select 'session-' || i, 'default', 'expected', 'unconfirmed', 'busy', 'busy', t, t, t
      from generate_series(1, 6) i,
           lateral (select clock_timestamp() - case when i = 1 then interval '20 days' else interval '1 minute' end as t) at
      on conflict do nothing`,
  });
  await db.query({
    text: `
      insert into session_versions (session_id, account, known_at, expected_at, registered_reference_id)
      select 'session-2', 'default', t, t, 'busy' from (select clock_timestamp() - interval '15 days' as t) at
      where not exists (select from session_versions)`,
  });
  const busy = { referenceId: 'busy', account: undefined };
  const { sessions, isComplete } = await findSubject(db, busy, moment, lookedThrough);
  expect(sessions.map(({ sessionId }) => sessionId).sort()).toEqual(['session-1', 'session-2']);
  expect(isComplete).toBe(true);
});
