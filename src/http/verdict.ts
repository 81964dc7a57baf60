// `GET /v1/sessions/{session_id}/verdict?wait=30s`: is there a verdict, and if not yet, tell me the moment there is. When the
// time is over it says that it is pending, which is no error.
import { z } from 'zod';
import { endedReasons } from '../db/schema.ts';
import type { WaitedSession } from '../db/waits.ts';
import { sources } from '../events/event.ts';
import { confirmations, sessionStates } from '../events/session.ts';
import { requireStillKnown } from './gate.ts';
import { hasLeft } from './has-left.ts';
import { operation, reply } from './operation.ts';
import { accountText, searchText, waitText } from './query.ts';
import { verdict } from './session-shape.ts';
import { severalAccounts } from './several-accounts.ts';
import { instant, uuid } from './shapes.ts';

const verdictShape = z
  .object({
    session_id: z.string(),
    account: z.string().nullable(),
    reference_id: z.string().nullable(),
    status: z
      .enum(['pending', 'final'])
      .describe('pending: there is not yet what you asked for; ask again. final: there will be no more.'),
    verdict: verdict
      .nullable()
      .describe('Null while it is pending, and where the session ended without one.'),
    state: z
      .enum(sessionStates)
      .nullable()
      .describe(
        'Null for a session that nobody here has heard of yet. Whether the person may come in, `standing.is_verified` of the subject says, and that alone.',
      ),
    confirmation: z.enum(confirmations).nullable(),
    confidence: z.number().nullable(),
    verdict_at: instant.nullable(),
    settled_at: instant.nullable(),
    settled_by: uuid.nullable(),
    settled_source: z.enum(sources).nullable(),
    ended_reason: z.enum(endedReasons).nullable(),
  })
  .meta({ id: 'Verdict' });

type Assurance = 'any' | 'confirmed';

/** Answers the verdict once it is there, or `pending` when the time is over. */
export const showVerdict = operation({
  path: { session_id: searchText },
  query: {
    account: accountText.optional(),
    wait: waitText,
    assurance: z
      .enum(['any', 'confirmed'], 'must be any or confirmed')
      .default('any')
      .describe('confirmed: wait until webhook and pull agree.'),
  },
  answers: { 200: verdictShape },
  errors: ['conflict'],
  answer: async ({ follow, keyRing }, { path, query: { account, wait, assurance }, req, res }) => {
    const leave = wait === 0 ? () => {} : follow.callers.enter('verdict');
    try {
      const rows = await follow.waits.wait(
        {
          sessionId: path.session_id,
          account,
          wantsConfirmation: assurance === 'confirmed',
          waitMs: Math.min(wait, follow.waitMaxMs),
          signal: hasLeft(res),
        },
        (seen) => seen.length > 1 || seen.some((row) => isFinal(row, assurance)),
      );
      requireStillKnown(keyRing, req);
      return reply(200, show(path.session_id, rows, assurance));
    } finally {
      leave();
    }
  },
});

function isFinal({ state, confirmation }: WaitedSession, assurance: Assurance): boolean {
  if (state === 'expected') return false;
  return state !== 'settled' || assurance === 'any' || confirmation === 'confirmed';
}

function show(sessionId: string, [row, ...others]: readonly WaitedSession[], assurance: Assurance) {
  if (row !== undefined && others.length > 0) {
    throw severalAccounts('have a session with this id', [row, ...others]);
  }
  const isDone = row !== undefined && isFinal(row, assurance);
  return {
    session_id: sessionId,
    account: row?.account ?? null,
    reference_id: row?.referenceId ?? null,
    status: isDone ? ('final' as const) : ('pending' as const),
    // Who reads only this lets nobody in on less than was asked for.
    verdict: isDone ? row.verdict : null,
    state: row?.state ?? null,
    confirmation: row?.confirmation ?? null,
    confidence: isDone ? row.confidence : null,
    verdict_at: isDone ? row.verdictAt : null,
    settled_at: isDone ? row.settledAt : null,
    settled_by: isDone ? row.settledBy : null,
    settled_source: isDone ? row.settledSource : null,
    ended_reason: row?.endedReason ?? null,
  };
}
