// Why a request is refused and kept: one list for the door that refuses it, for the API and for the command. It loads nothing but
// the vendor's rules, since the command does.
import { signatureFailures } from '../ilive/signature.ts';

/** A secret that may have signed it does not open. */
export const secretUnopened = 'secret_unopened';

export const refusalReasons = [...signatureFailures, secretUnopened] as const;
export type RefusalReason = (typeof refusalReasons)[number];
