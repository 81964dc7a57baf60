// Messages that must change nothing: those that do not prove to come from iLive, and those that are truly signed and say
// nothing that can be read. Half of them name a session that exists nowhere else (a ghost), and the other half would
// overturn a real one with a newer verdict, so that a service that believed any of them is found out.
import type { SignatureFailure } from '../ilive/signature.ts';
import type { FaultName } from './faults.ts';
import type { Identities } from './identities.ts';
import { type Draft, draftMessage } from './message.ts';
import { plainStyle, writePayload } from './payload.ts';
import { createRandom, type Random } from './random.ts';
import { createVerdict, otherVerdict, type Story } from './story.ts';

export interface BrokenMessages {
  readonly drafts: readonly Draft[];
  readonly ghostSessionIds: readonly string[];
}

interface Breaking {
  readonly seed: number;
  readonly identities: Identities;
  readonly stories: readonly Story[];
  readonly now: Date;
  /** How many messages a fault strikes. */
  readonly countOf: (fault: FaultName) => number;
}

type Break = (honest: Draft, random: Random) => Pick<Draft, 'meaning'> & Partial<Draft>;

/** Makes the messages of every fault of this file. */
export function breakMessages(options: Breaking): BrokenMessages {
  const drafts: Draft[] = [];
  const ghostSessionIds: string[] = [];
  for (const [fault, change] of Object.entries(breaks) as [FaultName, Break][]) {
    const random = createRandom(options.seed, fault);
    for (let index = 0; index < options.countOf(fault); index += 1) {
      const { draft, ghostId } = draftHonest(options, `${fault} ${index}`, index, random);
      if (ghostId !== undefined) ghostSessionIds.push(ghostId);
      drafts.push({
        ...draft,
        ...change(draft, random),
        name: `${fault} message ${index + 1}`,
        faults: [fault],
      });
    }
  }
  return { drafts, ghostSessionIds };
}

function draftHonest(
  { identities, stories, now }: Breaking,
  name: string,
  index: number,
  random: Random,
): { draft: Draft; ghostId: string | undefined } {
  const story = index % 2 === 1 ? stories[random.whole(0, stories.length - 1)] : undefined;
  const standing = story?.verdicts.at(-1)?.verdict ?? 'fail';
  const ghostId = story === undefined ? identities.uuid(`ghost ${name}`) : undefined;
  const subject = {
    sessionId: story?.sessionId ?? ghostId ?? '',
    referenceId: story?.referenceId ?? `user-${identities.mark}-ghost`,
  };
  // Newer than anything that was truly said: believed, it would stand.
  const statement = createVerdict(subject, otherVerdict(standing, random), now.getTime() * 1000, random);
  const draft = draftMessage({
    name,
    webhookId: identities.uuid(`webhook ${name}`),
    position: random.next() * (stories.length + 5),
    body: writePayload(statement, plainStyle),
    meaning: { fate: 'recorded', statement },
  });
  return { draft, ghostId };
}

const tenMinutesSeconds = 600;

const breaks: Readonly<Partial<Record<FaultName, Break>>> = {
  tampered: (honest) => ({
    sentBody: edit(honest, (text) => text.replace(/"confidence":0/, '"confidence":1')),
    meaning: refused('signature_mismatch'),
  }),
  wrong_secret: () => ({ signature: 'wrong_secret', meaning: refused('signature_mismatch') }),
  unsigned: () => ({ signature: 'none', meaning: refused('missing_signature') }),
  stale: () => ({ clockOffsetSeconds: -tenMinutesSeconds, meaning: refused('timestamp_too_old') }),
  future: () => ({ clockOffsetSeconds: tenMinutesSeconds, meaning: refused('timestamp_too_new') }),
  truncated: (honest, random) =>
    signedAs(
      edit(honest, (text) => text.slice(0, random.whole(1, text.indexOf('camera_metadata')))),
      'invalid_json',
    ),
  invalid_utf8: (honest) => {
    const bytes = Buffer.from(honest.signedBody);
    bytes[bytes.indexOf('user-')] = 0xff;
    return signedAs(bytes, 'invalid_utf8');
  },
  not_an_object: (honest, random) =>
    signedAs(
      edit(honest, (text) => random.pick([`[${text}]`, JSON.stringify(text), '42', 'null', 'true'])),
      'not_an_object',
    ),
  unknown_kind: (honest, random) =>
    signedAs(
      edit(honest, (text) =>
        text.replace('liveness.verdict', random.pick(['liveness.started', 'session.expired', 'constructor'])),
      ),
      'unknown_kind',
    ),
  unreadable_body: (honest, random) => {
    const spoil = random.pick<(text: string) => string>([
      (text) => text.replace(/"verdict":"\w+"/, '"verdict":"maybe"'),
      (text) => text.replace(/"session_id":"[^"]+"/, '"session_id":7'),
      (text) => text.replace(/"verdict":"\w+",/, ''),
      (text) => text.replace('liveness.verdict', 'face.matched'),
    ]);
    return signedAs(edit(honest, spoil), 'unreadable_body');
  },
  unstorable_text: (honest, random) =>
    signedAs(
      edit(honest, (text) =>
        text.replace('"session_id":"', (field) => field + random.pick(['\\u0000', '\\ud800'])),
      ),
      'unstorable_text',
    ),
};

function edit(honest: Draft, change: (text: string) => string): Buffer {
  const text = honest.signedBody.toString('utf8');
  const changed = change(text);
  if (changed === text) throw new Error(`the fault of "${honest.name}" changed nothing`);
  return Buffer.from(changed);
}

function signedAs(bytes: Buffer, reason: string): Pick<Draft, 'meaning' | 'signedBody' | 'sentBody'> {
  return { signedBody: bytes, sentBody: bytes, meaning: { fate: 'parked', reason } };
}

function refused(code: SignatureFailure): { readonly fate: 'refused'; readonly code: SignatureFailure } {
  return { fate: 'refused', code };
}
