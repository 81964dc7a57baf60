// `POST /v1/sessions/lookup`: what is known of many sessions at once, in one query. It changes nothing; it is no GET because
// five hundred ids are longer than what every proxy takes as an address.
import { z } from 'zod';
import { lookUpSessions } from '../db/find-sessions.ts';
import type { SessionId } from '../events/event.ts';
import { operation, reply } from './operation.ts';
import { searchText } from './query.ts';
import { session } from './session-shape.ts';
import { showSessionRow } from './sessions.ts';

const idsMax = 500;
const countRule = `must hold 1 to ${idsMax} ids`;

const request = z
  .strictObject({
    session_ids: z.array(searchText).min(1, countRule).max(idsMax, countRule),
    account: searchText.optional().describe('Of this account alone. Default: of all.'),
  })
  .meta({ examples: [{ session_ids: ['a1b2c3d4-e5f6-7890-abcd-ef1234567890'] }] });

const lookedUp = z.object({
  data: z.array(session).describe('In the order of the ids; where accounts share an id, one for each.'),
  missing: z.array(z.string()).describe('The ids that no session here has.'),
});

/** Answers the sessions with these ids, and says which ids are not known. */
export const showSessionsById = operation({
  body: request,
  fields: true,
  answers: { 200: lookedUp },
  answer: async ({ db }, { body }) => {
    const ids = [...new Set(body.session_ids)] as SessionId[];
    const byId = Map.groupBy(await lookUpSessions(db, ids, body.account), (row) => row.sessionId);
    const found = ids.flatMap((id) =>
      (byId.get(id) ?? []).toSorted((a, b) => (a.account < b.account ? -1 : 1)),
    );
    return reply(200, { data: found.map(showSessionRow), missing: ids.filter((id) => !byId.has(id)) });
  },
});
