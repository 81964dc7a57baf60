// Whether a message was answered as the contract says. Accepted means 202 with the id of the one delivery that its bytes
// are stored under; exactly one of several equal requests may claim to be the first.
import type { Answer } from './deliver.ts';
import type { Message } from './message.ts';

export interface Judged {
  /** The delivery that it became; undefined when none, as far as the answers tell. */
  readonly deliveryId: string | undefined;
  readonly signedAtSeconds: number;
  /** True when no answer tells whether it became a delivery. */
  readonly isUndecided: boolean;
  /** What the contract does not allow, in sentences. */
  readonly wrong: readonly string[];
}

export function byMessage(answers: readonly Answer[]): Map<number, Answer[]> {
  return Map.groupBy(answers, (answer) => answer.message);
}

export function judgeAnswers(message: Message, answers: readonly Answer[]): Judged {
  const accepted = answers.map(({ result }) => result).filter((result) => result.outcome === 'accepted');
  const refused = answers.map(({ result }) => result).filter((result) => result.outcome === 'refused');
  const isLost = answers.some(({ result }) => result.outcome === 'lost');
  const mustBeRefused = message.meaning.fate === 'refused';
  return {
    deliveryId: accepted[0]?.deliveryId,
    signedAtSeconds: answers[0]?.signedAtSeconds ?? 0,
    isUndecided: !mustBeRefused && accepted.length === 0 && (isLost || answers.length === 0),
    wrong: mustBeRefused
      ? complainAboutForgery(message, accepted.length, refused)
      : [
          ...refused.map(
            ({ status, code }) => `${message.name}: truly signed, and refused with ${status} ${code}`,
          ),
          ...complainAboutRepeats(message, answers, accepted),
        ],
  };
}

/**
 * What is wrong with how many were answered at all, in sentences. No fault leaves a request without an answer: one that is
 * cut off is sent once more and whole. So whoever is never answered is at odds with the contract, and not only unjudged.
 */
export function judgeLosses(
  messages: readonly Message[],
  answers: readonly Answer[],
  allowedLost: number,
): string[] {
  const lostCount = answers.filter(({ result }) => result.outcome === 'lost').length;
  const sent = messages.filter(({ isDropped }) => !isDropped);
  const asksForAcceptance = sent.some(({ meaning }) => meaning.fate !== 'refused');
  const isAnyAccepted = answers.some(({ result }) => result.outcome === 'accepted');
  return [
    ...(asksForAcceptance && !isAnyAccepted ? ['nothing was accepted'] : []),
    ...(lostCount > allowedLost
      ? [`${lostCount} requests failed twice and were lost, and ${allowedLost} may be`]
      : []),
  ];
}

function complainAboutForgery(
  { name, meaning }: Message,
  acceptedCount: number,
  refused: readonly { readonly status: number; readonly code: string }[],
): string[] {
  const code = meaning.fate === 'refused' ? meaning.code : '';
  const unlike = refused.filter((refusal) => refusal.status !== 401 || refusal.code !== code);
  return [
    ...(acceptedCount > 0 ? [`${name}: accepted, and must be refused with 401 ${code}`] : []),
    ...unlike.map((refusal) => `${name}: refused with ${refusal.status} ${refusal.code} and not 401 ${code}`),
  ];
}

function complainAboutRepeats(
  { name }: Message,
  answers: readonly Answer[],
  accepted: readonly { readonly deliveryId: string; readonly isRepeat: boolean }[],
): string[] {
  const ids = new Set(accepted.map(({ deliveryId }) => deliveryId));
  const firstCount = accepted.filter(({ isRepeat }) => !isRepeat).length;
  // An attempt without an answer may have been the first, so only answered ones prove that there was none.
  const isEveryAttemptAnswered = answers.every(({ attempts }) =>
    attempts.every((attempt) => attempt.outcome === 'answered' && attempt.status < 500),
  );
  return [
    ...(ids.size > 1 ? [`${name}: one request became ${ids.size} deliveries`] : []),
    ...(firstCount > 1 ? [`${name}: ${firstCount} equal requests were each called the first`] : []),
    ...(accepted.length > 0 && firstCount === 0 && isEveryAttemptAnswered
      ? [`${name}: called a repeat, and nothing like it was sent before`]
      : []),
  ];
}
