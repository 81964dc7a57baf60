// What is answered of a session.
import { z } from 'zod';
import { endedReasons } from '../db/schema.ts';
import { sources, verdicts } from '../events/event.ts';
import { confirmations, sessionStates } from '../events/session.ts';
import { momentFields } from './as-of.ts';
import { count, instant, uuid } from './shapes.ts';

export const verdict = z.enum(verdicts);

const sessionFields = {
  session_id: z.string(),
  account: z.string(),
  reference_id: z
    .string()
    .nullable()
    .describe('Your own id of the person, as given when the session was made.'),
  state: z
    .enum(sessionStates)
    .describe(
      'How it stands with this session. Whether the person may come in, `standing.is_verified` of the subject says, and that alone.',
    ),
  verdict: verdict.nullable(),
  confidence: z.number().nullable().describe('0 to 1, as iLive gave it; the verdict is what counts.'),
  verdict_at: instant.nullable().describe('When the verdict came to be, by iLive.'),
  confirmation: z.enum(confirmations).describe('confirmed: webhook and pull agree.'),
  expected_at: instant.describe('From when on the verdict has been expected.'),
  settled_at: instant.nullable().describe('Since when it has been known here.'),
  settled_by: uuid.nullable().describe('The delivery that told it.'),
  settled_source: z.enum(sources).nullable(),
  ended_reason: z.enum(endedReasons).nullable().describe('Why it ended without a verdict.'),
  ended_at: instant.nullable(),
  expires_at: instant.nullable().describe('When iLive forgets the session.'),
  next_pull_at: instant
    .nullable()
    .describe('When iLive is asked next; null of the past, which nobody can tell.'),
  pull_attempts: count
    .nullable()
    .describe('How often iLive was asked and answered about it; null of the past.'),
};

export const session = z.object(sessionFields).meta({ id: 'Session' });

export const observation = z
  .object({
    delivery_id: uuid,
    source: z.enum(sources),
    verdict,
    confidence: z.number().nullable(),
    reference_id: z.string().nullable(),
    occurred_at: instant.describe('By iLive.'),
    known_at: instant.describe('By us.'),
  })
  .meta({ id: 'Observation', description: "One source's statement of a session's verdict." });

export const detailedSession = z
  .object({ ...sessionFields, observations: z.array(observation), ...momentFields })
  .meta({ id: 'DetailedSession' });
