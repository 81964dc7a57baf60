// Stored bytes → an event in our words. Every byte sequence gets an answer: an event, or the reason why it is
// unreadable. It must never throw, since whatever it cannot read is parked for an operator and never lost
// (guarantee 4). Text that Postgres cannot hold (NUL, half a surrogate pair) is found here, where it costs one
// delivery, and not in the transaction, where it would cost the batch.
import type {
  ComplianceAlerted,
  DeliveryId,
  Event,
  EventKind,
  FaceMatched,
  SessionId,
  Source,
} from '../events/event.ts';
import { type Instant, instantOf, parseInstant } from '../events/instant.ts';
import { decodeUtf8, type Fields, isStorableText, parseJson, unreadIds, withAllDigits } from './fields.ts';
import {
  alertWords,
  complianceAlert,
  defaultAliases,
  documentedKinds,
  faceMatched,
  kindField,
  livenessVerdict,
  optionalIds,
  probeKind,
} from './payload.ts';
import { readResult } from './results.ts';
import { defaultToleranceSeconds } from './signature.ts';

/** What of a stored delivery bears on its meaning. */
export interface StoredDelivery {
  readonly id: DeliveryId;
  readonly source: Source;
  readonly body: Buffer;
  readonly bodySha256: Buffer;
  readonly receivedAt: Date;
  /** The signed header's Unix seconds; the time of an event whose payload names none that can be. */
  readonly signedAtSeconds: number | undefined;
  /** The session that a pull asked about: its answer need not name it. Null for a webhook. */
  readonly pulledSessionId: SessionId | null;
}

/** The kinds that we know by now: the vendor's name → ours. Ignored ones map to `ignored`. */
export type KindCatalogue = ReadonlyMap<string, EventKind | 'ignored'>;

export const unreadableReasons = [
  'invalid_utf8',
  'invalid_json',
  'not_an_object',
  'unreadable_body', // a kind that we know, whose fields do not say what the kind needs
  'unstorable_text', // its session's id holds a NUL or half a surrogate pair, which Postgres text cannot
] as const;
export type UnreadableReason = (typeof unreadableReasons)[number];

export type Translation =
  | {
      readonly ok: true;
      readonly event: Event;
      readonly vendorKind: string | null;
      /** What was left out because it could not be read; absent where nothing was. */
      readonly detail?: string;
    }
  | {
      readonly ok: false;
      readonly reason: UnreadableReason;
      /** What exactly could not be read, without any of the payload's values. */
      readonly detail: string | null;
      readonly kind: EventKind;
      readonly vendorKind: string | null;
    };

/** Builds the catalogue from the documented names, the default aliases, and the operator's aliases and ignored kinds. */
export function catalogueKinds(
  aliases: Readonly<Record<string, string>>,
  ignored: readonly string[],
): KindCatalogue {
  const catalogue = new Map<string, EventKind | 'ignored'>(Object.entries(documentedKinds));
  for (const [alias, name] of Object.entries({ ...defaultAliases, ...aliases })) {
    catalogue.set(alias, catalogue.get(name) ?? 'unknown');
  }
  for (const name of [...ignored, probeKind]) catalogue.set(name, 'ignored');
  return catalogue;
}

/** Translates one delivery. Shapes that no kind of ours fits become an `unknown` event, never an error. */
export function translate(delivery: StoredDelivery, catalogue: KindCatalogue): Translation {
  const text = decodeUtf8(delivery.body);
  if (text === undefined) return unreadable('invalid_utf8');
  const payload = parseJson(text);
  if (payload === undefined) return unreadable('invalid_json');
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload))
    return unreadable('not_an_object');
  if (delivery.source === 'pull') return translatePull(delivery);
  const named = (payload as Record<string, unknown>)[kindField];
  const vendorKind = typeof named === 'string' ? storableName(named) : null;
  const kind = catalogue.get(vendorKind ?? '') ?? 'unknown';
  if (kind === 'unknown' || kind === 'ignored') {
    return { ok: true, event: { kind: 'unknown', isIgnored: kind === 'ignored' }, vendorKind };
  }
  const fields = payload as Fields;
  // An alert's details are stored as they stand, and an id must not become another's.
  const hasNumbers =
    kind === 'compliance_alert' || optionalIds[kind].some((name) => typeof fields[name] === 'number');
  const exact = hasNumbers ? withAllDigits(text, payload) : payload;
  const unstorable =
    kind === 'compliance_alert' ? alertWords.filter((name) => !isStorable(fields[name])) : [];
  const leftOut = Object.fromEntries(unstorable.map((name) => [name, null]));
  const read = readers[kind](unstorable.length > 0 ? { ...exact, ...leftOut } : exact, delivery);
  if (typeof read === 'string') return { ...unreadable('unreadable_body', read), kind, vendorKind };
  if (read.kind === 'session_completed' && !isStorableText(read.sessionId)) {
    return { ...unreadable('unstorable_text', 'session_id'), kind, vendorKind };
  }
  const details = [
    ...tellLeftOut('no id', unreadIds(fields, optionalIds[kind])),
    ...tellLeftOut('nothing that Postgres can hold', unstorable),
  ];
  const translated = { ok: true, event: read, vendorKind } as const;
  return details.length === 0 ? translated : { ...translated, detail: details.join('; ') };
}

function tellLeftOut(as: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`left out, as ${as}: ${names.join(', ')}`];
}

// What iLive answered when it was asked, in the shape of `results.ts`. Only answers that hold a verdict are stored.
function translatePull(delivery: StoredDelivery): Translation {
  const kind = 'session_completed';
  const result = readResult(delivery.body);
  if (result.verdict === null || delivery.pulledSessionId === null) {
    return { ...unreadable('unreadable_body', 'the answer holds no verdict'), kind };
  }
  const { verdict, confidence, referenceId } = result;
  const told = originOf(delivery, referenceId, result.occurredAt ?? undefined);
  const fingerprint = fingerprintOf(delivery);
  const event: Event = {
    kind,
    ...told,
    fingerprint,
    sessionId: delivery.pulledSessionId,
    verdict,
    confidence,
  };
  return { ok: true, event, vendorKind: null };
}

/**
 * Nothing has happened after it was told. A time further ahead than clocks may be apart (ASSUMPTION 03) counts as none: it would
 * come behind all that is ever told of the session, and mask it.
 */
const aheadLimitMs = defaultToleranceSeconds * 1_000;

const wordLimitChars = 200;

type Reader = (payload: object, delivery: StoredDelivery) => Event | string;

const readers: Readonly<Record<Exclude<EventKind, 'unknown'>, Reader>> = {
  session_completed: (payload, delivery) => {
    const read = livenessVerdict.safeParse(payload);
    if (!read.success) return describe(read.error);
    const { session_id, verdict, confidence } = read.data;
    return {
      kind: 'session_completed',
      ...stated(delivery, read.data),
      fingerprint: fingerprintOf(delivery),
      sessionId: session_id as SessionId,
      verdict,
      confidence: confidence ?? null,
    };
  },
  face_matched: (payload, delivery): FaceMatched | string => {
    const read = faceMatched.safeParse(payload);
    if (!read.success) return describe(read.error);
    const match = read.data;
    return {
      kind: 'face_matched',
      ...stated(delivery, match),
      matchId: match.match_id ?? idFromBytes(delivery),
      sessionId: (match.session_id ?? null) as SessionId | null,
      faceId: match.face_id ?? null,
      externalFaceId: match.external_face_id ?? null,
      collectionId: match.collection_id ?? null,
      similarity: match.similarity ?? null,
      threshold: match.threshold ?? null,
      isMatch: match.is_match ?? null,
    };
  },
  compliance_alert: (payload, delivery): ComplianceAlerted | string => {
    const read = complianceAlert.safeParse(payload);
    if (!read.success) return describe(read.error);
    const alert = read.data;
    return {
      kind: 'compliance_alert',
      ...stated(delivery, alert),
      alertId: alert.alert_id ?? idFromBytes(delivery),
      sessionId: (alert.session_id ?? null) as SessionId | null,
      severity: shortWord(alert.severity),
      category: shortWord(alert.category),
      message: alert.message ?? null,
      details: alert.details ?? null,
    };
  },
};

function stated(
  delivery: StoredDelivery,
  said: { reference_id?: string | null | undefined; timestamp?: string | null | undefined },
) {
  return originOf(delivery, said.reference_id ?? null, parseInstant(said.timestamp ?? ''));
}

function originOf(delivery: StoredDelivery, referenceId: string | null, statedAt: Instant | undefined) {
  const { id: deliveryId, source, receivedAt, signedAtSeconds } = delivery;
  const toldAt = signedAtSeconds === undefined ? receivedAt : new Date(signedAtSeconds * 1000);
  // By the millisecond, which is exact enough for minutes and cheaper than making an instant of each time of receipt.
  const isPossible = statedAt !== undefined && Date.parse(statedAt) <= toldAt.getTime() + aheadLimitMs;
  const occurredAt = isPossible ? statedAt : instantOf(toldAt);
  return { deliveryId, source, referenceId, occurredAt };
}

// The same bytes told twice are the same fact, even where the vendor gives it no id.
function idFromBytes(delivery: StoredDelivery): string {
  return `sha256:${fingerprintOf(delivery)}`;
}

function fingerprintOf({ bodySha256 }: StoredDelivery): string {
  return bodySha256.toString('hex');
}

// As any word that lists are filtered by: it is indexed, and Postgres refuses index entries past 2,700 bytes. The bytes have it whole.
function shortWord(word: string | null | undefined): string | null {
  return word?.slice(0, wordLimitChars).toWellFormed() ?? null;
}

function storableName(name: string): string {
  return name.slice(0, wordLimitChars).toWellFormed().replaceAll('\0', '\uFFFD');
}

// JSON.stringify writes NUL and lone surrogates as escapes, and nothing else of that form but an escaped backslash
// before it, which the look-behind tells apart. Nesting too deep for it is too deep for Postgres.
function isStorable(value: unknown): boolean {
  try {
    return !/(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/.test(JSON.stringify(value));
  } catch {
    return false;
  }
}

function describe(error: { issues: readonly { path: PropertyKey[]; message: string }[] }): string {
  return error.issues
    .map(({ path, message }) => (path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`))
    .join('; ')
    .slice(0, 500);
}

function unreadable(reason: UnreadableReason, detail: string | null = null) {
  return { ok: false, reason, detail, kind: 'unknown', vendorKind: null } as const;
}
