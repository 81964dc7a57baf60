// Seed, run label and session count → every message of a run, in order, with the faults that strike it. Pure and
// repeatable: the same seed gives the same sequence and the same faults, and the label only changes the ids, so that a
// database with earlier runs can take another. Which fault strikes whom is dealt for each fault alone.
import { breakMessages } from './broken-messages.ts';
import type { FaultName, FaultShares } from './faults.ts';
import { createIdentities, type Identities } from './identities.ts';
import { type Draft, draftMessage, type Message } from './message.ts';
import { type PayloadStyle, plainStyle, writePayload } from './payload.ts';
import { createRandom, type Random } from './random.ts';
import type { AlertStatement, MatchStatement, Statement, VerdictStatement } from './statement.ts';
import { createVerdict, otherVerdict, type Story, tellStories } from './story.ts';

export interface ScenarioOptions {
  readonly seed: number;
  readonly label: string;
  readonly sessionCount: number;
  readonly now: Date;
  readonly faults: FaultShares;
  /** The share of the sessions whose verdicts are never sent. */
  readonly dropShare?: number;
  /** Played to a service that creates the sessions itself and asks for what was dropped. */
  readonly isLive?: boolean;
}

/** A session, and what the vendor itself would say of it. */
export interface ScenarioSession {
  readonly sessionId: string;
  readonly referenceId: string;
  /** Null for one that is only mentioned: nobody ends it. */
  readonly truth: VerdictStatement | null;
  readonly isDropped: boolean;
}

export interface Scenario {
  readonly seed: number;
  readonly label: string;
  readonly isLive: boolean;
  /** Everything in it is planned to have happened before. */
  readonly plannedAt: Date;
  /** Every uuid of the run begins with these eight digits. */
  readonly mark: string;
  readonly messages: readonly Message[];
  /** In the order in which they begin. */
  readonly sessions: readonly ScenarioSession[];
  /** Sessions that only refused and unreadable messages name: they must never exist. */
  readonly ghostSessionIds: readonly string[];
}

// A statement on its way to becoming a message, with what will be done to it.
interface Plan {
  readonly key: string;
  readonly session: number;
  readonly sessionId: string;
  readonly isDropped: boolean;
  statement: Statement;
  style: PayloadStyle;
  position: number;
  readonly faults: FaultName[];
}

/** Plans a run. */
export function planScenario(options: ScenarioOptions): Scenario {
  const { seed, label, sessionCount, now, faults } = options;
  const identities = createIdentities(seed, label);
  const stories = tellStories({ seed, identities, sessionCount, now, isBrisk: options.isLive ?? false });
  const deal = <T>(fault: FaultName, candidates: readonly T[]) =>
    createRandom(seed, fault).deal(candidates, strikeCount(faults[fault], sessionCount));

  const dropCount = Math.round((options.dropShare ?? 0) * sessionCount);
  const dropped = new Set(createRandom(seed, 'drop').deal(stories.filter(hasVerdict), dropCount));
  const planned = stories.flatMap((story, index) => planStory(story, index, dropped.has(story)));
  const plans = planned.filter((plan) => !plan.isDropped);
  plans.push(...deal('contradiction', plans.filter(isOnlyVerdict)).map((plan) => contradict(plan, seed)));
  for (const older of deal('reorder', plans.filter(isOlderVerdict))) reorder(plans, older);
  for (const plan of deal('absent_fields', plans.filter(isFree))) leaveOut(plan, seed);
  for (const plan of deal('alias', plans)) respell(plan, seed);
  for (const plan of deal('extra_fields', plans)) {
    plan.style = { ...plan.style, hasExtraFields: true };
    plan.faults.push('extra_fields');
  }

  const drafts = plans.map((plan) => draftPlan(plan, identities));
  const lost = planned.filter((plan) => plan.isDropped).map((plan) => draftPlan(plan, identities));
  const disturbed = disturbTransport(drafts, deal, seed);
  const copies = deal('duplicate_new_id', drafts.filter(hasTime)).map((draft, index) => ({
    ...draft,
    name: `${draft.name}, told again under another id`,
    webhookId: identities.uuid(`webhook again ${index}`),
    position: draft.position + createRandom(seed, `again ${index}`).whole(1, 40) / 2,
    faults: [...draft.faults, 'duplicate_new_id' as const],
  }));
  const broken = breakMessages({
    seed,
    identities,
    stories,
    now,
    countOf: (fault) => strikeCount(faults[fault], sessionCount),
  });
  return {
    seed,
    label,
    isLive: options.isLive ?? false,
    plannedAt: now,
    mark: identities.mark,
    messages: inOrder([...disturbed, ...copies, ...broken.drafts, ...lost]),
    sessions: stories.map((story) => ({
      sessionId: story.sessionId,
      referenceId: story.referenceId,
      truth: story.verdicts.at(-1) ?? null,
      isDropped: dropped.has(story),
    })),
    ghostSessionIds: broken.ghostSessionIds,
  };
}

function strikeCount(share: number, sessionCount: number): number {
  return share === 0 ? 0 : Math.max(1, Math.round(share * sessionCount));
}

function hasVerdict({ verdicts }: Story): boolean {
  return verdicts.length > 0;
}

function draftPlan(plan: Plan, identities: Identities): Draft {
  const { key, session, sessionId, isDropped, position, statement, style, faults } = plan;
  const draft = draftMessage({
    name: `${key} of session ${session + 1}`,
    webhookId: identities.uuid(`webhook ${session} ${key}`),
    position,
    body: writePayload(statement, style),
    meaning: { fate: 'recorded', statement },
  });
  return { ...draft, sessionId, isDropped, faults };
}

function planStory(story: Story, session: number, isDropped: boolean): Plan[] {
  const plan = (key: string, statement: Statement, offset: number): Plan => ({
    key,
    session,
    sessionId: story.sessionId,
    isDropped: isDropped && statement.kind === 'verdict',
    statement,
    style: plainStyle,
    position: session + offset,
    faults: [],
  });
  const [first, newer] = story.verdicts;
  return [
    ...(first === undefined ? [] : [plan(newer === undefined ? 'verdict' : 'first verdict', first, 0)]),
    ...(newer === undefined ? [] : [plan('newer verdict', newer, 4.5)]),
    ...story.mentions.map((mention) => plan(mention.kind === 'match' ? 'face match' : 'alert', mention, 0.3)),
  ];
}

function isOnlyVerdict(plan: Plan): boolean {
  return plan.key === 'verdict';
}

function isOlderVerdict(plan: Plan): boolean {
  return plan.key === 'first verdict';
}

// Where two statements of one session are weighed against each other, each must name its time.
function isFree(plan: Plan): boolean {
  return !plan.key.includes(' verdict') && !plan.faults.includes('contradiction');
}

function contradict(plan: Plan, seed: number): Plan {
  const random = createRandom(seed, `contradiction ${plan.session}`);
  const said = plan.statement as VerdictStatement;
  const statement = createVerdict(
    { sessionId: said.sessionId, referenceId: said.referenceId ?? '' },
    otherVerdict(said.verdict, random),
    said.atMicros ?? 0,
    random,
  );
  plan.faults.push('contradiction');
  return {
    ...plan,
    key: 'contradicting verdict',
    statement,
    position: plan.position + random.whole(-6, 6) + 0.1,
    faults: ['contradiction'],
  };
}

function reorder(plans: readonly Plan[], older: Plan): void {
  const newer = plans.find((plan) => plan.session === older.session && plan.key === 'newer verdict');
  if (newer === undefined) return;
  [older.position, newer.position] = [newer.position, older.position];
  older.faults.push('reorder');
  newer.faults.push('reorder');
}

function leaveOut(plan: Plan, seed: number): void {
  const random = createRandom(seed, `absent ${plan.session} ${plan.key}`);
  plan.statement = withoutFields(plan.statement, random);
  plan.style = { ...plan.style, absence: random.pick(['null', 'omit']) };
  plan.faults.push('absent_fields');
}

function withoutFields(statement: Statement, random: Random): Statement {
  switch (statement.kind) {
    case 'verdict':
      return {
        ...statement,
        ...random.pick<Partial<VerdictStatement>>([
          { confidence: null },
          { referenceId: null },
          { atMicros: null },
          { confidence: null, referenceId: null },
        ]),
      };
    case 'match':
      return {
        ...statement,
        ...random.pick<Partial<MatchStatement>>([
          { matchId: null },
          { faceId: null, externalFaceId: null, collectionId: null },
          { threshold: null, isMatch: null, atMicros: null },
        ]),
      };
    case 'alert':
      return {
        ...statement,
        ...random.pick<Partial<AlertStatement>>([
          { alertId: null, details: null },
          { category: null, atMicros: null },
        ]),
      };
  }
}

function respell(plan: Plan, seed: number): void {
  const random = createRandom(seed, `alias ${plan.session} ${plan.key}`);
  const spellings = {
    verdict: ['session.completed', 'liveness.completed', 'session_completed'],
    match: ['face-matched', 'face_matched', 'face.match'],
    alert: ['compliance-alert', 'compliance_alert', 'compliance_alert'],
  } as const;
  plan.style = { ...plan.style, kindName: random.pick(spellings[plan.statement.kind]) };
  plan.faults.push('alias');
}

// What happens on the way is dealt one after the other: whoever is struck already is not struck again, so that each
// fault can be told by what it did.
function disturbTransport(
  drafts: readonly Draft[],
  deal: <T>(fault: FaultName, candidates: readonly T[]) => T[],
  seed: number,
): Draft[] {
  const delays = createRandom(seed, 'delays');
  const changes = {
    duplicate: () => ({ copies: 'again' as const }),
    duplicate_at_once: () => ({ copies: 'at_once' as const }),
    cut: () => ({ transport: 'cut_once' as const }),
    slow: () => ({ transport: 'slow' as const }),
    delay: () => ({ delayMs: delays.whole(100, 900) }),
  };
  const struck = new Map<Draft, Draft>();
  for (const fault of Object.keys(changes) as (keyof typeof changes)[]) {
    for (const draft of deal(
      fault,
      drafts.filter((candidate) => !struck.has(candidate)),
    )) {
      struck.set(draft, { ...draft, ...changes[fault](), faults: [...draft.faults, fault] });
    }
  }
  return drafts.map((draft) => struck.get(draft) ?? draft);
}

// A statement without a time is dated by its signature, and signed again it would be another statement.
function hasTime({ meaning }: Draft): boolean {
  return meaning.fate === 'recorded' && meaning.statement.atMicros !== null;
}

function inOrder(drafts: readonly Draft[]): Message[] {
  return [...drafts]
    .sort((a, b) => a.position - b.position)
    .map(({ position: _, ...message }, index) => ({ ...message, index }));
}
