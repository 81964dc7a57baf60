// A service that lets people in once they are verified, in two halves that a real one has both of:
//
//   npm start -- verify user-12345     creates a session, says where to send the user, waits for the verdict
//   npm start -- follow                follows what changes, and keeps its own record of who is verified, in people.json
//
// ILIVE_WEBHOOKS_URL and ILIVE_WEBHOOKS_API_KEY (a key of role reader) say which service is asked. The service may be restarted
// at any time meanwhile: both go on. To try it, with Node 24: `npm run pack:sdk` in the repository's root, then `npm install` here.

import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { type Change, createSdk } from 'ilive-webhooks/sdk';
import { GoneError, KeyError, NotFoundError, SdkError } from 'ilive-webhooks/sdk/errors';

const sdk = createSdk({
  url: process.env.ILIVE_WEBHOOKS_URL ?? 'http://localhost:8080',
  apiKey: () => process.env.ILIVE_WEBHOOKS_API_KEY ?? '',
  maxRetries: Number.POSITIVE_INFINITY, // a restart may take longer than a few tries
  onRetry: (error, waitMs) => console.error(`${error.message} Trying again in ${waitMs} ms.`),
});
const cursorFile = process.env.CURSOR_FILE ?? 'cursor.txt';
const peopleFile = process.env.PEOPLE_FILE ?? 'people.json';

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
  const { is_verified, obstacles } = await standingOf(referenceId, created.account);
  const why = [`${verdict.state}, ${verdict.verdict}`, ...obstacles].join(', ');
  console.log(`${referenceId}: ${is_verified ? 'welcome' : `no entry (${why})`}`);
}

interface Standing {
  is_verified: boolean;
  obstacles: readonly string[];
}

/**
 * What is kept of each person, by account and reference id: one id of two accounts may mean two persons. A real service has a row
 * of its database for each.
 */
type People = Record<string, Standing>;

async function follow(): Promise<void> {
  const people: People = existsSync(peopleFile) ? JSON.parse(readFileSync(peopleFile, 'utf8')) : {};
  for await (const change of sdk.changes({
    // All that can change whether a person is verified: an alert that is resolved no longer keeps them out.
    types: ['session_settled', 'session_disputed', 'compliance_alert_recorded', 'compliance_alert_resolved'],
    after: existsSync(cursorFile) ? readFileSync(cursorFile, 'utf8') : undefined, // from the beginning of what is kept
    // Written after the changes before it were dealt with: a crash in between repeats some of them, and loses none.
    onCursor: (cursor) => writeWhole(cursorFile, cursor),
  })) {
    for (const person of await peopleOf(change)) {
      // The change says that there is something new; what it amounts to, only all that is known of the person can say.
      const { is_verified, obstacles } = await standingOf(person, change.account);
      const key = `${change.account}/${person}`;
      people[key] = { is_verified, obstacles };
      writeWhole(peopleFile, JSON.stringify(people, null, 2));
      console.log(`${key}: ${is_verified ? 'verified' : `not verified (${obstacles.join(', ')})`}`);
    }
  }
}

async function standingOf(reference_id: string, account: string): Promise<Standing> {
  try {
    const subject = await sdk.call('getSubject', { path: { reference_id }, query: { account } });
    return subject.standing;
  } catch (error) {
    // What was said of them has since been said of somebody else. Thrown on, it would stop the feed at this change for good.
    if (error instanceof NotFoundError) return { is_verified: false, obstacles: ['no_verdict'] };
    throw error;
  }
}

/** Whom a change may concern: an alert may name a session and no person, or another person than the session's. */
async function peopleOf({ session_id, reference_id, account }: Change): Promise<string[]> {
  const people = new Set([reference_id]);
  if (session_id !== null) {
    const session = await sdk.call('getSession', { path: { session_id }, query: { account } });
    people.add(session.reference_id);
  }
  return [...people].filter((person) => person !== null);
}

// Written aside and moved, so that a crash leaves the old file or the new one and never half of it.
function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

try {
  const [what, who] = process.argv.slice(2);
  if (what === 'verify') await verify(who ?? 'user-12345');
  else if (what === 'follow') await follow();
  else console.error('npm start -- verify <reference id> | follow');
} catch (error) {
  if (error instanceof KeyError) console.error('Set ILIVE_WEBHOOKS_API_KEY to a key of role reader.');
  else if (error instanceof GoneError)
    console.error(`The cursor is too old: make ${peopleFile} anew, and ${cursorFile}, as docs/sdk.md says.`);
  else if (error instanceof SdkError) console.error(`${error.message} (request ${error.requestId})`);
  else throw error;
  process.exitCode = 1;
}
