// `npm run timing`: whether the time of a check tells anything about the secret. The check of a signature and the look-up of an API
// key are called in process with guesses that are wrong from the first byte on and with guesses that are right but for the last,
// which is what someone who guesses byte by byte would have to tell apart; and with one secret and another. Beside them stand
// controls that leak on purpose: the method has to find those, or its silence says nothing. Exit code 1 when it is otherwise.
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { Queries } from '../src/db/connect.ts';
import {
  defaultTemplate,
  type SigningKey,
  sign,
  signatureHeader,
  signingKey,
  verify,
} from '../src/ilive/signature.ts';
import { createKeyRing, makeKey } from '../src/operations/api-keys.ts';
import { Secret } from '../src/secret.ts';
import { describeMachine } from './machine.ts';
import { readCount } from './options.ts';
import { type Bench, runBench } from './run-bench.ts';
import { measureTiming, provenT, type TimingCase, type TimingResult } from './timing-measure.ts';

interface TimingOptions {
  readonly samples: number;
}

const help = `
Looks whether the time of the checks of signatures and keys depends on the secret.

Usage: npm run timing -- [options]

  --samples N  measurements of each case (default 1000000)
  --help       this text
`.trim();

function readOptions(args: readonly string[]): TimingOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: { samples: { type: 'string', default: '1000000' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) return 'help';
  return { samples: readCount('samples', values.samples, 100_000_000) };
}

const now = new Date();
const timestamp = Math.floor(now.getTime() / 1000);
const hexDigits = 64;
const random = (bytes: number) => randomBytes(bytes).toString('hex');

/** The hex text with its first digit changed, or its last. */
function wrongAt(hex: string, place: 'first' | 'last'): string {
  const at = place === 'first' ? 0 : hex.length - 1;
  const digit = ((Number.parseInt(hex[at] ?? '0', 16) + 1 + Math.floor(Math.random() * 15)) % 16).toString(
    16,
  );
  return hex.slice(0, at) + digit + hex.slice(at + 1);
}

// A text of its own, as a request brings one.
const fresh = (text: string) => Buffer.from(text).toString();

/** A guess at a signature: of a body of its own, with the right signature changed in this way. */
function guessing(key: SigningKey, change: (hex: string) => string, keys: readonly SigningKey[] = [key]) {
  const body = Buffer.from(JSON.stringify({ event: 'liveness.verdict', filler: random(100) }));
  const signed = sign(body, { key, template: defaultTemplate, timestamp, webhookId: 'x' });
  const hex = (signed[signatureHeader] ?? '').slice('sha256='.length);
  const signature = fresh(`sha256=${change(hex)}`);
  const headers = { signature, timestamp: String(timestamp), webhookId: 'x' };
  const options = { keys, template: defaultTemplate, toleranceSeconds: 300, now };
  return () => verify(headers, body, options);
}

function signatureCases(): TimingCase[] {
  const [key, otherKey] = [signingKey(random(24), 'utf8'), signingKey(random(24), 'utf8')];
  const half = hexDigits / 2;
  const plain = '0'.repeat(48);
  return [
    {
      name: 'signature: wrong at its first digit, and at its last',
      prepare: (kind) => guessing(key, (hex) => wrongAt(hex, kind === 'one' ? 'first' : 'last')),
      isControl: false,
    },
    {
      name: 'signature: its second half right, and its first half',
      prepare: (kind) =>
        guessing(key, (hex) => {
          const guess = random(half / 2);
          return kind === 'one' ? guess + hex.slice(half) : hex.slice(0, half) + guess;
        }),
      isControl: false,
    },
    {
      name: 'signature: a guess with the secret of forty-eight noughts, and with one by chance',
      prepare: (kind) => {
        const secrets = [plain, random(24)] as const;
        return guessing(signingKey(secrets[kind === 'one' ? 0 : 1], 'utf8'), () => random(hexDigits / 2));
      },
      isControl: false,
    },
    {
      name: 'signature: the first of two secrets matches, and the second',
      prepare: (kind) => guessing(key, (hex) => hex, kind === 'one' ? [key, otherKey] : [otherKey, key]),
      isControl: false,
    },
  ];
}

async function keyCases(): Promise<TimingCase[]> {
  const bootstrap = random(24);
  const stored = makeKey();
  const row = {
    id: stored.id,
    name: 'timed',
    role: 'reader',
    sha256: stored.sha256,
    expiresAt: null,
  };
  // The one statement that is asked for is the keys; the ring keeps them in memory.
  const db = { orm: async () => [row], query: async () => [] } as unknown as Queries;
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const ring = createKeyRing({
    db: db as Parameters<typeof createKeyRing>[0]['db'],
    bootstrapKey: new Secret(bootstrap),
    now: () => now,
    log,
  });
  await ring.refresh();
  const check = (text: string) => {
    const given = fresh(text);
    return () => ring.identify(given);
  };
  const half = bootstrap.length / 2;
  return [
    {
      name: 'BOOTSTRAP_API_KEY: wrong at its first letter, and at its last',
      prepare: (kind) => check(wrongAt(bootstrap, kind === 'one' ? 'first' : 'last')),
      isControl: false,
    },
    {
      name: 'BOOTSTRAP_API_KEY: its second half right, and its first half',
      prepare: (kind) => {
        const guess = random(half / 2);
        return check(kind === 'one' ? guess + bootstrap.slice(half) : bootstrap.slice(0, half) + guess);
      },
      isControl: false,
    },
  ];
}

// What a check that stops at the first difference looks like.
function stopsEarly(given: Buffer, right: Buffer): boolean {
  for (let at = 0; at < right.length; at += 1) if (given[at] !== right[at]) return false;
  return true;
}

function controls(): TimingCase[] {
  const right = randomBytes(32);
  const hex = right.toString('hex');
  const plain = random(1_024);
  return [
    {
      name: 'control: a loop over 32 bytes that stops at the first difference',
      prepare: (kind) => {
        const given = Buffer.from(wrongAt(hex, kind === 'one' ? 'first' : 'last'), 'hex');
        return () => stopsEarly(given, right);
      },
      isControl: true,
    },
    {
      name: 'control: === of texts of 2,048 letters',
      prepare: (kind) => {
        const given = fresh(wrongAt(plain, kind === 'one' ? 'first' : 'last'));
        return () => given === plain;
      },
      isControl: true,
    },
  ];
}

const repeatsOfControl = 20;

async function run({ samples }: TimingOptions, { signal }: Bench): Promise<boolean> {
  const machine = await describeMachine(undefined);
  console.log(
    `${machine.at}, ${machine.cores} cores ${machine.cpu}, Node ${machine.node}, ${machine.commit}`,
  );
  console.log(`told apart beyond |t| = ${provenT}; ${samples} measurements a case\n`);
  let isFine = true;
  for (const each of [...controls(), ...signatureCases(), ...(await keyCases())]) {
    signal.throwIfAborted();
    const result = measureTiming(each, samples, each.isControl ? repeatsOfControl : 1);
    const isRight = result.t > provenT === result.isControl;
    isFine &&= isRight;
    console.log(show(result, isRight));
  }
  return isFine;
}

function show({ name, t, oneNs, otherNs, isControl }: TimingResult, isRight: boolean): string {
  const found = t > provenT ? 'told apart' : 'not told apart';
  const times = `${oneNs.toFixed(0)} ns and ${otherNs.toFixed(0)} ns`;
  const word = isRight ? 'as it has to be' : isControl ? 'WRONG: the method sees nothing' : 'WRONG: it leaks';
  return `|t| ${t.toFixed(1).padStart(7)}  ${found}, ${word}; ${times}\n             ${name}`;
}

runBench(help, readOptions, run);
