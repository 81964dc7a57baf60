// All that is known of one person, or was by some time: their sessions, face matches and compliance alerts. Sessions are
// read first and alerts last, so that of a dispute that comes to be meanwhile at least the alert is seen.
import {
  alertAsOf,
  disputeAsOf,
  type History,
  isPast,
  latestSaid,
  type Moment,
  sessionAsOf,
} from '../events/as-of.ts';
import type { ComplianceAlerted } from '../events/event.ts';
import type { Instant } from '../events/instant.ts';
import type { Queries } from './connect.ts';
import { factTables } from './facts.ts';
import type { ComplianceAlertRow, FaceMatchRow } from './find-facts.ts';
import {
  findFormerSessions,
  findHistories,
  findStatements,
  findSubjectSessions,
  type WhoseSubject,
} from './find-past.ts';
import type { SessionRow } from './find-sessions.ts';
import type { EndedReason } from './schema.ts';
import { sessionKeyText } from './sessions.ts';

/** A session's row; of the past nobody can tell when and how often iLive was to be asked. */
export type ToldSession = Omit<SessionRow, 'pullAttempts'> & { readonly pullAttempts: number | null };

export interface Subject {
  /** Newest first, all of them. */
  readonly sessions: readonly ToldSession[];
  readonly faceMatches: readonly FaceMatchRow[];
  readonly alerts: readonly ComplianceAlertRow[];
  /** False where there is more than is looked through. */
  readonly isComplete: boolean;
}

/** What a session's row said at that moment; undefined where it was not known. */
export function tellSession(
  row: SessionRow,
  history: History<EndedReason>,
  moment: Moment,
): ToldSession | undefined {
  const past = sessionAsOf(history, moment);
  return past && { ...row, ...past, nextPullAt: null, pullAttempts: null };
}

/** All of one person, looking through at most `limit` of each; empty lists for one that nobody has heard of. */
export async function findSubject(
  db: Queries,
  subject: WhoseSubject,
  moment: Moment,
  limit: number,
): Promise<Subject> {
  const { referenceId } = subject;
  const rows = isPast(moment)
    ? await findFormerSessions(db, subject, moment, limit + 1)
    : await findSubjectSessions(db, subject, limit + 1);
  const histories = isPast(moment) ? await findHistories(db, rows) : new Map<string, never>();
  const sessions: ToldSession[] = isPast(moment)
    ? rows.flatMap((row) => {
        const history = histories.get(sessionKeyText(row));
        const told = history && tellSession(row, history, moment);
        return told?.referenceId === referenceId ? [told] : [];
      })
    : rows;
  const own = new Set(sessions.map(sessionKeyText));
  const isTheirs = (fact: FaceMatchRow | ComplianceAlertRow) =>
    fact.referenceId === referenceId ||
    (fact.sessionId !== null && own.has(sessionKeyText({ ...fact, sessionId: fact.sessionId })));
  const matchesSaid = await findStatements(db, factTables.face_matched, subject, sessions, limit + 1);
  const alertsSaid = await findStatements(db, factTables.compliance_alert, subject, sessions, limit + 1);
  // Also of sessions that were somebody else's by then: a dispute that had named this person may have come to name the other.
  const disputes = moment.asOf === null ? [] : disputesOf(rows, histories, moment);
  const faceMatches = latestOfEach(matchesSaid, ({ matchId }) => matchId, moment).filter(isTheirs);
  const alerts = latestOfEach([...alertsSaid, ...disputes], ({ alertId }) => alertId, moment)
    .filter(isTheirs)
    .map((alert) => alertAsOf(alert, moment));
  const isComplete =
    rows.length <= limit &&
    byFact(matchesSaid, ({ matchId }) => matchId).size <= limit &&
    byFact(alertsSaid, ({ alertId }) => alertId).size <= limit;
  return { sessions, faceMatches, alerts, isComplete };
}

type IdOf<Fact> = (fact: Fact) => string;

function byFact<Fact extends { readonly account: string }>(statements: readonly Fact[], idOf: IdOf<Fact>) {
  return Map.groupBy(statements, (fact) => JSON.stringify([fact.account, idOf(fact)]));
}

function latestOfEach<Fact extends FaceMatchRow | ComplianceAlertRow>(
  statements: readonly Fact[],
  idOf: IdOf<Fact>,
  moment: Moment,
): Fact[] {
  return [...byFact(statements, idOf).values()]
    .flatMap((own) => latestSaid(own, moment) ?? [])
    .sort((a, b) => (a.deliveryId < b.deliveryId ? 1 : -1));
}

// The alerts of our own hold the latest contradiction alone; of those before it, the statements themselves tell. One that
// was recorded stands before the same one made here, since somebody may have done something about it.
function disputesOf(
  sessions: readonly ToldSession[],
  histories: ReadonlyMap<string, History<EndedReason>>,
  moment: Moment,
): ComplianceAlertRow[] {
  return sessions.flatMap((session) => {
    const observations = histories.get(sessionKeyText(session))?.observations ?? [];
    const told = disputeAsOf(session.sessionId, observations, moment);
    return told === undefined ? [] : [unhandled(told, session.account)];
  });
}

function unhandled(
  { kind: _kind, source: _source, ...alert }: ComplianceAlerted & { readonly knownAt: Instant },
  account: string,
): ComplianceAlertRow {
  return {
    ...alert,
    account,
    acknowledgedAt: null,
    acknowledgedBy: null,
    acknowledgedNote: null,
    resolvedAt: null,
    resolvedBy: null,
    resolvedNote: null,
    status: 'open',
  };
}
