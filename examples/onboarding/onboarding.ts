// A service that lets people in once they are verified, in two halves that a real one has both of:
//
//   npm start -- verify user-12345     creates a session, says where to send the user, waits for the verdict
//   npm start -- follow                follows what changes, and keeps its own record of who is verified
//
// ILIVE_WEBHOOKS_URL and ILIVE_WEBHOOKS_API_KEY (a key of role reader) say which service is asked. The service may be restarted
// at any time meanwhile: both go on. To try it: `npm pack` in the repository's root, then `npm install` here.

import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { type Change, createSdk } from 'ilive-webhooks/sdk';
import { GoneError, KeyError, SdkError } from 'ilive-webhooks/sdk/errors';

const sdk = createSdk({
  url: process.env.ILIVE_WEBHOOKS_URL ?? 'http://localhost:8080',
  apiKey: () => process.env.ILIVE_WEBHOOKS_API_KEY ?? '',
  onRetry: (error, waitMs) => console.error(`${error.message} Trying again in ${waitMs} ms.`),
});
const cursorFile = process.env.CURSOR_FILE ?? 'cursor.txt';

async function verify(referenceId: string): Promise<void> {
  // One try of a person is one session, however often the call is repeated: a real service keeps the key with its record of the
  // try, and makes another for the next one.
  const idempotencyKey = randomUUID();
  const created = await sdk.call(
    'createSession',
    { body: { reference_id: referenceId, mode: 'passive' } },
    { idempotencyKey },
  );
  console.log(`Send ${referenceId} to ${created.session_url ?? 'the session'}`);
  const verdict = await sdk.waitForVerdict(created.session_id, { timeoutMs: 30 * 60_000 });
  // The verdict is of this session. All that is known of the person decides: an open alert or a dispute keeps them out.
  const { standing } = await sdk.call('getSubject', { path: { reference_id: referenceId } });
  const why = [`${verdict.state}, ${verdict.verdict}`, ...standing.obstacles].join(', ');
  console.log(`${referenceId}: ${standing.is_verified ? 'welcome' : `no entry (${why})`}`);
}

async function follow(): Promise<void> {
  const types = ['session_settled', 'session_disputed', 'compliance_alert_recorded'] as const;
  const after = readCursor();
  for await (const change of sdk.changes({
    types,
    after,
    // Written after the changes before it were dealt with: a crash in between repeats some of them, and loses none.
    onCursor: writeCursor,
  })) {
    console.log(describe(change));
  }
}

// Written aside and moved, so that a crash leaves the old one or the new one and never half of it.
function writeCursor(cursor: string): void {
  writeFileSync(`${cursorFile}.new`, cursor);
  renameSync(`${cursorFile}.new`, cursorFile);
}

function readCursor(): string | undefined {
  try {
    return readFileSync(cursorFile, 'utf8') || undefined;
  } catch {
    return undefined; // from the beginning of what is kept
  }
}

function describe(change: Change): string {
  const who = change.reference_id ?? change.session_id ?? 'somebody';
  switch (change.type) {
    case 'session_settled':
      return `${who}: ${change.session.verdict}`;
    case 'session_disputed':
      return `${who}: disputed, as ${change.session.verdict} for now`;
    case 'compliance_alert_recorded':
      return `${who}: alert, ${change.compliance_alert.severity ?? 'of no severity'}`;
    default:
      return `${who}: ${change.type}`;
  }
}

try {
  const [what, who] = process.argv.slice(2);
  if (what === 'verify') await verify(who ?? 'user-12345');
  else if (what === 'follow') await follow();
  else console.error('npm start -- verify <reference id> | follow');
} catch (error) {
  if (error instanceof KeyError) console.error('Set ILIVE_WEBHOOKS_API_KEY to a key of role reader.');
  else if (error instanceof GoneError)
    console.error(`The cursor is too old; see docs/sdk.md, and remove ${cursorFile}.`);
  else if (error instanceof SdkError) console.error(`${error.message} (request ${error.requestId})`);
  else throw error;
  process.exitCode = 1;
}
