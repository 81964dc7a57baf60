// What is to be done about the requests that are refused still, as a sentence and a next step. A refusal stays undecided
// until it is admitted, purged or gone by age, and for as long somebody has to hear of it: it may be a lost verdict.
import type { RefusalFigures, RefusalRemedy } from '../db/status.ts';
import { clockCommand } from '../ilive/clock-off.ts';
import { renderSpan } from './counted.ts';
import { runbook } from './problem.ts';
import { adviceOnMissing, type JudgingSight } from './sealed.ts';

export interface Undecided {
  /** How many it is about and what was found, to stand behind a sentence; empty where nothing is known yet. */
  readonly finding: string;
  /** The next step; a command stands at its end. */
  readonly advice: string;
  /** Whether the trouble is ours, so that something real was refused. */
  readonly isOurs: boolean;
}

const why = "--why '…'";
// Where all of it comes from iLive, under headers of another name, nothing explains it either.
const keepingAdvice = `Let none of them go, since much of what comes is refused. ${runbook('Deliveries are refused')}`;

/** What stands out among the undecided: what can be put right, and else the commonest. */
export function weighUndecided(
  { refused, remedies }: Pick<RefusalFigures, 'refused' | 'remedies'>,
  { missingKeys, isComplete, isRefusingMuch = false }: JudgingSight & { readonly isRefusingMuch?: boolean },
): Undecided {
  const ours = remedies.find(({ remedy }) => remedy !== 'none');
  const chosen = ours ?? remedies[0];
  if (chosen === undefined) {
    const advice = 'see why: ilive-webhooks refusals list --state refused';
    return { finding: '', advice, isOurs: false };
  }
  const { alike, finding } = chosen;
  // While something does not open nobody can say that they are not iLive's, and nothing is let go.
  const reopening = ours === undefined ? adviceOnMissing(missingKeys) : undefined;
  const share = alike === refused ? '' : alike * 2 > refused ? 'mostly ' : `${alike} of them `;
  return {
    finding: `: ${share}${quoted(finding, share)}`,
    advice:
      reopening ?? (ours === undefined && isRefusingMuch ? keepingAdvice : adviceOn(chosen, isComplete)),
    isOurs: ours !== undefined || reopening !== undefined,
  };
}

/** How old the newest is, as people say it. */
export function ageOf(newestAt: string | null, now: Date): string {
  const seconds = Math.round((now.getTime() - new Date(newestAt ?? now).getTime()) / 1_000);
  return renderSpan(Math.max(0, seconds) * 1_000);
}

// A finding that holds a command is shown without it: the next step stands on a line of its own.
function quoted(finding: string, share: string): string {
  const sentence = finding.replace(/: ilive-webhooks .*$/, '');
  return share === '' ? sentence : `"${sentence}"`;
}

function adviceOn({ remedy, offsetSeconds, reason }: RefusalRemedy, mayPurge: boolean): string {
  if (remedy === 'reverify') return `ilive-webhooks refusals reverify ${why}`;
  if (remedy === 'clock') return `${clockCommand(offsetSeconds ?? 0)} ${why}`;
  if (remedy === 'setting') return `put right what it names, then: ilive-webhooks refusals reverify ${why}`;
  if (remedy === 'retired')
    return 'Let them in only where that secret did not leak, and iLive says that it still signs with it. See "A rotation was finished too early" in the runbook.';
  if (remedy === 'admit')
    return `stop what changes the bytes, then: ilive-webhooks refusals admit --reason ${reason} ${why}`;
  if (!mayPurge) return `if a secret is mistyped, mend it, then: ilive-webhooks refusals reverify ${why}`;
  return (
    'if a secret is mistyped, mend it and reverify; if they are not from iLive, let them go: ' +
    `ilive-webhooks refusals purge --reason ${reason} ${why}`
  );
}
