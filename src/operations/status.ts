// One look at everything, and what of it is wrong: each problem with what to do about it. The thresholds stand here by
// name; what is counted is counted by `db/status`.
import type { Queries } from '../db/connect.ts';
import { listPauses, type PauseRow } from '../db/pauses.ts';
import type { ReplicaSight } from '../db/read-replicas.ts';
import {
  countProven,
  countReplays,
  type DeliveryFigures,
  type RefusalFigures,
  readDeliveryFigures,
  readRefusalFigures,
  readServerFigures,
  readSessionFigures,
  type ServerFigures,
  type SessionFigures,
} from '../db/status.ts';
import type { OutageSight } from '../outage/outage.ts';
import type { QueueFacts } from '../queue-facts.ts';
import { counted } from './counted.ts';
import { countedUpTo } from './counted-up-to.ts';
import { explainTrouble, type VendorSight } from './look-at-vendor.ts';
import { damageProblem, keepingProblem, sealProblem, waitingProblem } from './outage-problems.ts';
import { type Level, type Problem, problem, runbook } from './problem.ts';
import { queueProblem } from './queue-problem.ts';
import { judgingOf, lookAtSeals, type SealDependencies, type SealSight, sealProblems } from './sealed.ts';
import { isLosingMuch, overdueProblem, unrecoverableProblem } from './session-problems.ts';
import type { ListedSecret } from './signing-secrets.ts';
import { ageOf, weighUndecided } from './undecided.ts';
import { keyProblem } from './vendor-key.ts';

export interface StatusDependencies extends SealDependencies {
  readonly lookAtQueue: () => Promise<QueueFacts>;
  /** None where no replica is configured. */
  readonly lookAtReplicas: () => readonly ReplicaSight[];
  /** The outage store of this process. */
  readonly lookAtOutage: () => OutageSight;
  /** Undefined where no API key is configured. */
  readonly lookAtVendor: (() => Promise<VendorSight>) | undefined;
  readonly refusalLimits: { readonly maxCount: number; readonly maxBytes: number };
  readonly now: () => Date;
}

export interface Status {
  readonly level: Level;
  readonly now: Date;
  readonly problems: readonly Problem[];
  readonly deliveries: DeliveryFigures & { readonly oldestOwedAgeMs: number | null };
  readonly refusals: RefusalFigures;
  /** Whether of all that came lately so much was refused that a secret or the formula must be wrong. */
  readonly isRefusingMuch: boolean;
  readonly sessions: SessionFigures;
  /** Whether so many of the sessions that iLive is asked about end without a verdict that something must be wrong. */
  readonly isLosingMuch: boolean;
  readonly queue: QueueFacts;
  readonly database: ServerFigures & { readonly ms: number };
  readonly replicas: readonly ReplicaSight[];
  readonly outage: OutageSight;
  /** How far our clock is ahead of theirs. */
  readonly clock: { readonly ofDatabaseMs: number; readonly ofVendorMs: number | null };
  readonly vendor: VendorSight | undefined;
  readonly secrets: readonly ListedSecret[];
  readonly seals: SealSight;
  readonly replays: { readonly running: number; readonly paused: number };
  readonly pauses: readonly PauseRow[];
}

/** What a problem begins with; all in milliseconds unless the name says otherwise. */
export const thresholds = {
  owedWarningMs: 15_000,
  owedErrorMs: 60_000,
  failingErrorCount: 100,
  refusedRecentMs: 15 * 60_000,
  // Both: so many, and such a share of all that came. Anybody can be refused, but what is signed comes from iLive alone.
  refusedErrorCount: 10,
  refusedErrorShare: 0.05,
  refusalsFullShare: 0.9,
  nearDeadlineMs: 5 * 60_000,
  overdueGraceMs: 5 * 60_000,
  clockWarningMs: 30_000,
  clockErrorMs: 120_000,
  connectionsShare: 0.8,
} as const;

/** Looks at everything at once. Throws `unavailable` when the database does not answer. */
export async function readStatus(deps: StatusDependencies): Promise<Status> {
  const { db } = deps;
  const now = deps.now();
  const recentSince = new Date(now.getTime() - thresholds.refusedRecentMs);
  const startedAt = performance.now();
  const server = await readServerFigures(db);
  const ms = Math.round(performance.now() - startedAt);
  const ofDatabaseMs = deps.now().getTime() - new Date(server.clock).getTime();
  const [deliveries, refusals, sessions, queue, vendor, seals, replays, pauses] = await Promise.all([
    readDeliveryFigures(db),
    readRefusalFigures(db, recentSince),
    readSessionFigures(db, now, {
      nearMs: thresholds.nearDeadlineMs,
      graceMs: thresholds.overdueGraceMs,
    }),
    deps.lookAtQueue(),
    deps.lookAtVendor?.(),
    lookAtSeals(deps),
    countReplays(db),
    listPauses(db),
  ]);
  const { oldestOwedAt } = deliveries;
  const oldestOwedAgeMs =
    oldestOwedAt === null ? null : Math.max(0, now.getTime() - new Date(oldestOwedAt).getTime());
  const seen = {
    now,
    isRefusingMuch: await isRefusingMuch(db, refusals.recent, recentSince),
    deliveries: { ...deliveries, oldestOwedAgeMs },
    refusals,
    sessions,
    isLosingMuch: await isLosingMuch(db, sessions, now),
    queue,
    database: { ...server, ms },
    replicas: deps.lookAtReplicas(),
    outage: deps.lookAtOutage(),
    clock: { ofDatabaseMs, ofVendorMs: vendor?.aheadMs ?? null },
    vendor,
    secrets: seals.secrets,
    seals,
    replays,
    pauses,
  };
  const problems = findProblems(seen, deps.refusalLimits);
  const level = problems.some((problem) => problem.level === 'error')
    ? 'error'
    : problems.length > 0
      ? 'warning'
      : 'ok';
  return { level, problems, ...seen };
}

// As many as tell the share of all refusals that are kept by default; counted only where many were refused.
const provenCountedMax = 500_000;

async function isRefusingMuch(db: Queries, recent: number, since: Date): Promise<boolean> {
  const { refusedErrorCount, refusedErrorShare } = thresholds;
  if (recent < refusedErrorCount) return false;
  const provenEnough = Math.min(Math.ceil(recent / refusedErrorShare) - recent, provenCountedMax);
  return (await countProven(db, since, provenEnough)) < provenEnough;
}

type Seen = Omit<Status, 'level' | 'problems'>;
type Check = (seen: Seen, limits: StatusDependencies['refusalLimits']) => Problem | undefined;

const checks: readonly Check[] = [
  ({ deliveries, pauses }) => {
    const ageMs = deliveries.oldestOwedAgeMs ?? 0;
    const isPaused = pauses.some(({ what }) => what === 'processing');
    if (ageMs <= thresholds.owedWarningMs || isPaused) return undefined;
    const level = ageMs > thresholds.owedErrorMs ? 'error' : 'warning';
    const message = `The oldest of ${countedUpTo(deliveries.owed, 'owed delivery')} has waited for ${Math.round(ageMs / 1000)} s.`;
    return problem(level, message, `Is a worker running? ${runbook('The oldest owed is old')}`);
  },
  ({ deliveries: { failing } }) => {
    if (failing === 0) return undefined;
    const level = failing >= thresholds.failingErrorCount ? 'error' : 'warning';
    const message = `${countedUpTo(failing, 'delivery', 'has', 'have')} failed and ${failing === 1 ? 'is' : 'are'} tried again, up to PROCESS_MAX_ATTEMPTS times in all.`;
    return problem(level, message, runbook('The oldest owed is old'));
  },
  ({ refusals, seals, isRefusingMuch }) => {
    const { recent, refused } = refusals;
    if (recent === 0) return undefined;
    const { finding, advice, isOurs } = weighUndecided(refusals, { ...judgingOf(seals), isRefusingMuch });
    const level = isRefusingMuch || isOurs ? 'error' : 'warning';
    const message = `${counted(recent, 'request', 'was', 'were')} refused in the last 15 minutes`;
    // With older ones beside them, what is known is told of all together.
    return recent === refused
      ? problem(level, `${message}${finding}.`, advice)
      : problem(level, `${message}.`, 'ilive-webhooks refusals list --state refused --since 15m');
  },
  ({ refusals, seals, now, isRefusingMuch }) => {
    const { recent, refused, newestAt } = refusals;
    if (refused === recent) return undefined;
    const { finding, advice, isOurs } = weighUndecided(refusals, { ...judgingOf(seals), isRefusingMuch });
    const message = `${counted(refused, 'refused request', 'is', 'are')} undecided, the newest ${ageOf(newestAt, now)} old`;
    return problem(isOurs ? 'error' : 'warning', `${message}${finding}.`, advice);
  },
  ({ refusals, seals }, { maxBytes, maxCount }) => {
    const share = Math.max(refusals.storedBytes / maxBytes, maxCount === 0 ? 0 : refusals.kept / maxCount);
    if (share < thresholds.refusalsFullShare) return undefined;
    const message = `The store of refusals is ${Math.round(share * 100)} % full, and lets go of its oldest.`;
    const advice = 'raise REFUSALS_MAX_COUNT and REFUSALS_MAX_BYTES';
    const purge = "ilive-webhooks refusals purge --all --dry-run --why '…'";
    const mayPurge = judgingOf(seals).isComplete;
    return problem('warning', message, mayPurge ? `${advice}, or let some go: ${purge}` : advice);
  },
  ({ deliveries: { parked } }) =>
    parked === 0
      ? undefined
      : problem(
          'warning',
          `${countedUpTo(parked, 'delivery', 'is', 'are')} parked.`,
          'ilive-webhooks deliveries list --state parked',
        ),
  ({ sessions }) => overdueProblem(sessions),
  ({ sessions, isLosingMuch: isMuch }) => unrecoverableProblem(sessions, isMuch),
  ({ queue }) => queueProblem(queue),
  ({ vendor }) =>
    vendor === undefined || vendor.isReachable
      ? undefined
      : problem(
          'warning',
          `iLive cannot be reached: ${explainTrouble(vendor.trouble ?? 'connection_failed').what}.`,
          `Nothing is lost meanwhile. ${runbook('iLive is down')}`,
        ),
  ({ vendor, now }) => keyProblem(vendor?.keyRefusal ?? null, now),
  ({ replicas }) => {
    const idle = replicas.filter(({ state }) => state !== 'usable');
    if (idle.length === 0) return undefined;
    const which = idle.map(({ name, state }) => `${name} (${state.replaceAll('_', ' ')})`).join(', ');
    const message = `${idle.length} of ${replicas.length} read replicas are not asked: ${which}`;
    return problem('warning', message, 'the primary answers meanwhile; see "Read replicas" in the runbook');
  },
  ({ outage }) => keepingProblem(outage),
  ({ outage, now }) => waitingProblem(outage, now),
  ({ outage }) => damageProblem(outage),
  ({ outage }) => sealProblem(outage),
  ({ clock }) => clockProblem('the database’s', clock.ofDatabaseMs),
  ({ clock }) => clockProblem('iLive’s', clock.ofVendorMs ?? 0),
  ({ database: { connections, maxConnections } }) =>
    connections / maxConnections < thresholds.connectionsShare
      ? undefined
      : problem(
          'warning',
          `${connections} of ${maxConnections} connections to Postgres are in use.`,
          'Lower DATABASE_POOL_MAX, or raise max_connections.',
        ),
];

function findProblems(seen: Seen, limits: StatusDependencies['refusalLimits']): Problem[] {
  const found = [
    ...checks.flatMap((check) => check(seen, limits) ?? []),
    ...sealProblems(seen.seals),
    ...seen.pauses.map(pauseProblem(seen)),
  ];
  return found.sort((a, b) => (a.level === b.level ? 0 : a.level === 'error' ? -1 : 1));
}

// At once, however short it is: whoever paused may have gone.
function pauseProblem({ deliveries: { owed } }: Seen) {
  return ({ what, since, by, why }: PauseRow): Problem => {
    const name = what === 'processing' ? 'Processing' : 'Pulling';
    const kept =
      what === 'processing' && owed > 0 ? `; ${countedUpTo(owed, 'delivery', 'is', 'are')} owed` : '';
    const message = `${name} is paused since ${since.slice(0, 19)}Z by ${by} (${why})${kept}.`;
    return problem('warning', message, `ilive-webhooks resume ${what} --why '…'`);
  };
}

function clockProblem(whose: string, aheadMs: number): Problem | undefined {
  const offMs = Math.abs(aheadMs);
  if (offMs < thresholds.clockWarningMs) return undefined;
  const level = offMs < thresholds.clockErrorMs ? 'warning' : 'error';
  const side = aheadMs > 0 ? 'ahead of' : 'behind';
  const message = `Our clock is ${Math.round(offMs / 1000)} s ${side} ${whose}.`;
  return problem(level, message, 'Mend the clock (NTP): signatures are refused by their time.');
}
