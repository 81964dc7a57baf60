// The screen of `status` says of all that is refused what is known of it, and what is not known yet.
import { expect, test } from 'vitest';
import { renderStatus, type ShownStatus } from '../../src/cli/status-screen.ts';

const now = '2026-11-25T12:00:00.000000Z';
const status: ShownStatus = {
  level: 'error',
  now,
  version: '0.1.0',
  schema: '0000_x',
  role: 'all',
  problems: [
    {
      level: 'error',
      message: '302 refused requests are undecided, the newest 19 min old.',
      advice: "ilive-webhooks refusals reverify --why '…'",
    },
  ],
  deliveries: {
    owed: 0,
    failing: 0,
    oldest_owed_at: null,
    oldest_owed_age_seconds: null,
    parked: 0,
    parked_by_reason: {},
  },
  refusals: {
    refused: 302,
    by_reason: { signature_mismatch: 302 },
    newest_at: now,
    stored_bytes: 0,
    max_bytes: 1,
    max_count: 1,
    diagnoses: [{ finding: 'the signature is right', count: 152 }],
    undiagnosed: 150,
  },
  sessions: {
    open: 0,
    near_deadline: 0,
    next_deadline_at: null,
    overdue: 0,
    disputed_last_day: 0,
    unrecoverable_last_day: 0,
  },
  queue: { kind: 'postgres', is_up: true, waiting: 0, active: 0, delayed: 0 },
  database: { version: '18', size_bytes: 0, ms: 1, connections: 1, max_connections: 100 },
  clock: { ahead_of_database_ms: 0, ahead_of_ilive_ms: null },
  ilive: { is_configured: false, is_reachable: null, ms: null },
  outage_store: {
    state: 'ready',
    since: null,
    held_deliveries: 0,
    held_bytes: 0,
    max_bytes: 1,
    damaged: 0,
    unopened: 0,
  },
  replicas: [],
  secrets: [],
  replays: { running: 0, paused: 0 },
  pauses: [],
};

test('what is not diagnosed yet is counted beside what is, and the advice can be pasted', () => {
  const screen = renderStatus(status, new Date(now), (_format, text) => text);
  expect(screen).toMatch(
    /^refused +302 \(302 signature_mismatch\).*\n +152× the signature is right\n +150× not diagnosed yet$/m,
  );
  expect(screen).toMatch(/→ ilive-webhooks refusals reverify --why '…'$/m);
});
