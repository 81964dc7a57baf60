// `replays list|show|pause|resume|cancel`: how far replays are, and stopping one.
import { z } from 'zod';
import type { Command, Context } from './command.ts';
import { readId } from './id-operand.ts';
import { listOptions, showList } from './list.ts';
import { createAsk, serviceOptions } from './service-api.ts';
import { showAnswer } from './show-answer.ts';
import { renderFields, renderTime } from './table.ts';
import { readWhy, whyOption } from './why.ts';

export const shownReplay = z.object({
  replay_id: z.string(),
  state: z.string(),
  filter: z.record(z.string(), z.unknown()),
  why: z.string(),
  created_at: z.string(),
  created_by: z.string(),
  finished_at: z.string().nullable(),
  matching: z.number(),
  replayed: z.number(),
  failed: z.number(),
  changes: z.record(z.string(), z.object({ created: z.number(), updated: z.number() })),
  outcomes: z.record(z.string(), z.number()),
  detail: z.string().nullable(),
});
type Replay = z.infer<typeof shownReplay>;

export const listReplays: Command = {
  name: 'replays list',
  operands: [],
  summary: 'Lists replays, newest first',
  details: '',
  options: {
    state: {
      value: 'STATE',
      choices: ['running', 'paused', 'cancelled', 'done'],
      doc: 'only those in this state',
    },
    ...listOptions,
    ...serviceOptions,
  },
  examples: ['ilive-webhooks replays list', 'ilive-webhooks replays list --state running'],
  async run(given, context) {
    const ask = await createAsk(given, context, this.name);
    await showList(ask, given, context, {
      command: this.name,
      path: '/v1/ops/replays',
      query: { state: given.text('state') },
      row: shownReplay,
      columns: [
        'replay',
        'begun',
        'by',
        'state',
        { title: 'replayed', isNumber: true },
        { title: 'failed', isNumber: true },
        { title: 'of', isNumber: true },
        'why',
      ],
      cells: (row) => [
        row.replay_id,
        renderTime(row.created_at),
        row.created_by,
        row.state,
        String(row.replayed),
        String(row.failed),
        String(row.matching),
        row.why,
      ],
      empty: 'There is no replay.',
    });
    return 0;
  },
};

export const showReplay: Command = {
  name: 'replays show',
  operands: ['ID'],
  summary: 'Shows how far a replay is, and what came of it',
  details: '',
  options: serviceOptions,
  examples: ['ilive-webhooks replays show 01a20a3d-0d06-70b4-a6e5-64e97eb54455'],
  async run(given, context) {
    const replayId = readId(given, 'a replay', this.name);
    const ask = await createAsk(given, context, this.name);
    const asked = await ask('GET', `/v1/ops/replays/${replayId}`);
    showAnswer(asked, shownReplay, given, context, printReplay);
    return 0;
  },
};

export const pauseReplay = steering('pause', 'Pauses a replay; it keeps its place');
export const resumeReplay = steering('resume', 'Has a paused replay go on where it was');
export const cancelReplay = steering('cancel', 'Ends a replay for good; what it has done stays');

function steering(verb: 'pause' | 'resume' | 'cancel', summary: string): Command {
  return {
    name: `replays ${verb}`,
    operands: ['ID'],
    summary,
    details: '',
    options: { ...whyOption, ...serviceOptions },
    examples: [
      `ilive-webhooks replays ${verb} 01a20a3d-0d06-70b4-a6e5-64e97eb54455 --why 'live traffic is slow'`,
    ],
    async run(given, context) {
      const why = readWhy(given, this.name);
      const replayId = readId(given, 'a replay', this.name);
      const ask = await createAsk(given, context, this.name);
      const asked = await ask('POST', `/v1/ops/replays/${replayId}/${verb}`, { body: { why } });
      showAnswer(asked, shownReplay, given, context, printReplay);
      return 0;
    },
  };
}

export function printReplay(row: Replay, { print }: Context): void {
  const changes = Object.entries(row.changes).map(
    ([table, { created, updated }]) => `${table}: ${created} created, ${updated} updated`,
  );
  const outcomes = Object.entries(row.outcomes).map(([state, count]) => `${count} ${state}`);
  print(
    renderFields([
      ['replay', row.replay_id],
      ['state', row.state],
      ['begun', `${renderTime(row.created_at)} by ${row.created_by}`],
      ['why', row.why],
      ['filter', Object.keys(row.filter).length === 0 ? 'all deliveries' : JSON.stringify(row.filter)],
      ['replayed', `${row.replayed} of ${row.matching}`],
      ['failed', row.detail === null ? String(row.failed) : `${row.failed}; the last: ${row.detail}`],
      ['they are now', outcomes.length === 0 ? null : outcomes.join(', ')],
      ['rows changed', changes.length === 0 ? 'none' : changes.join('; ')],
      ['finished', renderTime(row.finished_at)],
    ]),
  );
}
