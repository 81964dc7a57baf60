// `secrets list|begin-rotation|finish-rotation|test`: exchanging a signing secret with evidence. The secret itself is read
// from a file or the standard input, sent on, and never shown.
import { z } from 'zod';
import { printable } from '../printable.ts';
import { type Command, type Context, type Options, wrongUsage } from './command.ts';
import { readSecret } from './read-secret.ts';
import { createAsk, serviceOptions } from './service-api.ts';
import { showAnswer } from './show-answer.ts';
import { renderDistance, renderFields, renderTable, renderTime } from './table.ts';
import { readDuration } from './time-option.ts';
import { readWhy, whyOption } from './why.ts';

const time = z.string().nullable();
const listedSecret = z.object({
  account: z.string(),
  name: z.string(),
  fingerprint: z.string(),
  origin: z.string(),
  state: z.string(),
  added_at: z.string(),
  retiring_at: time,
  retired_at: time,
  last_matched_at: time,
  missing_key: z.string().nullish(),
});

const accountOption: Options = {
  account: { value: 'ACCOUNT', doc: 'of which iLive account (default: default)' },
};

export const listSecrets: Command = {
  name: 'secrets list',
  operands: [],
  summary: 'Lists the signing secrets by name, and when each last matched',
  details: 'Retired ones prove nothing any more; they explain refusals.',
  options: serviceOptions,
  examples: [
    'ilive-webhooks secrets list',
    "ilive-webhooks secrets list --json | jq '.data[] | {name, last_matched_at}'",
  ],
  async run(given, context) {
    const ask = await createAsk(given, context, this.name);
    const asked = await ask('GET', '/v1/ops/secrets');
    showAnswer(asked, z.object({ data: z.array(listedSecret) }), given, context, ({ data }) => {
      const titles = ['account', 'name', 'state', 'from', 'added', 'last matched'];
      const rows = data.map((row) => [
        row.account,
        row.name,
        row.missing_key ? `${row.state}; sealed with "${row.missing_key}", which is missing` : row.state,
        row.origin,
        renderTime(row.added_at),
        row.last_matched_at === null ? 'never' : renderDistance(row.last_matched_at, context.now()),
      ]);
      context.print(renderTable(titles, rows, context.paint));
    });
    return 0;
  },
};

export const beginRotation: Command = {
  name: 'secrets begin-rotation',
  operands: [],
  summary: 'Puts a new signing secret beside the old ones (role admin)',
  details: `Every receiver takes it within seconds, and goes on taking the old ones. Then change it at
iLive, watch "secrets list", and finish the rotation. It needs ENCRYPTION_KEYS. The
secret is read from a file or the standard input, never from the command line.

With --reinstate it takes back what was finished too early: one that is retired counts
again, and goes once it is quiet. Only where it was not retired because it leaked, and
iLive says that it still signs with it; else whoever has it sends these: leave them
refused.`,
  options: {
    name: { value: 'NAME', doc: 'what to call it, such as 2026-12 (required)' },
    'secret-stdin': { doc: 'read the secret from the standard input' },
    'secret-file': { value: 'FILE', doc: 'read the secret from a file' },
    reinstate: { doc: 'have one that is retired, and has not leaked, count again' },
    ...accountOption,
    ...whyOption,
    ...serviceOptions,
  },
  examples: [
    "ilive-webhooks secrets begin-rotation --name 2026-12 --secret-file new-secret --why 'yearly'",
    "ilive-webhooks secrets begin-rotation --name 2026-12 --secret-stdin --why 'yearly' < new-secret",
    "ilive-webhooks secrets begin-rotation --reinstate --name 2025-12 --secret-file old --why 'too early'",
  ],
  async run(given, context) {
    const name = given.text('name');
    if (name === undefined) throw wrongUsage('--name is needed.', this.name);
    const why = readWhy(given, this.name);
    const ask = await createAsk(given, context, this.name);
    const secret = await readSecret('secret', given, context, this.name);
    if (secret === undefined)
      throw wrongUsage('Say where the secret is: --secret-stdin or --secret-file.', this.name);
    const reinstate = given.has('reinstate') || undefined;
    const body = { account: given.text('account'), name, secret: secret.reveal(), reinstate, why };
    const asked = await ask('POST', '/v1/ops/secrets/begin-rotation', { body });
    showAnswer(asked, listedSecret, given, context, reinstate ? printReinstated : printBegun);
    return 0;
  },
};

function printReinstated({ name, account, state }: z.infer<typeof listedSecret>, { print }: Context): void {
  const isToGo = state === 'retiring';
  const beside = `beside the others of "${printable(account)}", and is to go`;
  print(`"${printable(name)}" counts again, ${isToGo ? beside : `for "${printable(account)}"`}.`);
  print(
    'Let in what was refused meanwhile only where it was not retired because it leaked, and iLive says that',
  );
  print('it still signs with it; else whoever has it sends these: leave them refused.');
  print("To let them in: ilive-webhooks refusals reverify --why '…'");
  if (isToGo) print("Once it no longer matches: ilive-webhooks secrets finish-rotation --why '…'");
}

function printBegun({ name, account }: z.infer<typeof listedSecret>, { print }: Context): void {
  print(`"${printable(name)}" counts now, beside the old secrets of "${printable(account)}".`);
  print('Change it at iLive, then watch when each last matched: ilive-webhooks secrets list');
}

export const finishRotation: Command = {
  name: 'secrets finish-rotation',
  operands: [],
  summary: 'Retires the old signing secrets, once they are quiet (role admin)',
  details: `It refuses while an old one has matched within --quiet, and until the new one has matched a
delivery of iLive's. What is signed with a retired secret is refused from then on.`,
  options: {
    quiet: { value: 'SPAN', doc: 'how long they must be quiet (default: SECRET_QUIET_SECONDS)' },
    ...accountOption,
    ...whyOption,
    ...serviceOptions,
  },
  examples: [
    "ilive-webhooks secrets finish-rotation --why 'yearly'",
    "ilive-webhooks secrets finish-rotation --quiet 10m --why 'the old one leaked'",
  ],
  async run(given, context) {
    const quietMs = readDuration(given, 'quiet', this.name);
    if (quietMs !== undefined && quietMs < 1_000)
      throw wrongUsage('--quiet must be 1s or longer.', this.name);
    const why = readWhy(given, this.name);
    const ask = await createAsk(given, context, this.name);
    const quiet = quietMs === undefined ? {} : { quiet_seconds: quietMs / 1_000 };
    const asked = await ask('POST', '/v1/ops/secrets/finish-rotation', {
      body: { account: given.text('account'), ...quiet, why },
    });
    const shape = z.object({ retired: z.array(z.string()) });
    showAnswer(asked, shape, given, context, ({ retired }, { print }) => {
      print(`Retired: ${retired.map(printable).join(', ')}.`);
      print('If the environment lists one of these, list the new one there in its place.');
    });
    return 0;
  },
};

const probe = z.object({
  ok: z.boolean(),
  secret: z.string(),
  url: z.string(),
  status: z.number().nullable(),
  delivery_id: z.string().nullable(),
  state: z.string().nullable(),
  ms: z.number(),
  problem: z.string().nullable(),
});

export const testSecret: Command = {
  name: 'secrets test',
  operands: [],
  summary: 'Sends a delivery of our own, signed, through the front door',
  details: `To PUBLIC_WEBHOOK_URL, or else to the service itself, and follows it until it is processed (and
ignored). It counts as no sign that iLive uses the secret. Exits 1 when it does not get
there.`,
  options: {
    name: { value: 'NAME', doc: 'signed with which secret (default: the newest)' },
    ...accountOption,
    ...whyOption,
    ...serviceOptions,
  },
  examples: ["ilive-webhooks secrets test --why 'before iLive is told'"],
  async run(given, context) {
    const why = readWhy(given, this.name);
    const ask = await createAsk(given, context, this.name);
    const body = { account: given.text('account'), name: given.text('name'), why };
    const asked = await ask('POST', '/v1/ops/secrets/test', { body });
    return showAnswer(asked, probe, given, context, printProbe).ok ? 0 : 1;
  },
};

function printProbe(sent: z.infer<typeof probe>, { print, paint }: Context): void {
  print(
    renderFields([
      ['signed with', sent.secret],
      ['sent to', sent.url],
      ['answered', sent.status === null ? null : String(sent.status)],
      ['delivery', sent.delivery_id],
      ['state', sent.state],
      ['took', `${sent.ms} ms`],
    ]),
  );
  const sentence = sent.problem === null ? 'It arrived and was processed.' : printable(sent.problem);
  print(`\n${paint(sent.ok ? 'green' : 'red', sentence)}`);
}
