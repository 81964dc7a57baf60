// What each connection of ours asks of its session, whatever the server's own settings say.
import { expect, test } from 'vitest';
import { connect } from '../../src/db/connect.ts';
import { silent } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();

test.each([false, true])(
  'a commit waits for the disk and nothing is compiled (by keys: %s)',
  async (goesByKeys) => {
    const db = connect({
      url: testDatabase.url,
      applicationName: 'test',
      maxConnections: 1,
      connectTimeoutMs: 5_000,
      statementTimeoutMs: 5_000,
      goesByKeys,
      log: silent,
    });
    try {
      const [settings] = await db.query({
        text: `select current_setting('synchronous_commit') as commit, current_setting('jit') as jit,
               current_setting('enable_hashjoin') as "hashJoin", current_setting('timezone') as timezone`,
      });
      const hashJoin = goesByKeys ? 'off' : 'on';
      expect(settings).toEqual({ commit: 'on', jit: 'off', hashJoin, timezone: 'UTC' });
    } finally {
      await db.close();
    }
  },
);
