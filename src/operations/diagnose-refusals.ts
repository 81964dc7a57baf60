// Says of each refusal that is kept what would have made it match. It runs beside the door, a little at a time: the work of
// one diagnosis is bounded, and the event loop is let go between two. What a diagnosis says is true of the secrets and the
// settings that it was made with, so each is made anew once these have changed.
import { createHash } from 'node:crypto';
import { setImmediate as letGo } from 'node:timers/promises';
import type { Cipher } from '../cipher.ts';
import type { Database } from '../db/connect.ts';
import { findStale, findUndiagnosed, type RefusalRow } from '../db/find-refusals.ts';
import { recordDiagnosis } from '../db/refusals.ts';
import { type Diagnosis, diagnose } from '../ilive/diagnose.ts';
import {
  type SecretEncoding,
  type SignatureFailure,
  signatureHeadersOf,
  type Template,
} from '../ilive/signature.ts';
import { openRefusal, unopened } from './open-refusal.ts';
import { adviceOnMissing } from './sealed.ts';
import type { RingSecret } from './signing-secrets.ts';

export interface DiagnoseDependencies {
  readonly db: Database;
  readonly cipher: Cipher | undefined;
  readonly knownSecrets: () => readonly RingSecret[];
  /** The encryption keys for want of which secrets of the account do not open. */
  readonly missingKeysOf: (account: string) => readonly string[];
  readonly template: Template;
  readonly encoding: SecretEncoding;
  readonly toleranceSeconds: number;
  readonly now: () => Date;
}

// A turn's share: small bodies are diagnosed many at a time, of large ones a few, so that the event loop is kept busy for a
// small part of the turn whoever sends junk.
const maxPerTurn = 50;
const maxStoredBytesPerTurn = 128 * 2 ** 10;
const maxHashedBytes = 2 * 2 ** 20;

const turn = { maxCount: maxPerTurn, maxStoredBytes: maxStoredBytesPerTurn };

/** Gives turns of diagnosing some of what has no diagnosis yet, and of what was diagnosed with something else; the newest first. */
export function createDiagnoser(deps: DiagnoseDependencies): () => Promise<void> {
  let made: string | undefined;
  let isStaleTurn = false;
  // Where this process is in its walk; what another one, configured otherwise, says later is left to it, or the two would never end.
  let place: { readonly before: string | undefined } | undefined;
  return async () => {
    const madeNow = nameOf(deps);
    if (made !== madeNow) place = { before: undefined };
    made = madeNow;
    // By turns, so that a flood of new ones does not keep the others as they are.
    isStaleTurn = !isStaleTurn && place !== undefined;
    if (!isStaleTurn) {
      const fresh = await findUndiagnosed(deps.db, turn);
      await diagnoseAll(deps, fresh, made);
      if (fresh.length > 0) return;
    }
    if (place === undefined) return;
    const stale = await findStale(deps.db, { made, before: place.before }, turn);
    await diagnoseAll(deps, stale, made);
    place = stale.length === 0 ? undefined : { before: stale.at(-1)?.id };
  };
}

async function diagnoseAll(
  deps: DiagnoseDependencies,
  rows: readonly RefusalRow[],
  made: string,
): Promise<void> {
  for (const row of rows) {
    const diagnosis = diagnoseRefusal(deps, row);
    // Each walk tries it again: by the next start its key may be there.
    const madeWith = diagnosis === unopenedDiagnosis ? unopened : made;
    await recordDiagnosis(deps.db, row.id, { diagnosis, made: madeWith, now: deps.now() });
    await letGo();
  }
}

// Raised when the sentences change, so that those of an older version are written anew.
const sentencesVersion = 1;
const madeChars = 16;

function nameOf({ knownSecrets, template, encoding, toleranceSeconds }: DiagnoseDependencies): string {
  const secrets = knownSecrets().map(({ account, name, state, fingerprint }) => [
    account,
    name,
    state,
    fingerprint,
  ]);
  const all = JSON.stringify([sentencesVersion, secrets.sort(), template, encoding, toleranceSeconds]);
  return createHash('sha256').update(all).digest('base64url').slice(0, madeChars);
}

const unopenedDiagnosis: Diagnosis = {
  remedy: 'none',
  offsetSeconds: null,
  findings: ['it is sealed with a key that ENCRYPTION_KEYS does not list: put that key back'],
  isComplete: false,
};

/** What would have made this refusal match, as far as we know now. */
export function diagnoseRefusal(deps: DiagnoseDependencies, row: RefusalRow): Diagnosis {
  const opened = openRefusal(row, deps.cipher);
  if (opened === undefined) return unopenedDiagnosis;
  const diagnosis = diagnose(
    {
      account: row.account,
      reason: row.reason as SignatureFailure,
      headers: signatureHeadersOf(opened.headers),
      body: opened.body,
      receivedAt: new Date(row.receivedAt),
    },
    {
      secrets: deps.knownSecrets(),
      encoding: deps.encoding,
      template: deps.template,
      toleranceSeconds: deps.toleranceSeconds,
      maxHashedBytes,
    },
  );
  const missing = deps.missingKeysOf(row.account);
  if (diagnosis.remedy !== 'none' || missing.length === 0) return diagnosis;
  const finding = `a signing secret of its account does not open: ${adviceOnMissing(missing)}`;
  return { ...diagnosis, findings: [finding], isComplete: false };
}
