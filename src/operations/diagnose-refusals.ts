// Says of each refusal that is kept what would have made it match. It runs beside the door, a little at a time: the work of
// one diagnosis is bounded, and the event loop is let go between two.
import { setImmediate as letGo } from 'node:timers/promises';
import type { Cipher } from '../cipher.ts';
import type { Database } from '../db/connect.ts';
import { findUndiagnosed, type RefusalRow } from '../db/find-refusals.ts';
import { recordDiagnosis } from '../db/refusals.ts';
import { type Diagnosis, diagnose, type KnownSecret } from '../ilive/diagnose.ts';
import type { SecretEncoding, SignatureFailure, Template } from '../ilive/signature.ts';
import { signatureHeadersOf } from './admit-refusals.ts';
import { openRefusal } from './open-refusal.ts';

export interface DiagnoseDependencies {
  readonly db: Database;
  readonly cipher: Cipher | undefined;
  readonly knownSecrets: () => readonly KnownSecret[];
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

/** Diagnoses some of the refusals that have no diagnosis yet, the newest first. */
export async function diagnoseRefusals(deps: DiagnoseDependencies): Promise<void> {
  for (const row of await findUndiagnosed(deps.db, turn)) {
    await recordDiagnosis(deps.db, row.id, diagnoseRefusal(deps, row), deps.now());
    await letGo();
  }
}

/** What would have made this refusal match, as far as we know now. */
export function diagnoseRefusal(deps: DiagnoseDependencies, row: RefusalRow): Diagnosis {
  const opened = openRefusal(row, deps.cipher);
  return diagnose(
    {
      account: row.account,
      reason: row.reason as SignatureFailure,
      headers: signatureHeadersOf(opened),
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
}
