// One message of the scenario: the bytes, how they are signed and sent, and what they mean. The meaning is written down
// when the message is made, from what was done to it on purpose; no code of the service is asked.
import type { SignatureFailure } from '../ilive/signature.ts';
import type { FaultName } from './faults.ts';
import type { Statement } from './statement.ts';

/** What an honest service must do with the message. */
export type Meaning =
  | { readonly fate: 'recorded'; readonly statement: Statement }
  | { readonly fate: 'parked'; readonly reason: string }
  | { readonly fate: 'refused'; readonly code: SignatureFailure };

export interface Message {
  /** Its place in the sequence. */
  readonly index: number;
  /** What a person calls it, such as `verdict pass of session 12`. */
  readonly name: string;
  readonly webhookId: string;
  /** The session that it is truly about; null for what must change nothing. */
  readonly sessionId: string | null;
  /** Written, and never sent: the vendor loses it. */
  readonly isDropped: boolean;
  readonly signedBody: Buffer;
  /** The same bytes, unless somebody tampered with them. */
  readonly sentBody: Buffer;
  readonly signature: 'true' | 'wrong_secret' | 'none';
  /** What the signer's clock is off by. */
  readonly clockOffsetSeconds: number;
  readonly transport: 'whole' | 'cut_once' | 'slow';
  readonly copies: 'one' | 'again' | 'at_once';
  readonly delayMs: number;
  readonly faults: readonly FaultName[];
  readonly meaning: Meaning;
}

/** A message before it has a place: a smaller `position` is sent earlier. */
export type Draft = Omit<Message, 'index'> & { readonly position: number };

/** The draft of an honest message; a fault is a change to one. */
export function draftMessage(
  draft: Pick<Draft, 'name' | 'webhookId' | 'position' | 'meaning'> & { readonly body: string },
): Draft {
  const { body, ...rest } = draft;
  const bytes = Buffer.from(body);
  return {
    ...rest,
    signedBody: bytes,
    sentBody: bytes,
    signature: 'true',
    sessionId: null,
    isDropped: false,
    clockOffsetSeconds: 0,
    transport: 'whole',
    copies: 'one',
    delayMs: 0,
    faults: [],
  };
}
