// Lets in what was refused wrongly, once it is proven after all: `reverifyRefusals` judges signatures anew with the
// secrets and the template of now, and against the time at which each request was received. What needs no signature, since
// iLive's own answer about the session agrees with it, is `admit-by-pull.ts`. What is let in goes the way of every
// delivery from here on, and says how it came in.
import { v7 as uuidV7 } from 'uuid';
import type { Cipher } from '../cipher.ts';
import type { Transaction } from '../db/connect.ts';
import type { NewDelivery } from '../db/deliveries.ts';
import { loadRefusals, type RefusalFilter, type RefusalRow } from '../db/find-refusals.ts';
import { recordDeliveries } from '../db/record-deliveries.ts';
import { type AdmittedRefusal, markAdmitted, markDeliveriesAdmitted, takeRefusals } from '../db/refusals.ts';
import type { Admission } from '../db/schema-operations.ts';
import type { DeliveryId } from '../events/event.ts';
import { roundOffset } from '../ilive/clock-off.ts';
import {
  type SigningKey,
  signatureHeadersOf,
  type Template,
  timestampHeader,
  verify,
} from '../ilive/signature.ts';
import { type OpenedRefusal, openRefusal, unopened } from './open-refusal.ts';
import { describeDelivery } from './webhook-delivery.ts';

export interface ReverifyDependencies {
  readonly cipher: Cipher | undefined;
  /** The keys that count now; none for an account that has no secrets. */
  readonly keysOf: (account: string) => readonly SigningKey[];
  /** Notes that the key at `keyIndex` of `keysOf` has matched what was received at `at`. */
  readonly noteMatch: (account: string, keyIndex: number, at: Date) => void;
  readonly template: Template;
  readonly toleranceSeconds: number;
  readonly now: () => Date;
}

/** One piece of the work: what to look at, behind which refusal to begin, and where to stop. */
export interface AdmitRequest {
  readonly filter: RefusalFilter;
  readonly after: string | undefined;
  readonly limit: number;
}

export interface Admitted {
  readonly checked: number;
  /** Refusals that became deliveries. */
  readonly admitted: number;
  /** Of these, how many deliveries were stored before: the same bytes had come in another way. */
  readonly alreadyStored: number;
  /** Those that stay refused, by why. */
  readonly leftByReason: Readonly<Record<string, number>>;
  /** Behind which refusal to go on; undefined when nothing is left to look at. */
  readonly nextAfter: string | undefined;
  /** The deliveries to ring for. */
  readonly deliveryIds: readonly DeliveryId[];
}

/** What was admitted by its signature. */
export interface Reverified extends Admitted {
  /** How far our clock was ahead when the newest came whose signature is right and whose time is not; null where none is so. */
  readonly clockOffsetSeconds: number | null;
  /** Writes down that the secrets have matched; for after the transaction, since it cannot be taken back. */
  readonly noteMatches: () => void;
}

/** Admits those whose signature matches now. `clockOffsetSeconds`: how far our clock was ahead when they came. */
export async function reverifyRefusals(
  tx: Transaction,
  deps: ReverifyDependencies,
  { filter, after, limit, clockOffsetSeconds }: AdmitRequest & { readonly clockOffsetSeconds: number },
): Promise<Reverified> {
  const rows = await loadRefusals(tx, filter, { after, limit });
  const matches: { account: string; keyIndex: number; at: Date }[] = [];
  let offsetSeconds: number | null = null;
  const judged = rows.map((row): Judged => {
    const opened = openRefusal(row, deps.cipher);
    if (opened === undefined) return { row, reason: unopened };
    const receivedAt = new Date(new Date(row.receivedAt).getTime() - clockOffsetSeconds * 1_000);
    const verification = verify(signatureHeadersOf(opened.headers), opened.body, {
      keys: deps.keysOf(row.account),
      template: deps.template,
      toleranceSeconds: deps.toleranceSeconds,
      now: receivedAt,
    });
    if (verification.ok) {
      matches.push({ account: row.account, keyIndex: verification.keyIndex, at: receivedAt });
      return { row, delivery: deliveryOf(row, opened, { receivedAt, isProven: true }) };
    }
    const { reason } = verification;
    if (reason === 'timestamp_too_old' || reason === 'timestamp_too_new') {
      const aheadSeconds =
        new Date(row.receivedAt).getTime() / 1_000 - Number(opened.headers[timestampHeader]);
      offsetSeconds = roundOffset(aheadSeconds, deps.toleranceSeconds);
    }
    return { row, reason };
  });
  const admitted = await admit(tx, judged, { admission: 'signature', limit, now: deps.now() });
  const noteMatches = () => {
    for (const { account, keyIndex, at } of matches) deps.noteMatch(account, keyIndex, at);
  };
  return { ...admitted, clockOffsetSeconds: offsetSeconds, noteMatches };
}

/** One refusal with what became of it: the delivery that it is, or why it stays refused. */
export type Judged = { readonly row: RefusalRow } & (
  | { readonly delivery: NewDelivery }
  | { readonly reason: string }
);

/** Records the deliveries and marks their refusals; all in `tx`. */
export async function admit(
  tx: Transaction,
  judged: readonly Judged[],
  { admission, limit, now }: { readonly admission: Admission; readonly limit: number; readonly now: Date },
): Promise<Admitted> {
  const taken = await takeRefusals(
    tx,
    judged.map(({ row }) => row.id),
  );
  const proven = judged.flatMap((each) => ('delivery' in each && taken.has(each.row.id) ? [each] : []));
  const recorded =
    proven.length === 0
      ? []
      : await recordDeliveries(
          tx,
          proven.map(({ delivery }) => delivery),
        );
  const admitted = proven.map(({ row }, index): AdmittedRefusal & { isRepeat: boolean } => {
    const stored = recorded[index];
    if (stored === undefined) throw new Error('every delivery that is recorded is answered');
    return { id: row.id, deliveryId: stored.id, isRepeat: stored.isRepeat };
  });
  const fresh = admitted.filter(({ isRepeat }) => !isRepeat).map(({ deliveryId }) => deliveryId);
  await markAdmitted(tx, admitted, { admission, now });
  await markDeliveriesAdmitted(tx, fresh, admission);
  const leftByReason: Record<string, number> = {};
  for (const each of judged) {
    if ('reason' in each) leftByReason[each.reason] = (leftByReason[each.reason] ?? 0) + 1;
  }
  return {
    checked: judged.length,
    admitted: admitted.length,
    alreadyStored: admitted.length - fresh.length,
    leftByReason,
    nextAfter: judged.length < limit ? undefined : judged.at(-1)?.row.id,
    deliveryIds: fresh,
  };
}

/** The refusal as the delivery that it would have been. */
export function deliveryOf(
  { account }: RefusalRow,
  { headers, body }: OpenedRefusal,
  { receivedAt, isProven }: { readonly receivedAt: Date; readonly isProven: boolean },
): NewDelivery {
  const id = uuidV7({ msecs: receivedAt.getTime() }) as DeliveryId;
  return describeDelivery({ id, account, headers, body, receivedAt, isProven });
}
