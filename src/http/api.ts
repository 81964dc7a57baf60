// What the routes under /v1 need, all of them together.
import type { EncryptionKey } from '../cipher.ts';
import type { Database } from '../db/connect.ts';
import type { KeyRing } from '../operations/api-keys.ts';
import type { OperateDependencies } from '../operations/operate.ts';
import type { ExpectDependencies } from './expect-session.ts';

export interface ApiDependencies {
  readonly db: Database;
  readonly expect: ExpectDependencies;
  readonly operate: OperateDependencies;
  readonly keyRing: KeyRing;
  /** All that are configured; the first one encrypts. */
  readonly encryptionKeys: readonly EncryptionKey[];
  readonly now: () => Date;
}
