// Deliveries of every kind and of everything that they can become, and the rows that they lead to, for tests that compare
// before and after.
import { randomUUID } from 'node:crypto';
import type { Database } from '../../src/db/connect.ts';
import { type TestService, verdictPayload } from './service.ts';

const faceMatch = (changes: object = {}) => ({
  event: 'face.matched',
  match_id: randomUUID(),
  session_id: randomUUID(),
  reference_id: 'user-face',
  similarity: 0.91,
  matched: true,
  timestamp: '2026-04-11T09:31:00.000000+00:00',
  ...changes,
});
const alert = (changes: object = {}) => ({
  event: 'compliance.alert',
  alert_id: randomUUID(),
  reference_id: 'user-alert',
  severity: 'high',
  timestamp: '2026-04-11T09:32:00.000000+00:00',
  ...changes,
});

/** Everything that a delivery can become: 13 of them, for a service that ignores `means.nothing`. */
export async function deliverAllKinds(service: TestService): Promise<void> {
  const settled = verdictPayload();
  await service.deliver(settled);
  await service.deliver(settled); // a repeat under another webhook id
  const disputed = verdictPayload({ verdict: 'pass' });
  await service.deliver(disputed);
  await service.settled();
  await service.deliver({ ...disputed, verdict: 'fail' });
  const superseded = faceMatch();
  await service.deliver({ ...superseded, timestamp: '2026-04-11T09:30:00.000000+00:00' });
  await service.settled();
  await service.deliver(superseded);
  await service.deliver(faceMatch({ session_id: randomUUID() })); // of a session without a verdict
  await service.deliver(alert());
  await service.deliver(alert({ session_id: settled.session_id }));
  await service.deliver('{"event":"liveness.verdict"}'); // unreadable
  await service.deliver('no JSON');
  await service.deliver({ event: 'kind.of.tomorrow', session_id: randomUUID() });
  await service.deliver({ event: 'means.nothing' }); // ignored
  await service.settled();
}

const tables = ['deliveries', 'sessions', 'observations', 'face_matches', 'compliance_alerts'];

/** The whole content of the tables, row by row. */
export async function dump(db: Database): Promise<Record<string, unknown[]>> {
  const contents: Record<string, unknown[]> = {};
  for (const table of tables) {
    const rows = await db.query<{ row: string }>({
      text: `select t::text as row from ${table} t order by 1`,
    });
    contents[table] = rows.map(({ row }) => row);
  }
  return contents;
}
