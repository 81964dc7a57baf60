// One talk after another, each from the seed and its number. Whole requests are packed several into one connection, pipelined;
// a request that cannot be read to its end comes last.
import { createHash } from 'node:crypto';
import { defaultTemplate, sign, signingKey } from '../../src/ilive/signature.ts';
import { createRandom, type Random } from '../../src/simulator/random.ts';
import { apiShapes } from './shapes-api.ts';
import { framingShapes } from './shapes-framing.ts';
import { lineShapes } from './shapes-line.ts';
import { signatureShapes } from './shapes-signature.ts';
import { bytesOf, type Making, type Shape, type Talk, type Turn } from './talk.ts';

export interface TalkMaker {
  make(index: number): Talk & { readonly countsByShape: Readonly<Record<string, number>> };
}

export interface TalkMakerOptions {
  readonly seed: number;
  readonly host: string;
  readonly secret: string;
  readonly apiRequest: (index: number, random: Random) => Buffer;
  readonly readerKey: string;
}

export const shapes: readonly Shape[] = [...signatureShapes, ...framingShapes, ...lineShapes, ...apiShapes];
const wholeShapes = shapes.filter(({ isWhole }) => isWhole);
const packedMax = 16;
const beforeMax = 6;

export function createTalkMaker(options: TalkMakerOptions): TalkMaker {
  const { seed, host, secret, apiRequest, readerKey } = options;
  const key = signingKey(secret, 'utf8');
  const signBody: Making['sign'] = (body, webhookId, movedSeconds = 0) => {
    const timestamp = Math.max(0, Math.floor(Date.now() / 1000) + movedSeconds);
    const sha256 = createHash('sha256').update(body).digest('hex');
    return {
      headers: sign(body, { key, template: defaultTemplate, timestamp, webhookId }),
      delivery: { webhookId, sha256 },
    };
  };
  return {
    make: (index) => {
      const random = createRandom(seed, `talk ${index}`);
      const turns: Turn[] = [];
      const countsByShape: Record<string, number> = {};
      const add = (shape: Shape) => {
        const name = `${seed}-${index}-${turns.length}`;
        const turn = shape.make({
          random,
          host,
          name,
          sign: signBody,
          apiRequest: () => apiRequest(index, random),
          readerKey,
        });
        countsByShape[shape.name] = (countsByShape[shape.name] ?? 0) + (turn.requestCount ?? 1);
        turns.push(turn);
      };
      const main = pickShape(random, shapes);
      const others = random.whole(0, main.isWhole ? packedMax - 1 : beforeMax);
      for (let count = 0; count < others; count += 1) add(pickShape(random, wholeShapes));
      add(main);
      return { ...join(turns, main), shape: main.name, index, countsByShape };
    },
  };
}

function join(turns: readonly Turn[], main: Shape): Omit<Talk, 'shape' | 'index'> {
  const leaves = turns.some((turn) => turn.leaves);
  return {
    pieces: turns.flatMap(({ pieces }) => pieces),
    requestCount: turns.reduce((sum, { requestCount = 1 }) => sum + requestCount, 0),
    signed: turns.flatMap(({ signed = [] }) => signed),
    // Node answers what it cannot read at once and closes, whatever came before it on the same connection.
    mustBeAccepted: main.isWhole && !leaves && turns.some((turn) => turn.mustBeAccepted),
    leaves,
    isLast: turns.some((turn) => turn.isLast),
  };
}

function pickShape(random: Random, from: readonly Shape[]): Shape {
  let left = random.next() * from.reduce((sum, { weight }) => sum + weight, 0);
  for (const shape of from) {
    left -= shape.weight;
    if (left < 0) return shape;
  }
  return from[0] as Shape;
}

/** The bytes of a talk as a person can read them, shortened. */
export function showTalk(talk: Talk, maxChars: number): string {
  const bytes = Buffer.concat(
    talk.pieces.map((piece) => (Buffer.isBuffer(piece) ? piece : bytesOf(`<pause ${piece.pauseMs} ms>`))),
  );
  const text = JSON.stringify(bytes.toString('latin1', 0, maxChars));
  return bytes.length > maxChars ? `${text} … ${bytes.length} bytes` : text;
}
