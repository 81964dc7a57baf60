// What an operator does, as the audit keeps it.
import type { RoleName } from '../db/schema-operations.ts';

/** Who acts, and from where. */
export interface Actor {
  /** The key's name. */
  readonly name: string;
  /** The key's id: a name may come back once its key is revoked. Undefined for the service itself. */
  readonly keyId?: string;
  readonly role: RoleName;
  /** The address that the request came from. */
  readonly address: string;
}

export interface Action {
  readonly actor: Actor;
  /** Such as `refusals.reverify`. */
  readonly name: string;
  readonly why: string;
  /** What it is done to and how; never a body, a token or a secret. */
  readonly details: Readonly<Record<string, unknown>>;
}
