// `GET /v1/subjects/{reference_id}`: all that is known of one person, and whether anything speaks against letting them in.
import { z } from 'zod';
import { findSubject, type Subject } from '../db/find-subject.ts';
import { ServiceError } from '../errors.ts';
import { isPast, type Moment } from '../events/as-of.ts';
import { confirmations, sessionStates } from '../events/session.ts';
import { obstacles, standOf } from '../events/subject.ts';
import { momentFields, momentParameters, readMoment } from './as-of.ts';
import { complianceAlert, faceMatch, showComplianceAlert, showFaceMatch } from './facts.ts';
import { operation, reply } from './operation.ts';
import { accountText, searchText } from './query.ts';
import { session, verdict } from './session-shape.ts';
import { showSessionRow } from './sessions.ts';
import { severalAccounts } from './several-accounts.ts';
import { count, instant } from './shapes.ts';

/** The newest of each kind are shown; the lists with `?reference_id=` have the rest. */
const shownMax = 200;
/** More of one kind than this is no person's, and nobody is let in on it. */
const consideredMax = 1_000;

const listOf = <Row extends z.ZodType>(row: Row, path: string) =>
  z.object({
    data: z.array(row).describe(`The newest, ${shownMax} at most.`),
    is_complete: z
      .boolean()
      .describe(`False where there are more; ${path}?reference_id= has them all, as they are now.`),
  });

const standing = z
  .object({
    is_verified: z
      .boolean()
      .describe(
        'True only where the latest verdict of theirs is a pass, its session is settled and not disputed, and no compliance alert about them is unresolved. Let somebody in on this field alone.',
      ),
    obstacles: z.array(z.enum(obstacles)).describe('All that keeps is_verified from being true.'),
    latest_verdict: z
      .object({
        session_id: z.string(),
        verdict,
        state: z.enum(sessionStates),
        confirmation: z.enum(confirmations),
        verdict_at: instant.nullable().describe('By iLive.'),
      })
      .nullable()
      .describe('Of all their sessions the one whose verdict is the latest; null where none has one.'),
    open_sessions_count: count.describe('Sessions whose verdict is expected still.'),
    open_alerts_count: count,
    acknowledged_alerts_count: count.describe('Seen by somebody here, and not resolved.'),
  })
  .meta({ id: 'SubjectStanding' });

const subject = z
  .object({
    reference_id: z.string(),
    account: z.string(),
    ...momentFields,
    standing,
    sessions: listOf(session, '/v1/sessions'),
    face_matches: listOf(faceMatch, '/v1/face-matches'),
    compliance_alerts: listOf(complianceAlert, '/v1/compliance-alerts'),
  })
  .meta({ id: 'Subject' });

/** Answers all that is known of one person, or was; 404 for one that was never heard of. */
export const showSubject = operation({
  fields: true,
  etag: true,
  path: { reference_id: searchText },
  query: { account: accountText.optional(), ...momentParameters },
  answers: { 200: subject },
  errors: ['not_found', 'conflict'],
  answer: async ({ db, now }, { path, query }) => {
    const referenceId = path.reference_id;
    const moment = readMoment(query, now());
    const found = await findSubject(db, { referenceId, account: query.account }, moment, consideredMax);
    const account = accountOf(found, moment);
    const { latest, ...stand } = standOf(found.sessions, found.alerts, found.isComplete);
    return reply(200, {
      reference_id: referenceId,
      account,
      as_of: moment.asOf,
      known_at: moment.knownAt,
      standing: {
        is_verified: stand.isVerified,
        obstacles: [...stand.obstacles],
        latest_verdict:
          latest === undefined || latest.verdict === null
            ? null
            : {
                session_id: latest.sessionId,
                verdict: latest.verdict,
                state: latest.state,
                confirmation: latest.confirmation,
                verdict_at: latest.verdictAt,
              },
        open_sessions_count: stand.openSessionsCount,
        open_alerts_count: stand.openAlertsCount,
        acknowledged_alerts_count: stand.acknowledgedAlertsCount,
      },
      sessions: shown(found.sessions, showSessionRow),
      face_matches: shown(found.faceMatches, showFaceMatch),
      compliance_alerts: shown(found.alerts, showComplianceAlert),
    });
  },
});

// Accounts share no sessions, and so no people: the same reference id in two of them may be two persons.
function accountOf({ sessions, faceMatches, alerts }: Subject, moment: Moment): string {
  const rows = [...sessions, ...faceMatches, ...alerts];
  const [account, ...others] = new Set(rows.map((row) => row.account));
  if (account === undefined) {
    throw new ServiceError('not_found', nobody(moment));
  }
  if (others.length === 0) return account;
  throw severalAccounts('know this reference id', rows);
}

function nobody(moment: Moment): string {
  if (moment.knownAt !== null) return 'Nobody with this reference id was known here at that time.';
  return isPast(moment)
    ? 'Nothing about anybody with this reference id had happened by then.'
    : 'Nobody with this reference id has been heard of.';
}

function shown<Row, Shown>(rows: readonly Row[], show: (row: Row) => Shown) {
  return { data: rows.slice(0, shownMax).map(show), is_complete: rows.length <= shownMax };
}
