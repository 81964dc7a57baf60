// `sessions create`, `sessions show` and `sessions register`: the ledger's doors, by hand. A session's token is read from
// a file or the standard input, sent on, and never shown.
import { z } from 'zod';
import { counted } from '../operations/counted.ts';
import { type Command, type Context, type Given, wrongUsage } from './command.ts';
import { pathPart } from './id-operand.ts';
import { momentOptions, readMomentQuery } from './moment-option.ts';
import { readSecret } from './read-secret.ts';
import { createAsk, nullableText, serviceOptions } from './service-api.ts';
import { showAnswer } from './show-answer.ts';
import { renderDistance, renderFields, renderTable, renderTime } from './table.ts';
import { readTime } from './time-option.ts';

const expectedSession = z.object({
  session_id: z.string(),
  account: nullableText,
  reference_id: nullableText,
  session_url: nullableText,
  expires_at: nullableText,
});

const observation = z.object({
  source: z.string(),
  verdict: z.string(),
  confidence: z.number().nullish().default(null),
  occurred_at: nullableText,
  known_at: nullableText,
  delivery_id: z.string(),
});

const shownSession = expectedSession.extend({
  state: z.string(),
  verdict: nullableText,
  confidence: z.number().nullish().default(null),
  verdict_at: nullableText,
  confirmation: nullableText,
  expected_at: nullableText,
  settled_at: nullableText,
  settled_source: nullableText,
  ended_reason: nullableText,
  next_pull_at: nullableText,
  pull_attempts: z.number().nullish().default(null),
  observations: z.array(observation),
});

export const createSession: Command = {
  name: 'sessions create',
  operands: [],
  summary: 'Creates a session at iLive through the service',
  details: `From then on the service expects the session's verdict, and asks for it if none comes.
The same --idempotency-key gives the same session again, however often it is sent.`,
  options: {
    reference: { value: 'ID', doc: 'who is verified, by your own id (required)' },
    mode: { value: 'MODE', choices: ['passive', 'active'], doc: 'how iLive looks' },
    'redirect-url': { value: 'URL', doc: 'where iLive sends the user afterwards' },
    'idempotency-key': { value: 'KEY', doc: '1 to 255 visible characters of your choice' },
    ...serviceOptions,
  },
  examples: [
    'ilive-webhooks sessions create --reference user-12345',
    'ilive-webhooks sessions create --reference user-12345 --mode active --idempotency-key order-77',
    'ilive-webhooks sessions create --reference user-12345 --json | jq -r .session_url',
  ],
  async run(given, context) {
    const reference = given.text('reference');
    if (reference === undefined) throw wrongUsage('--reference is needed.', this.name);
    const mode = given.text('mode');
    const key = given.text('idempotency-key');
    if (key !== undefined && !/^[\x21-\x7e]{1,255}$/.test(key)) {
      throw wrongUsage('--idempotency-key must be 1 to 255 visible ASCII characters.', this.name);
    }
    const ask = await createAsk(given, context, this.name);
    const asked = await ask('POST', '/v1/sessions', {
      body: { reference_id: reference, mode, redirect_url: given.text('redirect-url') },
      headers: key === undefined ? {} : { 'idempotency-key': key },
    });
    showAnswer(asked, expectedSession, given, context, (session) => {
      context.print(asked.status === 201 ? 'Created.' : 'Created before, by the same key.');
      printExpected(session, context);
    });
    return 0;
  },
};

export const showSession: Command = {
  name: 'sessions show',
  operands: ['ID'],
  summary: 'Shows what is known of a session, and who said it',
  details: `Exits 0 whatever the verdict, and 1 for a session that the service has never heard of.

--as-of asks what had happened by then, by iLive's clock and as far as it is known now;
--known-at what was known here by then. Both together are both.`,
  options: {
    account: { value: 'ACCOUNT', doc: 'of which iLive account, where several have this id' },
    ...momentOptions,
    ...serviceOptions,
  },
  examples: [
    'ilive-webhooks sessions show 0196f1c2-5b7e-7c55-9d2a-3f4f6f0e1a11',
    'ilive-webhooks sessions show 0196f1c2-5b7e-7c55-9d2a-3f4f6f0e1a11 --json | jq -r .verdict',
    'ilive-webhooks sessions show SESSION --known-at 2026-04-11T09:30:00Z',
  ],
  async run(given, context) {
    const path = pathOf(given, this.name);
    const query = readMomentQuery(given, this.name);
    const ask = await createAsk(given, context, this.name);
    const asked = await ask('GET', `${path}${query}`);
    showAnswer(asked, shownSession, given, context, printSession);
    return 0;
  },
};

export const registerSession: Command = {
  name: 'sessions register',
  operands: ['ID'],
  summary: 'Has the service expect a session of another’s',
  details: `For a session that another service created at iLive: its verdict is expected, and
asked for if none comes.

The token opens the session's result at iLive: it is stored encrypted and never shown.
It is read from a file or the standard input, never from the command line.`,
  options: {
    reference: { value: 'ID', doc: 'who is verified, by your own id' },
    'token-stdin': { doc: 'read the session’s token from the standard input' },
    'token-file': { value: 'FILE', doc: 'read the session’s token from a file' },
    'expires-at': { value: 'TIME', doc: 'when iLive forgets it (default: SESSION_TTL_SECONDS from now)' },
    account: { value: 'ACCOUNT', doc: 'of which iLive account (default: the default one)' },
    ...serviceOptions,
  },
  examples: [
    'ilive-webhooks sessions register 0196f1c2-5b7e-7c55-9d2a-3f4f6f0e1a11 --reference user-12345',
    'ilive-webhooks sessions register 0196f1c2-5b7e-7c55-9d2a-3f4f6f0e1a11 --token-stdin < token',
    'ilive-webhooks sessions register SESSION --expires-at 2026-11-23T10:30:00Z',
  ],
  async run(given, context) {
    const path = pathOf(given, this.name);
    const expiresAt = readTime(given, 'expires-at', this.name);
    const token = await readSecret('token', given, context, this.name);
    const ask = await createAsk(given, context, this.name);
    const asked = await ask('PUT', path, {
      body: {
        reference_id: given.text('reference'),
        token: token?.reveal(),
        expires_at: expiresAt,
        account: given.text('account'),
      },
    });
    showAnswer(asked, expectedSession, given, context, (session) => {
      context.print(asked.status === 201 ? 'Registered.' : 'Known already.');
      printExpected(session, context);
    });
    return 0;
  },
};

function pathOf(given: Given, command: string): string {
  return `/v1/sessions/${pathPart(given.operands[0] ?? '', 'ID cannot be a session’s', command)}`;
}

function printExpected(session: z.infer<typeof expectedSession>, { print, now }: Context): void {
  const { expires_at: expiresAt, session_url: sessionUrl } = session;
  print(
    renderFields([
      ['session', session.session_id],
      ['account', session.account],
      ['reference', session.reference_id],
      ...(sessionUrl === null ? [] : [['send the user to', sessionUrl] as const]),
      ['expires', withDistance(expiresAt, now())],
    ]),
  );
}

function printSession(session: z.infer<typeof shownSession>, { print, paint, now }: Context): void {
  const verdict =
    session.verdict === null || session.confidence === null
      ? session.verdict
      : `${session.verdict} (confidence ${session.confidence})`;
  const isOpen = session.state === 'expected';
  print(
    renderFields([
      ['session', session.session_id],
      ['account', session.account],
      ['reference', session.reference_id],
      ['state', session.ended_reason === null ? session.state : `${session.state}: ${session.ended_reason}`],
      ['verdict', verdict],
      ['verdict of', withDistance(session.verdict_at, now())],
      ['confirmation', session.confirmation],
      ['expected since', withDistance(session.expected_at, now())],
      ['settled', withDistance(session.settled_at, now())],
      ['settled by', session.settled_source],
      ['expires', withDistance(session.expires_at, now())],
      // What an operator has asked by hand is no part of the schedule; of the past it is not known.
      [
        'asked iLive',
        session.pull_attempts === null ? null : `${counted(session.pull_attempts, 'time')} by the schedule`,
      ],
      ...(isOpen ? [['asks next', withDistance(session.next_pull_at, now())] as const] : []),
    ]),
  );
  if (session.observations.length === 0) return;
  const columns = ['source', 'verdict', 'confidence', 'occurred', 'known since', 'delivery'];
  print('');
  print(
    renderTable(
      columns.map((title) => ({ title, isNumber: title === 'confidence' })),
      session.observations.map((seen) => [
        seen.source,
        seen.verdict,
        seen.confidence?.toString() ?? null,
        renderTime(seen.occurred_at),
        renderTime(seen.known_at),
        seen.delivery_id,
      ]),
      paint,
    ),
  );
}

function withDistance(time: string | null, now: Date): string | null {
  return time === null ? null : `${renderTime(time)} (${renderDistance(time, now)})`;
}
