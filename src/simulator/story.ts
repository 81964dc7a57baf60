// What happens in the pretend world before anything goes wrong: people, their sessions, verdicts, face matches and
// compliance alerts. Most sessions get one verdict, some a newer one later, and a few are only ever mentioned by a match
// or an alert. Pure: the same seed tells the same story.
import type { Verdict } from '../events/event.ts';
import type { Identities } from './identities.ts';
import { createRandom, type Random } from './random.ts';
import type { AlertStatement, MatchStatement, VerdictStatement } from './statement.ts';

export interface Story {
  readonly sessionId: string;
  readonly referenceId: string;
  /** Oldest first; none for a session that is only mentioned. */
  readonly verdicts: readonly VerdictStatement[];
  readonly mentions: readonly (MatchStatement | AlertStatement)[];
}

export interface World {
  readonly seed: number;
  readonly identities: Identities;
  /** How many sessions get a verdict; a few more are only mentioned. */
  readonly sessionCount: number;
  /** Everything happened in the half hour before. */
  readonly now: Date;
  /** Whether a second verdict of a session comes within moments, instead of minutes. */
  readonly isBrisk: boolean;
}

const halfHourMicros = 30 * 60 * 1_000_000;

export function tellStories(world: World): Story[] {
  const random = createRandom(world.seed, 'stories');
  const stories: Story[] = [];
  let verdictCount = 0;
  for (let index = 0; verdictCount < world.sessionCount; index += 1) {
    // Somebody who was told to retry, or who comes back, has more than one session.
    const earlier = random.chance(0.15) ? stories[random.whole(0, Math.max(0, index - 1))] : undefined;
    const story = tellStory(world, index, earlier?.referenceId, random);
    if (story.verdicts.length > 0) verdictCount += 1;
    stories.push(story);
  }
  return stories;
}

function tellStory(world: World, index: number, knownReference: string | undefined, random: Random): Story {
  const { identities, now } = world;
  const sessionId = identities.uuid(`session ${index}`);
  const referenceId = knownReference ?? `user-${identities.mark}-${String(index + 1).padStart(4, '0')}`;
  const subject = { sessionId, referenceId };
  const atMicros = now.getTime() * 1000 - halfHourMicros + random.whole(0, 20 * 60 * 1_000_000);
  const isOnlyMentioned = index % 25 === 7;
  const first = createVerdict(subject, pickVerdict(random), atMicros, random);
  const hasNewer = index % 25 === 3 || random.chance(first.verdict === 'retry' ? 0.5 : 0.06);
  // A microsecond apart is the finest difference that the vendor can make, and one that a Date would lose.
  const laterMicros = random.chance(0.25)
    ? 1
    : Math.ceil(random.whole(20_000_000, 300_000_000) / slownessOf(world));
  const newer = createVerdict(subject, otherVerdict(first.verdict, random), atMicros + laterMicros, random);
  const hasMatch = random.chance(0.3);
  const hasAlert = random.chance(0.08);
  const mentions = [
    ...(hasMatch || index === 0 ? [createMatch(subject, world, index, atMicros, random)] : []),
    ...(hasAlert || index === 1 || (isOnlyMentioned && !hasMatch)
      ? [createAlert(subject, world, index, atMicros, random)]
      : []),
  ];
  return {
    sessionId,
    referenceId,
    verdicts: isOnlyMentioned ? [] : hasNewer ? [first, newer] : [first],
    mentions,
  };
}

function slownessOf({ isBrisk }: World): number {
  return isBrisk ? 20_000 : 1;
}

interface Subject {
  readonly sessionId: string;
  readonly referenceId: string;
}

/** A verdict with a confidence of its band; the bands are the vendor's documented defaults. */
export function createVerdict(
  subject: Subject,
  verdict: Verdict,
  atMicros: number,
  random: Random,
): VerdictStatement {
  const bands = { pass: [7_000, 9_990], retry: [4_500, 6_999], fail: [300, 4_499] } as const;
  const [low, high] = bands[verdict];
  return { kind: 'verdict', ...subject, verdict, confidence: random.whole(low, high) / 10_000, atMicros };
}

/** One of the two verdicts that `verdict` is not. */
export function otherVerdict(verdict: Verdict, random: Random): Verdict {
  const others = { pass: ['retry', 'fail'], retry: ['pass', 'fail'], fail: ['pass', 'retry'] } as const;
  return random.pick(others[verdict]);
}

function pickVerdict(random: Random): Verdict {
  const share = random.next();
  return share < 0.76 ? 'pass' : share < 0.9 ? 'retry' : 'fail';
}

function createMatch(
  { sessionId, referenceId }: Subject,
  world: World,
  index: number,
  atMicros: number,
  random: Random,
): MatchStatement {
  const similarity = random.whole(3_000, 9_999) / 10_000;
  return {
    kind: 'match',
    matchId: world.identities.uuid(`match ${index}`),
    sessionId: random.chance(0.9) || index % 25 === 7 ? sessionId : null,
    referenceId,
    faceId: world.identities.uuid(`face ${index}`),
    externalFaceId: referenceId,
    collectionId: 'customers',
    similarity,
    threshold: 0.65,
    isMatch: similarity >= 0.65,
    atMicros: atMicros + Math.ceil(random.whole(1_000_000, 5_000_000) / slownessOf(world)),
  };
}

function createAlert(
  subject: Subject,
  world: World,
  index: number,
  atMicros: number,
  random: Random,
): AlertStatement {
  return {
    kind: 'alert',
    alertId: world.identities.uuid(`alert ${index}`),
    ...subject,
    severity: random.pick(['low', 'medium', 'high']),
    category: random.pick(['duplicate_identity', 'watchlist', 'document_expired']),
    message: 'A person of this name was onboarded before.',
    details: { list: 'EU – consolidated', hits: random.whole(1, 4), scores: [0.91, 0.5], note: null },
    atMicros: atMicros + Math.ceil(random.whole(1_000_000, 5_000_000) / slownessOf(world)),
  };
}
