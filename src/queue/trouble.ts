// What keeps a store from taking a ring, in a few words of our own: read from what it answers, or from the error that its
// connection ended with. Nothing of the error itself is passed on.
import type { QueueTrouble } from '../queue-facts.ts';

// A script puts what the server said behind words of its own (Redis 6.2).
const byAnswer: readonly (readonly [RegExp, QueueTrouble])[] = [
  [/\b(READONLY|MASTERDOWN)\b/, 'read_only'],
  [/\bOOM\b/, 'full'],
  [/^(WRONGPASS|NOAUTH|NOPERM)\b/, 'credentials_refused'],
];
const certificateCodes = /^(ERR_TLS_CERT|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_SELF_SIGNED_|ERR_SSL_)/;

export function troubleOf(error: unknown): QueueTrouble {
  if (!(error instanceof Error)) return 'away';
  const { code } = error as NodeJS.ErrnoException;
  if (certificateCodes.test(code ?? '')) return 'certificate_refused';
  const known = byAnswer.find(([answer]) => answer.test(error.message));
  if (known !== undefined) return known[1];
  return error.name === 'ReplyError' ? 'refused' : 'away';
}

/** Whether it stays until somebody changes a setting, here or there. */
export function needsSomebody(trouble: QueueTrouble): boolean {
  return trouble === 'credentials_refused' || trouble === 'certificate_refused';
}
