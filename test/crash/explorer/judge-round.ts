// The look after a round: everything is up again and nothing is struck any more, so within a bounded time nothing may be owed,
// kept aside or leased; then every row must be as the oracle says, every rule of the tables must hold, and the service must end
// in good order and leave nothing behind. All that is wrong is a sentence.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { Cipher } from '../../../src/cipher.ts';
import { compare } from '../../../src/simulator/compare.ts';
import type { Answer } from '../../../src/simulator/deliver.ts';
import type { Message } from '../../../src/simulator/message.ts';
import { type Expectation, expectTables } from '../../../src/simulator/oracle.ts';
import { type Api, pullName, type Row, readTables } from '../../../src/simulator/read-tables.ts';
import { type Acknowledged, checkNothingHeld, checkTables } from './check-tables.ts';
import type { Crew } from './crew.ts';
import type { Asking, PlayedOperator } from './operator-plays.ts';
import { checkSetAside, isUnstorable } from './refused-data.ts';
import type { StrandedSlots } from './stranded-slots.ts';
import type { PlayedVendor } from './vendor-plays.ts';

export interface Judged extends Asking {
  readonly crew: Crew;
  readonly operator: PlayedOperator;
  readonly vendor: PlayedVendor;
  readonly stranded: StrandedSlots;
  readonly answers: readonly Answer[];
  readonly acknowledged: readonly Acknowledged[];
  /** Without a wire. */
  readonly databaseUrl: string;
  readonly dataDir: string;
  /** As the service has it. */
  readonly cipher: Cipher | undefined;
  readonly startedAt: Date;
  readonly api: Api;
  /** Called once nothing is owed any more, while the service still runs. */
  readonly onSettled: () => Promise<void>;
}

const settleDeadlineMs = 90_000;
// Replays of all there is go on slowly where every batch has deliveries that Postgres refuses: as long as they do go on.
const replayStandsMs = 30_000;
const leaveDeadlineMs = 5_000;
const lookMs = 200;
const quietLooks = 2;
const sampleEvery = 12;

export async function judgeRound(judged: Judged): Promise<string[]> {
  const { crew, operator, onSettled } = judged;
  await crew.listening();
  const client = new pg.Client({ connectionString: judged.databaseUrl });
  await client.connect();
  try {
    const unfinished = await operator.finish();
    const unsettled = await untilSettled(judged, client);
    await onSettled();
    const rows = await judgeRows(judged);
    const { acknowledged, stranded, dataDir, cipher } = judged;
    const storable = acknowledged.filter((each) => !isUnstorable(each));
    const tables = await checkTables(client, storable);
    const setAside = await checkSetAside(dataDir, acknowledged, stranded.damagedCount(), cipher);
    const said = await judgeWords(judged, client);
    const endings = await crew.stop();
    return [
      ...crew.complaints,
      ...unfinished,
      ...unsettled,
      ...rows,
      ...tables,
      ...setAside,
      ...said,
      ...endings,
      ...(await checkLeft(judged, client)),
    ];
  } finally {
    await client.end();
  }
}

// What is still under way, in sentences; nothing to be seen twice in a row means settled.
async function untilSettled(judged: Judged, client: pg.Client): Promise<string[]> {
  let deadline = performance.now() + settleDeadlineMs;
  let left: string[] = [];
  let replayed = '';
  for (let looks = 0; looks < quietLooks; ) {
    left = await lookForOwed(judged, client);
    looks = left.length === 0 ? looks + 1 : 0;
    if (performance.now() > deadline) break;
    const sum = await sumReplayed(client);
    if (sum !== replayed) deadline = Math.max(deadline, performance.now() + replayStandsMs);
    replayed = sum;
    await pause(lookMs);
  }
  const silent = left.length === 0 ? [] : await findSilent(judged, client);
  return [...left, ...silent].map(
    (each) => `${each}, ${settleDeadlineMs / 1000} s after everything was up again`,
  );
}

async function sumReplayed(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ sum: string }>(
    'select sum(replayed + failed)::text as sum from replays',
  );
  return rows[0]?.sum ?? '';
}

async function findSilent({ vendor }: Judged, client: pg.Client): Promise<string[]> {
  const { rows } = await client.query(
    `select id, s.state, s.verdict, s.confirmation, s.registered_at, s.next_pull_at, s.pull_lease_until, s.pull_attempts, now()
     from unnest($1::text[]) id left join sessions s on s.session_id = id and s.account = 'default'
     where s.verdict is null or s.next_pull_at < now() + interval '5 seconds' limit 3`,
    [
      vendor
        .played()
        .sessions.filter(({ truth }) => truth !== null)
        .map(({ sessionId }) => sessionId),
    ],
  );
  return rows.map((row) => `session ${JSON.stringify(row)}`);
}

async function lookForOwed({ vendor, stranded, dataDir, ask }: Judged, client: pg.Client): Promise<string[]> {
  const registered = vendor.played().sessions.filter(({ truth }) => truth !== null);
  const { rows } = await client.query<{ owed: string; silent: string; replays: string }>(
    `select (select count(*) from deliveries where state = 'received') as owed,
       (select count(*) from replays where state = 'running') as replays,
       (select count(*) from unnest($1::text[]) id left join sessions s on s.session_id = id and s.account = 'default'
        where s.verdict is null or s.next_pull_at < now() + interval '5 seconds') as silent`,
    [registered.map(({ sessionId }) => sessionId)],
  );
  const [counts] = rows;
  const { segments, unopened } = await listKept(dataDir);
  const unopenedCount = stranded.unopenedCount();
  const status = await ask('GET', '/v1/ops/status');
  const queue = status?.status === 200 ? status.body.queue : undefined;
  return [
    ...(counts?.owed === '0' ? [] : [`${counts?.owed} deliveries are owed`]),
    ...(counts?.silent === '0' ? [] : [`${counts?.silent} sessions are not settled`]),
    ...(counts?.replays === '0' ? [] : [`${counts?.replays} replays run`]),
    ...(segments.length === 0 ? [] : [`the outage store still holds ${segments.join(', ')}`]),
    ...(unopened.length === unopenedCount
      ? []
      : [`${unopened.length} of ${unopenedCount} segments are laid by`]),
    ...(queue === undefined ? ['the service does not tell its status'] : []),
    ...(queue?.is_up === false ? ['the service says that its queue is away'] : []),
    ...(queue?.waiting > 0 || queue?.delayed > 0 ? [`the queue still holds ${JSON.stringify(queue)}`] : []),
  ];
}

async function listKept(dataDir: string) {
  const root = path.join(dataDir, 'outage');
  const names = await readdir(root, { recursive: true }).catch(() => []);
  const ending = (text: string) => names.filter((name) => name.endsWith(text));
  return { segments: ending('.segment'), unopened: ending('.unopened') };
}

async function judgeRows(judged: Judged): Promise<string[]> {
  const { vendor, api, startedAt } = judged;
  const played = vendor.played();
  const given = expectTables(played, judged.answers);
  const extent = {
    mark: played.mark,
    startedAt,
    deliveryIds: new Set(given.deliveries.keys()),
    sessionIds: [...given.sessions.keys()].filter((_, index) => index % sampleEvery === 0),
  };
  const tables = await readTables(api, extent);
  const answers = withFirstIds(played.messages, judged.answers, tables.deliveries);
  // What was told when it was asked for, and was recorded; an answer to one that was killed is asked for again, or is not
  // needed any more.
  const recorded = new Set(
    tables.deliveries.filter(({ source }) => source === 'pull').map((row) => String(row.webhook_id)),
  );
  const told = vendor.told();
  const pulled = new Set(
    played.sessions.map(({ sessionId }) => sessionId).filter((id) => recorded.has(pullName(id))),
  );
  const invented = [...pulled].filter((id) => !told.has(id));
  return [
    ...invented.map((id) => `an answer of iLive's about ${id} is recorded, and iLive told none`),
    ...compare(withoutUndecided(expectTables(played, answers, pulled), tables.deliveries), tables),
  ];
}

// Where nobody outside can know what was told of a session, nobody can know either which of its deliveries had to be parked
// as contradicting the others.
function withoutUndecided(expectation: Expectation, rows: readonly Row[]): Expectation {
  const deliveries = new Map(expectation.deliveries);
  for (const { session_id: sessionId, webhook_id: webhookId, delivery_id: id, state, reason } of rows) {
    if (!expectation.undecided.has(String(sessionId))) continue;
    const isAsItMayBe = state === 'done' || (state === 'parked' && reason === 'disputed');
    for (const key of [String(id), String(webhookId)]) {
      const expected = deliveries.get(key);
      if (expected === undefined || !isAsItMayBe) continue;
      deliveries.set(key, {
        ...expected,
        state: state as 'done' | 'parked',
        reason: reason as string | null,
      });
    }
  }
  const isDecided = (deliveryIds: readonly string[]) =>
    !rows.some(
      (row) =>
        expectation.undecided.has(String(row.session_id)) &&
        (deliveryIds.includes(String(row.delivery_id)) || deliveryIds.includes(String(row.webhook_id))),
    );
  const parkings = expectation.parkings.filter((parking) => isDecided(parking.deliveryIds));
  return { ...expectation, deliveries, parkings };
}

// Repeats that came during an outage were each answered as the first, with ids of their own; all but one lead nowhere, which
// is documented. To the oracle they are told as the repeats that they turned out to be.
function withFirstIds(
  messages: readonly Message[],
  answers: readonly Answer[],
  deliveries: readonly Row[],
): Answer[] {
  const stored = new Set(deliveries.map((row) => String(row.delivery_id)));
  const idOf = new Map(deliveries.map((row) => [String(row.webhook_id), String(row.delivery_id)]));
  const webhookIdOf = new Map(messages.map(({ index, webhookId }) => [index, webhookId]));
  return answers.map((answer) => {
    const { result, message } = answer;
    if (result.outcome !== 'accepted' || stored.has(result.deliveryId)) return answer;
    const deliveryId = idOf.get(webhookIdOf.get(message) ?? '');
    return deliveryId === undefined
      ? answer
      : { ...answer, result: { ...result, deliveryId, isRepeat: true } };
  });
}

async function judgeWords({ ask, startedAt }: Judged, client: pg.Client): Promise<string[]> {
  const from = new Date(startedAt.getTime() - 3_600_000).toISOString();
  const to = new Date(Date.now() + 60_000).toISOString();
  const counted = await ask('GET', `/v1/completeness?${new URLSearchParams({ from, to })}`);
  const audit = await ask('GET', '/v1/ops/audit/verification');
  const { rows } = await client.query<{ count: string }>('select count(*) from sessions');
  const expected = Number(rows[0]?.count);
  const { body: said } = counted ?? { body: undefined };
  const addsUp = said?.adds_up === true && said.expected === expected;
  return [
    ...(addsUp ? [] : [`the ledger does not add up to ${expected}: ${JSON.stringify(said)}`]),
    ...(audit?.body?.is_whole === true ? [] : [`the audit is not whole: ${JSON.stringify(audit?.body)}`]),
    ...(await judgeFeed(ask, client)),
  ];
}

async function judgeFeed(ask: Asking['ask'], client: pg.Client): Promise<string[]> {
  const cursors: string[] = [];
  for (let after: string | undefined; ; ) {
    const query = new URLSearchParams({ limit: '500', ...(after === undefined ? {} : { after }) });
    const page = await ask('GET', `/v1/changes?${query}`);
    if (page?.status !== 200) return [`the change feed answers ${page?.status}`];
    cursors.push(...page.body.data.map((change: { cursor: string }) => change.cursor));
    if (page.body.data.length === 0) break;
    after = page.body.next_cursor;
  }
  const { rows } = await client.query<{ count: string }>('select count(*) from changes');
  const [told, written] = [new Set(cursors).size, Number(rows[0]?.count)];
  return told === written && told === cursors.length
    ? []
    : [
        `the change feed tells ${cursors.length} changes, ${told} of them different, and ${written} were written`,
      ];
}

async function checkLeft({ crew }: Judged, client: pg.Client): Promise<string[]> {
  const deadline = performance.now() + leaveDeadlineMs;
  for (;;) {
    const held = await checkNothingHeld(client);
    const running = crew.members.filter(({ child }) => !child.hasEnded()).map(({ place }) => place);
    const left = [...held, ...running.map((place) => `${place} still runs`)];
    if (left.length === 0 || performance.now() > deadline) return left;
    await pause(lookMs);
  }
}
