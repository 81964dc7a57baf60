// What the routes under /v1 need, all of them together.
import type { Cipher, EncryptionKey } from '../cipher.ts';
import type { FeedBounds, FeedPosition } from '../db/changes.ts';
import type { Database, Queries } from '../db/connect.ts';
import type { DeliveryId, Verdict } from '../events/event.ts';
import type { IliveClient } from '../ilive/client.ts';
import type { DialectName } from '../ilive/dialects.ts';
import type { AdmitDependencies } from '../operations/admit-by-pull.ts';
import type { ReverifyDependencies } from '../operations/admit-refusals.ts';
import type { KeyRing } from '../operations/api-keys.ts';
import type { DiagnoseDependencies } from '../operations/diagnose-refusals.ts';
import type { DoctorDependencies } from '../operations/doctor.ts';
import type { OperateDependencies } from '../operations/operate.ts';
import type { RotateDependencies } from '../operations/rotate-secrets.ts';
import type { ProbeDependencies } from '../operations/send-probe.ts';
import type { ReplayDependencies } from '../operations/start-replay.ts';
import type { StatusDependencies } from '../operations/status.ts';
import type { Callers } from './callers.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { VerdictWaits } from './verdict-waits.ts';

export interface RefusalDependencies extends ReverifyDependencies, AdmitDependencies, DiagnoseDependencies {
  /** Rings for the deliveries that were let in. */
  readonly announce: (ids: readonly DeliveryId[]) => void;
}

export interface SecretDependencies extends RotateDependencies, ProbeDependencies {
  /** How long an old secret must not have matched before it is retired. */
  readonly quietMs: number;
}

/** What it takes to put sessions into the ledger. */
export interface ExpectDependencies {
  readonly db: Database;
  /** Undefined where no API key is configured. */
  readonly client: IliveClient | undefined;
  readonly cipher: Cipher | undefined;
  readonly dialect: DialectName;
  readonly defaultAccount: string;
  /** The default account, and those that have signing secrets here. */
  readonly accounts: () => readonly string[];
  readonly webhookUrl: string | undefined;
  readonly sessionTtlMs: number;
  /** When to ask about a session for the first time. */
  readonly firstPullAt: (startedAt: Date, expiresAt: Date) => Date;
  /** The verdicts of a webhook's for which a second source is asked. */
  readonly confirmed: readonly Verdict[];
  readonly now: () => Date;
}

/** What it takes to wait for verdicts and to follow changes. */
export interface FollowDependencies {
  readonly waits: VerdictWaits;
  readonly feed: ChangeFeed;
  readonly callers: Callers;
  readonly findEnd: () => Promise<FeedPosition>;
  readonly readBounds: () => Promise<FeedBounds>;
  readonly waitMaxMs: number;
  /** A stream on which nothing comes says so this often. */
  readonly heartbeatMs: number;
  /** How long a stream's reader may take none of what was sent. */
  readonly stallMs: number;
}

export interface ApiDependencies {
  /** The primary: for what must be right, such as writes, waits and what has just been told. */
  readonly db: Database;
  /** May lag a little and cannot write: for lists, counts and what became of a delivery. */
  readonly readDb: Queries;
  readonly expect: ExpectDependencies;
  readonly operate: OperateDependencies;
  readonly follow: FollowDependencies;
  readonly keyRing: KeyRing;
  readonly refusals: RefusalDependencies;
  readonly secrets: SecretDependencies;
  readonly replays: ReplayDependencies;
  readonly status: StatusDependencies;
  readonly doctor: DoctorDependencies;
  /** What this process is. */
  readonly about: { readonly version: string; readonly schema: string; readonly role: string };
  /** Told of each answer; `seconds` is undefined for a stream. */
  readonly onAnswered: (operation: string, status: number, seconds: number | undefined) => void;
  /** All that are configured; the first one encrypts. */
  readonly encryptionKeys: readonly EncryptionKey[];
  readonly now: () => Date;
}
