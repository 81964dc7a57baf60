// What the answer about a session says, read from its bytes alone, so that a stored answer is read by the very rule
// that read it when it came. The vendor's JSON for it is unknown: a documented verdict word is all that counts as an
// end, and whatever else an object says leaves the session open, since asking again costs less than a wrong verdict.
//
// ASSUMPTION 08: both dialects name the fields `verdict`, `confidence`, `status` or `state`, `reference_id` or
// `user_id`, and `completed_at`, `timestamp` or `verdict_at`; the states are the words listed below.
import { z } from 'zod';
import { type Verdict, verdicts } from '../events/event.ts';
import { type Instant, parseInstant } from '../events/instant.ts';
import { ResponseError } from './errors.ts';
import { decodeUtf8, optionalId, optionalNumber, optionalText, parseJson, withAllDigits } from './fields.ts';

export interface ResultReading {
  readonly status: 'completed' | 'pending' | 'expired';
  /** Set exactly where the status is `completed`. */
  readonly verdict: Verdict | null;
  /** 0 to 1; null where none can be read. The verdict is what counts. */
  readonly confidence: number | null;
  readonly referenceId: string | null;
  /** When iLive says that the session ended; null where it gives no time that can be read. */
  readonly occurredAt: Instant | null;
}

// The states that say that nobody will finish the session any more; every other word leaves it pending, the known
// ones (pending, created, in_progress, processing) and the unknown alike.
const endedWithoutVerdict: ReadonlySet<string> = new Set(['expired', 'abandoned']);

const sessionResult = z.object({
  session_id: z.number().transform(String).or(optionalText),
  verdict: z.enum(verdicts).nullish().catch(null),
  confidence: optionalNumber,
  status: optionalText,
  state: optionalText,
  reference_id: optionalId,
  user_id: optionalId,
  completed_at: optionalText,
  timestamp: optionalText,
  verdict_at: optionalText,
});

/** Reads an answer's bytes; throws a ResponseError when they are no JSON object, or tell of a session other than `asked`. */
export function readResult(body: Buffer, asked?: string): ResultReading {
  const said = sessionResult.parse(readObject(body));
  const about = said.session_id ?? asked;
  if (asked !== undefined && about?.toLowerCase() !== asked.toLowerCase()) {
    throw new ResponseError('the answer is about a session other than the one asked for', {
      code: 'wrong_session',
    });
  }
  const verdict = said.verdict ?? null;
  const word = (said.status ?? said.state ?? '').toLowerCase();
  const openStatus = endedWithoutVerdict.has(word) ? 'expired' : 'pending';
  const times = [said.completed_at, said.timestamp, said.verdict_at];
  return {
    status: verdict === null ? openStatus : 'completed',
    verdict,
    confidence: said.confidence ?? null,
    referenceId: said.reference_id ?? said.user_id ?? null,
    occurredAt: times.map((time) => parseInstant(time ?? '')).find((time) => time !== undefined) ?? null,
  };
}

/** The JSON object that an answer's bytes hold; throws a ResponseError, which shows none of them, when they do not. */
export function readObject(body: Buffer): Readonly<Record<string, unknown>> {
  const text = decodeUtf8(body);
  const parsed = text === undefined ? undefined : parseJson(text);
  if (text === undefined || parsed === undefined) throw unreadable('it is no JSON');
  const value = withAllDigits(text, parsed);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unreadable('it is no JSON object');
  }
  return value as Record<string, unknown>;
}

/** The error for an answer of which `reason` says what is wrong, in words of ours. */
export function unreadable(reason: string): ResponseError {
  return new ResponseError(`the answer cannot be read: ${reason}`, { code: 'unreadable_answer' });
}
