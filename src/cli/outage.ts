// `outage show`: a delivery that Postgres refused as data, out of the file in which the outage store has set it aside. It asks
// no service: whoever can read the file and has the key can read what is in it.
import { z } from 'zod';
import { createCipher } from '../cipher.ts';
import { encryptionKeys } from '../config-schemas.ts';
import { ServiceError } from '../errors.ts';
import { unpackDelivery } from '../operations/kept-delivery.ts';
import { readSetAside } from '../outage/set-aside.ts';
import { printable, printableJson } from '../printable.ts';
import { withSecretFiles } from '../secret-files.ts';
import type { Command, Context } from './command.ts';
import { renderFields } from './table.ts';

const reasons = {
  not_ours: 'is no file that the outage store has set aside; such a one is named ….damaged',
  damaged: 'holds bytes that were changed since they were written, and nothing can be read from it',
  sealed: 'is sealed with a key that is not in ENCRYPTION_KEYS',
} as const;

export const showSetAside: Command = {
  name: 'outage show',
  operands: ['FILE'],
  summary: 'Shows a delivery that the outage store has set aside',
  details: `Of a file ….damaged under DATA_DIR/outage, on the machine where it lies. A sealed one
opens with the ENCRYPTION_KEYS of the service, or its ENCRYPTION_KEYS_FILE, set for
this command too.`,
  options: { json: { doc: 'as JSON, with the body in Base64' } },
  examples: ['ilive-webhooks outage show .data/outage/1/00000004-….damaged'],
  async run(given, context) {
    const [file = ''] = given.operands;
    const delivery = unpackDelivery(await readPayload(file, context));
    const { id, account, source, webhookId, receivedAt, headers, body } = delivery;
    const shown = {
      delivery_id: id,
      account,
      source,
      webhook_id: webhookId,
      received_at: receivedAt.toISOString(),
      headers,
    };
    if (given.has('json')) {
      context.print(printableJson(JSON.stringify({ ...shown, body_base64: body.toString('base64') })));
      return 0;
    }
    const { headers: _, ...fields } = shown;
    const texts = Object.entries({ ...fields, ...headers }).map(([name, value]): [string, string] => [
      name,
      printable(String(value ?? '–')),
    ]);
    context.print(`${renderFields(texts)}\n\n${body.toString().split('\n').map(printable).join('\n')}`);
    return 0;
  },
};

async function readPayload(file: string, { env }: Context): Promise<Buffer> {
  const text = withSecretFiles(env, ['ENCRYPTION_KEYS']).ENCRYPTION_KEYS;
  const keys = z.optional(encryptionKeys).safeParse(text || undefined);
  if (!keys.success)
    throw new ServiceError('config_invalid', 'ENCRYPTION_KEYS is no list of id:base64 of 32 bytes.');
  const read = await readSetAside(file, createCipher(keys.data ?? [])).catch((error: unknown) => {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown trouble';
    throw new ServiceError('invalid_request', `${printable(file)} cannot be read (${reason}).`);
  });
  if (typeof read === 'string')
    throw new ServiceError('invalid_request', `${printable(file)} ${reasons[read]}.`);
  return read;
}
