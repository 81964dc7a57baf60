// `/v1/ops/secrets`: the signing secrets by name, when each last matched, and how one is exchanged for another. No answer
// holds a secret.
import { z } from 'zod';
import { operate, operateAfter } from '../../operations/operate.ts';
import { beginRotation, finishRotation } from '../../operations/rotate-secrets.ts';
import { sendProbe } from '../../operations/send-probe.ts';
import { fingerprintOf, type ListedSecret } from '../../operations/signing-secrets.ts';
import { Secret } from '../../secret.ts';
import { actorOf } from '../gate.ts';
import { operation, reply } from '../operation.ts';
import { whyText } from '../query.ts';
import { instant, missingKey, pageShape, uuid } from '../shapes.ts';

const quietMaxSeconds = 2_592_000;
const quietRange = `must be a whole number from 1 to ${quietMaxSeconds}`;

const word = z.string().regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, ".", "-" or "_"');
const beginning = z.strictObject({
  account: word.optional(),
  name: word,
  secret: z
    .string()
    .regex(/^[\x21-\x7e]{8,512}$/, 'must be 8 to 512 visible ASCII characters')
    .describe(
      'A new one, with which those that count are to go; or, with `reinstate`, one that is retired, which counts again beside them and is itself to go.',
    ),
  reinstate: z
    .boolean()
    .default(false)
    .describe(
      'Has one that is retired count again: only where it was not retired because it leaked, and iLive says that it still signs with it.',
    ),
  why: whyText,
});
const finishing = z.strictObject({
  account: word.optional(),
  quiet_seconds: z.int(quietRange).min(1, quietRange).max(quietMaxSeconds, quietRange).optional(),
  why: whyText,
});
const testing = z.strictObject({ account: word.optional(), name: word.optional(), why: whyText });

const secretShape = z
  .object({
    account: z.string(),
    name: z.string(),
    fingerprint: z.string(),
    origin: z.string(),
    state: z
      .string()
      .describe('active; retiring: it counts, and is to go; retired: it proves nothing, and only explains.'),
    missing_key: missingKey,
    added_at: instant,
    retiring_at: instant.nullable(),
    retired_at: instant.nullable(),
    last_matched_at: instant.nullable(),
  })
  .meta({ id: 'SigningSecret' });

const probeShape = z
  .object({
    ok: z.boolean(),
    secret: z.string().nullable(),
    url: z.string(),
    status: z.number().nullable(),
    delivery_id: uuid.nullable(),
    state: z.string().nullable(),
    ms: z.number().nullable(),
    problem: z.string().nullable(),
  })
  .meta({ id: 'Probe' });

/** Answers all secrets that were ever known. */
export const showSecrets = operation({
  answers: { 200: pageShape(secretShape) },
  answer: async ({ secrets }) => {
    const listed = await secrets.ring.list();
    return reply(200, { data: listed.map(show), next_cursor: null });
  },
});

/** Puts a new secret, or one that is taken back, beside those that count; receivers take it within two seconds. */
export const beginSecretRotation = operation({
  body: beginning,
  answers: { 201: secretShape },
  errors: ['conflict'],
  answer: async (deps, { body, req }) => {
    const { secrets } = deps;
    const { account = secrets.defaultAccount, name, secret: text, reinstate: isTakeBack, why } = body;
    const secret = new Secret(text);
    const details = { account, name, fingerprint: fingerprintOf(account, secret) };
    const action = { actor: actorOf(req), name: 'secrets.begin_rotation', why, details };
    const row = await operate(deps.operate, action, async (tx) => {
      const begun = await beginRotation(tx, secrets, { account, name, secret, isTakeBack });
      return { rows: 1, result: begun.row, details: { reinstated: begun.isReinstated } };
    });
    await secrets.ring.refresh();
    const state = row.retiringAt === null ? 'active' : 'retiring';
    return reply(201, show({ ...row, state, missingKey: null }));
  },
});

/** Retires the old secrets, once they are quiet. */
export const finishSecretRotation = operation({
  body: finishing,
  answers: { 200: z.object({ retired: z.array(z.string()) }) },
  errors: ['not_found', 'conflict'],
  answer: async (deps, { body, req }) => {
    const { secrets } = deps;
    const { account = secrets.defaultAccount, quiet_seconds: quietSeconds, why } = body;
    const quietMs = quietSeconds === undefined ? secrets.quietMs : quietSeconds * 1_000;
    const details = { account, quiet_seconds: quietMs / 1_000 };
    const action = { actor: actorOf(req), name: 'secrets.finish_rotation', why, details };
    const refresh = () => secrets.ring.refresh();
    const retired = await operateAfter(deps.operate, action, refresh, async (tx) => {
      const result = await finishRotation(tx, secrets, { account, quietMs });
      return { rows: result.length, result };
    });
    await secrets.ring.refresh();
    return reply(200, { retired });
  },
});

/** Sends a probe that is signed with a secret through the front door; 200 whatever came of it, `ok` says which. */
export const testSecret = operation({
  body: testing,
  answers: { 200: probeShape },
  errors: ['not_found', 'conflict'],
  answer: async (deps, { body, req }) => {
    const { secrets } = deps;
    const { account = secrets.defaultAccount, name, why } = body;
    const action = { actor: actorOf(req), name: 'secrets.test', why, details: { account, name } };
    const send = () => sendProbe(secrets, { account, secretName: name });
    const probe = await operateAfter(deps.operate, action, send, async (_tx, result) => ({
      rows: 1,
      result,
    }));
    const { isOk, secret, url, status, deliveryId, state, ms, problem } = probe;
    return reply(200, { ok: isOk, secret, url, status, delivery_id: deliveryId, state, ms, problem });
  },
});

function show(row: ListedSecret) {
  return {
    account: row.account,
    name: row.name,
    fingerprint: row.fingerprint,
    origin: row.origin,
    state: row.state,
    missing_key: row.missingKey,
    added_at: row.addedAt,
    retiring_at: row.retiringAt,
    retired_at: row.retiredAt,
    last_matched_at: row.lastMatchedAt,
  };
}
