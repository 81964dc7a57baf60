// The pretend iLive of one round. Each session is made at its API and registered at the service before its first message is
// sent, again and again until the service has answered; it ends there when that message is due, whether its webhook is sent or
// lost. Nothing is sent any more once the round stops: what was not sent counts as lost on the way.
import { setTimeout as pause } from 'node:timers/promises';
import { startVendorApi, type VendorApi } from '../../../src/simulator/api.ts';
import type { Message } from '../../../src/simulator/message.ts';
import type { Scenario, ScenarioSession } from '../../../src/simulator/scenario.ts';

export interface PlayedVendor {
  readonly api: VendorApi;
  /** For `deliver`: the message as it is sent now. */
  prepare(message: Message): Promise<Message>;
  /** No message is begun any more. */
  stopSending(): void;
  isOver(): boolean;
  /** The scenario as far as it was played. */
  played(): Scenario;
  /** Sessions whose verdict iLive told when it was asked. */
  told(): ReadonlySet<string>;
  stop(): Promise<void>;
}

const registerPauseMs = 150;

export async function playVendor(
  scenario: Scenario,
  register: (sessionId: string, referenceId: string) => Promise<boolean>,
  signal: AbortSignal,
): Promise<PlayedVendor> {
  const api = await startVendorApi({
    served: ['reference'],
    // More than is ever asked: a vendor without a limit tells that nothing remains of it. The figure of a tier, to be learnt.
    limits: { perMinute: 6_000, perSecond: 1_000 },
  });
  const sessions = new Map(scenario.sessions.map((session) => [session.sessionId, session]));
  const opened = new Map<string, Promise<void>>();
  const sent = new Set<number>();
  const ended = new Set<string>();
  let isStopped = false;
  for (const { sessionId, referenceId, truth } of scenario.sessions) {
    if (truth === null) api.admitSession({ sessionId, referenceId, dialect: 'reference' });
  }
  const open = async ({ sessionId, referenceId, truth }: ScenarioSession) => {
    if (truth !== null) api.admitSession({ sessionId, referenceId, dialect: 'reference', truth });
    while (!(await register(sessionId, referenceId))) await pause(registerPauseMs, undefined, { signal });
  };
  const prepare = async (message: Message): Promise<Message> => {
    if (isStopped) return { ...message, isDropped: true };
    const session = sessions.get(message.sessionId ?? '');
    if (session?.truth != null) {
      const { sessionId, truth } = session;
      const opening = opened.get(sessionId) ?? open(session);
      opened.set(sessionId, opening);
      await opening;
      if (!ended.has(sessionId)) {
        ended.add(sessionId);
        api.endSession(sessionId, truth.atMicros ?? undefined);
      }
    }
    sent.add(message.index);
    return message;
  };
  return {
    api,
    prepare,
    stopSending: () => {
      isStopped = true;
    },
    isOver: () => isStopped,
    played: () => ({
      ...scenario,
      messages: scenario.messages.map((message) =>
        sent.has(message.index) ? message : { ...message, isDropped: true },
      ),
      sessions: scenario.sessions.filter(({ sessionId, truth }) => truth === null || opened.has(sessionId)),
    }),
    told: () =>
      new Set(
        api.log.flatMap((call) =>
          call.operation === 'result' && call.code === 'completed' ? (call.sessionId ?? []) : [],
        ),
      ),
    stop: () => api.stop(),
  };
}
