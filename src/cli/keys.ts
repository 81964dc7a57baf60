// `keys create|list|revoke`: the keys to our own API. A new one is shown once; into a file or a pipe it goes alone.
import { z } from 'zod';
import { printable } from '../printable.ts';
import { type Command, wrongUsage } from './command.ts';
import { pathPart } from './id-operand.ts';
import { listOptions, showList } from './list.ts';
import { createAsk, readAnswer, serviceOptions } from './service-api.ts';
import { renderFields, renderTime } from './table.ts';
import { readDuration, readTime } from './time-option.ts';
import { readWhy, whyOption } from './why.ts';

const roles = ['reader', 'operator', 'admin'];
const madeKey = z.object({
  key_id: z.string(),
  name: z.string(),
  role: z.string(),
  expires_at: z.string().nullable(),
  key: z.string(),
});
const listedKey = z.object({
  key_id: z.string(),
  name: z.string(),
  role: z.string(),
  state: z.string(),
  created_at: z.string(),
  created_by: z.string(),
  expires_at: z.string().nullable(),
  last_used_at: z.string().nullable(),
});

export const createKey: Command = {
  name: 'keys create',
  operands: [],
  summary: 'Makes a key to the API, and shows it once (role admin)',
  details: `reader: asks about verdicts, creates and registers sessions. operator: sees everything, admits,
replays, pauses. admin: also keys, secrets and purging. Into a file or a pipe the key
goes alone, so that "> key" keeps it.`,
  options: {
    name: { value: 'NAME', doc: 'whose it is (required)' },
    role: { value: 'ROLE', choices: roles, doc: 'what it may do (required)' },
    'expires-in': { value: 'SPAN', doc: 'until when it works, such as 90d (default: for ever)' },
    'expires-at': { value: 'TIME', doc: 'the same as a time' },
    ...whyOption,
    ...serviceOptions,
  },
  examples: [
    "ilive-webhooks keys create --name onboarding --role reader --why 'the onboarding service'",
    "ilive-webhooks keys create --name night-shift --role operator --expires-in 90d --why 'on call' > key",
  ],
  async run(given, context) {
    const name = given.text('name');
    const role = given.text('role');
    if (name === undefined) throw wrongUsage('--name is needed.', this.name);
    if (role === undefined) throw wrongUsage(`--role is needed: ${roles.join(', ')}.`, this.name);
    const spanMs = readDuration(given, 'expires-in', this.name);
    const at = readTime(given, 'expires-at', this.name);
    if (spanMs !== undefined && at !== undefined)
      throw wrongUsage('--expires-in and --expires-at are the same.', this.name);
    if (spanMs !== undefined && spanMs <= 0) throw wrongUsage('--expires-in must lie ahead.', this.name);
    const expiresAt = spanMs === undefined ? at : new Date(context.now().getTime() + spanMs).toISOString();
    const why = readWhy(given, this.name);
    const ask = await createAsk(given, context, this.name);
    const asked = await ask('POST', '/v1/ops/keys', { body: { name, role, expires_at: expiresAt, why } });
    const made = readAnswer(asked, madeKey);
    const revoking = `ilive-webhooks keys revoke ${printable(made.key_id)} --why 'never seen'`;
    const lost = `The key was made, and nobody can see it any more. Revoke it: ${revoking}`;
    if (given.has('json')) context.print(asked.text, lost);
    else {
      context.tell(
        renderFields([
          ['key id', made.key_id],
          ['name', made.name],
          ['role', made.role],
          ['expires', made.expires_at === null ? 'never' : renderTime(made.expires_at)],
        ]),
      );
      context.tell('\nThe key follows. It is shown this once and stored nowhere: keep it now.');
      context.print(made.key, lost);
    }
    return 0;
  },
};

export const listKeys: Command = {
  name: 'keys list',
  operands: [],
  summary: 'Lists the keys to the API, and when each was last used (role admin)',
  details: '',
  options: { ...listOptions, ...serviceOptions },
  examples: [
    'ilive-webhooks keys list',
    "ilive-webhooks keys list --all --json | jq -r '.data[] | select(.last_used_at == null).name'",
  ],
  async run(given, context) {
    const ask = await createAsk(given, context, this.name);
    await showList(ask, given, context, {
      command: this.name,
      path: '/v1/ops/keys',
      query: {},
      row: listedKey,
      columns: ['key id', 'name', 'role', 'state', 'created', 'by', 'expires', 'last used'],
      cells: (row) => [
        row.key_id,
        row.name,
        row.role,
        row.state,
        renderTime(row.created_at),
        row.created_by,
        renderTime(row.expires_at),
        renderTime(row.last_used_at),
      ],
      empty: 'No key has been made; BOOTSTRAP_API_KEY is not listed.',
    });
    return 0;
  },
};

export const revokeKey: Command = {
  name: 'keys revoke',
  operands: ['ID'],
  summary: 'Revokes a key, in every process within seconds (role admin)',
  details: '',
  options: { ...whyOption, ...serviceOptions },
  examples: ["ilive-webhooks keys revoke 7fK2mQ9xLp --why 'left the team'"],
  async run(given, context) {
    const id = pathPart(given.operands[0] ?? '', 'ID cannot be a key’s', this.name);
    const why = readWhy(given, this.name);
    const ask = await createAsk(given, context, this.name);
    const asked = await ask('POST', `/v1/ops/keys/${id}/revoke`, { body: { why } });
    const { name, role } = readAnswer(asked, listedKey);
    context.print(given.has('json') ? asked.text : `Revoked "${printable(name)}" (${role}).`);
    return 0;
  },
};
