// Command lines to paste, about things that this very run left in the tables.
import type { Row } from './read-tables.ts';
import type { Run } from './run-scenario.ts';

export function writeCurlLines(address: string, apiKey: string, { tables }: Run): string {
  const settled = tables.sessionDetails.find(
    (row) => row.state === 'settled' && Array.isArray(row.observations) && row.observations.length > 1,
  );
  const session = settled ?? tables.sessions.find((row) => row.state === 'settled');
  const person = mostFrequentReference(tables.sessions) ?? session?.reference_id;
  const match = tables.faceMatches.find((row) => row.session_id !== null);
  const lines = [
    {
      what: 'one session, and who said what about it',
      path: session && `/v1/sessions/${session.session_id}`,
    },
    { what: 'all sessions of one person', path: person && `/v1/sessions?reference_id=${person}` },
    { what: 'a face match', path: match && `/v1/face-matches?session_id=${match.session_id}` },
    { what: 'what waits for a person to look at it', path: '/v1/deliveries?state=parked&limit=5' },
  ];
  return lines
    .filter(({ path }) => path !== undefined)
    .map(
      ({ what, path }) =>
        `    # ${what}\n    curl -s -H 'Authorization: Bearer ${apiKey}' '${new URL(String(path), address)}'`,
    )
    .join('\n');
}

function mostFrequentReference(sessions: readonly Row[]): string | undefined {
  const groups = Map.groupBy(sessions, (row) => row.reference_id);
  groups.delete(null);
  const [most] = [...groups].sort(([, a], [, b]) => b.length - a.length);
  return most === undefined ? undefined : String(most[0]);
}
