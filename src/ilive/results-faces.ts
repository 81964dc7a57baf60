// What the answers of the face services say. Their JSON is documented for the managed dialect; a number that a caller
// decides by must be there, and what only describes may be missing. Free-form parts come with their names in our
// spelling, so that no code outside depends on the vendor's.
//
// ASSUMPTION 17: the reference dialect answers in the same shapes, or with `reference_face` and `probe_face`.
import { z } from 'zod';
import { readObject, unreadable } from './results.ts';

/** In the vendor's unit, which is not documented. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface FaceComparison {
  /** 0 to 1. */
  readonly similarity: number;
  readonly isMatch: boolean;
  /** The threshold that was used; null where iLive did not say. */
  readonly threshold: number | null;
  readonly referenceFace: Box | null;
  readonly probeFace: Box | null;
}

export interface DetectedFace {
  readonly box: Box;
  /** 0 to 1. */
  readonly confidence: number | null;
  readonly landmarks: readonly { readonly type: string; readonly x: number; readonly y: number }[];
  /** Whatever was measured, by its name in camelCase. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface FaceDetection {
  readonly faces: readonly DetectedFace[];
  readonly imageSize: Record<string, number> | null;
}

const box = z.object({ left: z.number(), top: z.number(), width: z.number(), height: z.number() });
const optionalBox = box.nullish().catch(null);
const optionalNumber = z.number().nullish().catch(null);

const comparison = z.object({
  similarity: z.number(),
  is_match: z.boolean().nullish(),
  threshold: optionalNumber,
  source_face: optionalBox,
  target_face: optionalBox,
  reference_face: optionalBox,
  probe_face: optionalBox,
});

const detection = z.object({
  faces: z.array(
    z.object({
      bounding_box: box,
      confidence: optionalNumber,
      landmarks: z
        .array(z.object({ type: z.string(), x: z.number(), y: z.number() }))
        .nullish()
        .catch(null),
      attributes: z.record(z.string(), z.unknown()).nullish().catch(null),
    }),
  ),
  image_size: z.record(z.string(), z.number()).nullish().catch(null),
});

/** Reads the answer to a compare; `asked` is the threshold that the caller gave. */
export function readComparison(body: Buffer, asked: number | undefined): FaceComparison {
  const read = comparison.safeParse(readObject(body));
  if (!read.success) throw unreadable('it holds no similarity, or a match that is neither true nor false');
  const { similarity, is_match: isMatch, ...said } = read.data;
  const threshold = said.threshold ?? asked ?? null;
  if (typeof isMatch !== 'boolean' && threshold === null) {
    throw unreadable('it says neither whether the faces match nor by which threshold');
  }
  return {
    similarity,
    isMatch: isMatch ?? similarity >= (threshold ?? Number.POSITIVE_INFINITY),
    threshold,
    referenceFace: said.source_face ?? said.reference_face ?? null,
    probeFace: said.target_face ?? said.probe_face ?? null,
  };
}

/** Reads the answer to a detect. */
export function readDetection(body: Buffer): FaceDetection {
  const read = detection.safeParse(readObject(body));
  if (!read.success) throw unreadable('it holds no list of faces with their boxes');
  return {
    faces: read.data.faces.map((face) => ({
      box: face.bounding_box,
      confidence: face.confidence ?? null,
      landmarks: face.landmarks ?? [],
      attributes: inOurSpelling(face.attributes ?? {}, nestedLevels) as Record<string, unknown>,
    })),
    imageSize: (inOurSpelling(read.data.image_size ?? null, 0) as Record<string, number>) ?? null,
  };
}

// Attributes are documented one level deep; deeper than this nothing is respelled, so that no answer can exhaust the stack.
const nestedLevels = 4;

function inOurSpelling(value: unknown, levels: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const inner = (item: unknown) => (levels === 0 ? item : inOurSpelling(item, levels - 1));
  if (Array.isArray(value)) return value.map(inner);
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name.replaceAll(/_+([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase()),
      inner(item),
    ]),
  );
}
