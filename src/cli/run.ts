// From a command line to an exit code. Whatever goes wrong on the way is one sentence on the standard error; a stack is
// shown only for what nobody foresaw, since only then it is ours to mend.
import { ServiceError } from '../errors.ts';
import { readVersion } from '../version.ts';
import { admitRefusals, purgeRefusals, reverifyRefusals } from './admit-refusals.ts';
import { acknowledgeAlert, listAlerts, resolveAlert, showAlert } from './alerts.ts';
import { readCommandLine } from './arguments.ts';
import { listAudit, verifyAudit } from './audit.ts';
import type { Command, Context, ExitCode } from './command.ts';
import { showCompleteness } from './completeness.ts';
import { createCompletion } from './completion.ts';
import { listDeliveries, showDelivery } from './deliveries.ts';
import { doctor } from './doctor.ts';
import { compareFaces, detectFaces } from './faces.ts';
import { renderHelp } from './help.ts';
import { createKey, listKeys, revokeKey } from './keys.ts';
import { showSetAside } from './outage.ts';
import { pause, resume } from './pauses.ts';
import { listRefusals, showRefusal } from './refusals.ts';
import { replay } from './replay.ts';
import { cancelReplay, listReplays, pauseReplay, resumeReplay, showReplay } from './replays.ts';
import { beginRotation, finishRotation, listSecrets, testSecret } from './secrets.ts';
import { createSession, registerSession, showSession } from './sessions.ts';
import { listSessions } from './sessions-list.ts';
import { startService } from './start.ts';
import { showStatus } from './status.ts';
import { showSubject } from './subjects.ts';
import { tail } from './tail.ts';

export const commands: readonly Command[] = [
  startService,
  showStatus,
  doctor,
  tail,
  pause,
  resume,
  createSession,
  showSession,
  registerSession,
  listSessions,
  showSubject,
  listAlerts,
  showAlert,
  acknowledgeAlert,
  resolveAlert,
  showCompleteness,
  listDeliveries,
  showDelivery,
  listRefusals,
  showRefusal,
  reverifyRefusals,
  admitRefusals,
  purgeRefusals,
  replay,
  listReplays,
  showReplay,
  pauseReplay,
  resumeReplay,
  cancelReplay,
  createKey,
  listKeys,
  revokeKey,
  listSecrets,
  beginRotation,
  finishRotation,
  testSecret,
  listAudit,
  verifyAudit,
  showSetAside,
  compareFaces,
  detectFaces,
  createCompletion(() => commands),
];

const exitCodeFailed = 1;
const exitCodeUsage = 2;

/** Does what `args` say; never rejects. */
export async function run(args: readonly string[], context: Context): Promise<ExitCode> {
  try {
    if (args.length === 0) {
      context.tell(renderHelp(undefined, commands));
      return exitCodeUsage;
    }
    const reading = readCommandLine(args, commands);
    if (reading.kind === 'run') return await reading.command.run(reading.given, context);
    context.print(reading.kind === 'version' ? readVersion() : renderHelp(reading.topic, commands));
    return 0;
  } catch (error) {
    return tellTrouble(error, context);
  }
}

function tellTrouble(error: unknown, { tell }: Context): ExitCode {
  if (!(error instanceof ServiceError)) {
    tell(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return exitCodeFailed;
  }
  tell(error.message);
  return error.code === 'config_invalid' ? exitCodeUsage : exitCodeFailed;
}
