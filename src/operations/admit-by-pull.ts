// Admits refusals on iLive's own word: what a refused request says about a session is what iLive answers when it is asked
// about that session. An answer that we have already is enough where it agrees; else iLive is asked now, and its answer is
// recorded as a delivery like every pull. That answer is what counts: the refusal becomes a hint, which states nothing,
// since whoever knows a session's id and verdict can write the rest, such as a time that lies behind every later verdict.
// What no pull can confirm, a face match or an alert, stays refused.
import { cut } from '../batches.ts';
import type { Cipher } from '../cipher.ts';
import type { Database, Transaction } from '../db/connect.ts';
import type { NewDelivery } from '../db/deliveries.ts';
import { loadRefusals, type RefusalRow } from '../db/find-refusals.ts';
import { findObservations, findSessions, type SessionRow } from '../db/find-sessions.ts';
import { recordDeliveries } from '../db/record-deliveries.ts';
import { type SessionKey, sessionKeyText } from '../db/sessions.ts';
import { ServiceError } from '../errors.ts';
import type { SessionCompleted, Verdict } from '../events/event.ts';
import type { IliveClient } from '../ilive/client.ts';
import type { DialectName } from '../ilive/dialects.ts';
import { ApiError, NotFoundError, refusedBy } from '../ilive/errors.ts';
import { timestampHeader } from '../ilive/signature.ts';
import { type KindCatalogue, translate } from '../ilive/translate.ts';
import { describePulled, turnOf } from '../reconcile/pulled-delivery.ts';
import { openSessionAccess } from '../reconcile/session-token.ts';
import { readSeconds } from '../workers/translate-delivery.ts';
import { type AdmitRequest, type Admitted, admit, deliveryOf, type Judged } from './admit-refusals.ts';
import { openRefusal, unopened } from './open-refusal.ts';

export const unprovenReasons = [
  'not_a_verdict', // it says something that no pull can confirm
  'unreadable', // it says nothing that could be compared
  'contradicted', // iLive says otherwise
  'reference_unproven', // it says whom the session is about, and neither iLive's answer nor our ledger does
  'no_answer', // iLive has no verdict for the session, or does not know it any more
  'vendor_away', // iLive could not be asked; try again
  unopened, // it, or its session's token, is sealed with a key that is not configured
] as const;
type UnprovenReason = (typeof unprovenReasons)[number];

export interface AdmitDependencies {
  readonly db: Database;
  readonly cipher: Cipher | undefined;
  /** Undefined where no API key is configured. */
  readonly client: IliveClient | undefined;
  readonly dialect: DialectName;
  /** Of the request that has iLive asked. */
  readonly traceparent?: string | undefined;
  readonly catalogue: KindCatalogue;
  readonly now: () => Date;
}

type Evidence =
  | {
      readonly verdict: Verdict;
      readonly confidence: number | null;
      readonly referenceId: string | null;
      /** The answer, where it was asked for now. */
      readonly pulled: NewDelivery | undefined;
    }
  | { readonly reason: UnprovenReason };

/** A refusal, judged, and the answer of iLive's that it was judged by where that is new to us. */
export type JudgedByPull = Judged & { readonly pulled?: NewDelivery | undefined };

/** Once for each session, however many refusals are of it. */
type Ask = (key: SessionKey, session: SessionRow | undefined) => Promise<Evidence>;

const concurrency = 8;

/** Judges the refusals that `request` names by iLive's word. Asks iLive, so it stands in no transaction. */
export async function judgeByPull(
  deps: AdmitDependencies,
  { filter, after, limit }: AdmitRequest,
): Promise<JudgedByPull[]> {
  const rows = await loadRefusals(deps.db, filter, { after, limit });
  const asked = new Map<string, Promise<Evidence>>();
  const askOnce: Ask = (key, session) => {
    const text = sessionKeyText(key);
    const asking = asked.get(text) ?? ask(deps, key, session);
    asked.set(text, asking);
    return asking;
  };
  const judged: JudgedByPull[] = [];
  for (const some of cut(rows, concurrency)) {
    judged.push(...(await Promise.all(some.map((row) => judge(deps, row, askOnce)))));
  }
  return judged;
}

/** Admits what was judged to be true, and records the answers that proved it. */
export async function admitJudged(
  tx: Transaction,
  judged: readonly JudgedByPull[],
  { limit, now }: { readonly limit: number; readonly now: Date },
): Promise<Admitted> {
  const admitted = await admit(tx, judged, { admission: 'pull', limit, now });
  const pulled = [...new Set(judged.flatMap((each) => each.pulled ?? []))];
  const recorded = pulled.length === 0 ? [] : await recordDeliveries(tx, pulled);
  return { ...admitted, deliveryIds: [...admitted.deliveryIds, ...recorded.map(({ id }) => id)] };
}

async function judge(deps: AdmitDependencies, row: RefusalRow, askOnce: Ask): Promise<JudgedByPull> {
  const opened = openRefusal(row, deps.cipher);
  if (opened === undefined) return { row, reason: unopened };
  const delivery = deliveryOf(row, opened, { receivedAt: new Date(row.receivedAt), isProven: false });
  const event = readEvent(deps, delivery);
  if (typeof event === 'string') return { row, reason: event };
  const key = { sessionId: event.sessionId, account: row.account };
  const [session] = await findSessions(deps.db, key.sessionId, key.account);
  const judgeBy = (evidence: Evidence): JudgedByPull => {
    if ('reason' in evidence) return { row, reason: evidence.reason };
    const { pulled } = evidence;
    const knownReference = evidence.referenceId ?? (session?.registeredAt ? session.referenceId : null);
    const reason = contradictionOf(event, { ...evidence, referenceId: knownReference });
    return reason === undefined ? { row, delivery, pulled } : { row, reason, pulled };
  };
  const known = await findKnown(deps.db, session);
  const judged = known && judgeBy(known);
  // An older answer is no word on what has happened since, such as a second try that was passed; but better than none.
  const mayBeOld = judged !== undefined && 'reason' in judged && judged.reason === 'contradicted';
  const isOpen = judged === undefined || (mayBeOld && deps.client !== undefined);
  return isOpen ? judgeBy(await askOnce(key, session)) : judged;
}

function readEvent(
  { catalogue }: AdmitDependencies,
  delivery: NewDelivery,
): SessionCompleted | UnprovenReason {
  const signedAtSeconds = readSeconds(delivery.headers[timestampHeader]);
  const translation = translate({ ...delivery, signedAtSeconds, pulledSessionId: null }, catalogue);
  if (!translation.ok) return 'unreadable';
  return translation.event.kind === 'session_completed' ? translation.event : 'not_a_verdict';
}

async function findKnown(db: Database, session: SessionRow | undefined): Promise<Evidence | undefined> {
  if (session === undefined) return undefined;
  const pulls = (await findObservations(db, session)).filter(({ source }) => source === 'pull');
  const latest = pulls.at(-1);
  return latest && { ...latest, pulled: undefined };
}

async function ask(
  { client, cipher, dialect, traceparent, now }: AdmitDependencies,
  key: SessionKey,
  session: SessionRow | undefined,
): Promise<Evidence> {
  if (client === undefined) {
    throw new ServiceError('conflict', 'iLive cannot be asked: ILIVE_API_KEY is not set.');
  }
  const token = session?.token ?? null;
  if (token === null && dialect === 'managed') return { reason: 'no_answer' };
  const access = openSessionAccess({ ...key, token }, dialect, cipher);
  if (access === undefined) return { reason: unopened };
  try {
    const { verdict, confidence, referenceId, body } = await client.fetchResult(
      access,
      traceparent === undefined ? {} : { traceparent },
    );
    if (verdict === null) return { reason: 'no_answer' };
    // One that iLive gave before another verdict is told anew.
    const turn = session && turnOf(session, verdict);
    return { verdict, confidence, referenceId, pulled: describePulled(key, body, now(), turn) };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const isOfSession = error instanceof NotFoundError || refusedBy(error, token !== null) === 'token';
    return { reason: isOfSession ? 'no_answer' : 'vendor_away' };
  }
}

function contradictionOf(
  said: SessionCompleted,
  known: { verdict: Verdict; confidence: number | null; referenceId: string | null },
): UnprovenReason | undefined {
  const differs = <T>(a: T | null, b: T | null) => a !== null && b !== null && a !== b;
  if (said.verdict !== known.verdict) return 'contradicted';
  if (differs(said.confidence, known.confidence)) return 'contradicted';
  if (differs(said.referenceId, known.referenceId)) return 'contradicted';
  return said.referenceId !== null && known.referenceId === null ? 'reference_unproven' : undefined;
}
