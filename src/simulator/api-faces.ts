// The two operations on images, in both dialects: the same answers under other names of fields. Documented: the managed
// dialect's fields and answers; that the reference dialect answers the same is assumed, and so is the default threshold.
import { type Fields, type Read, readForm } from './api-body.ts';
import { refuse, refuseField, type VendorAnswer, type VendorErrorCode } from './api-errors.ts';
import { compareImages, imageLimitBytes, type SeenImage, seeImage } from './api-images.ts';
import type { Dialect } from './api-routes.ts';

export interface FaceRequest {
  readonly dialect: Dialect;
  readonly requestId: string;
  readonly body: Buffer;
  readonly contentType: string | undefined;
}

const compareFields = {
  reference: ['reference', 'probe'],
  managed: ['source_image', 'target_image'],
} as const;
const defaultThreshold = 0.45;

export async function compareFaces(request: FaceRequest): Promise<VendorAnswer> {
  const form = await readForm(request.body, request.contentType);
  if (!form.ok) return form.answer;
  const [sourceName, targetName] = compareFields[request.dialect];
  const source = readImage(form.value, sourceName, request);
  if (!source.ok) return source.answer;
  const target = readImage(form.value, targetName, request);
  if (!target.ok) return target.answer;
  const given = form.value.threshold;
  const threshold = given === undefined ? defaultThreshold : Number(given);
  if (!(threshold >= 0 && threshold <= 1)) {
    return refuseField('threshold', 'Input should be a number from 0 to 1');
  }
  if (source.value.faceCount === 0) return refuse('no_face_in_source', request);
  if (target.value.faceCount === 0) return refuse('no_face_in_target', request);
  const similarity = compareImages(source.value, target.value);
  return {
    status: 200,
    body: {
      similarity,
      is_match: similarity >= threshold,
      threshold,
      source_face: boxOf(source.value, 0),
      target_face: boxOf(target.value, 0),
    },
  };
}

const attributeSets = ['default', 'all', 'none'];

export async function detectFaces(request: FaceRequest): Promise<VendorAnswer> {
  const form = await readForm(request.body, request.contentType);
  if (!form.ok) return form.answer;
  const image = readImage(form.value, 'image', request);
  if (!image.ok) return image.answer;
  const attributes = String(form.value.attributes ?? 'default');
  if (!attributeSets.includes(attributes)) return refuse('invalid_attributes', request);
  const { width, height, faceCount } = image.value;
  return {
    status: 200,
    body: {
      faces: Array.from({ length: faceCount }, (_, index) => ({
        bounding_box: boxOf(image.value, index),
        confidence: 0.9987,
        landmarks: [
          { type: 'left_eye', x: 0.4, y: 0.35 },
          { type: 'right_eye', x: 0.6, y: 0.35 },
          { type: 'nose', x: 0.5, y: 0.5 },
        ],
        attributes: attributesOf(attributes),
      })),
      image_size: { width, height },
    },
  };
}

function attributesOf(set: string): Record<string, unknown> {
  if (set === 'none') return {};
  const core = { brightness: 0.55, sharpness: 0.8 };
  if (set === 'default') return core;
  const yes = { value: true, confidence: 0.99 };
  return {
    ...core,
    pose: { roll: 0.5, yaw: -1.2, pitch: 3.1 },
    eyes_open: yes,
    mouth_closed: yes,
    eyeglasses: { value: false, confidence: 0.97 },
  };
}

function boxOf({ width, height }: SeenImage, index: number): Record<string, number> {
  const share = 1 / (2 + index);
  return {
    left: Math.round((width * (1 - share)) / 2),
    top: Math.round((height * (1 - share)) / 2),
    width: Math.round(width * share),
    height: Math.round(height * share),
  };
}

function readImage(fields: Fields, name: string, request: FaceRequest): Read<SeenImage> {
  const bytes = fields[name];
  const no = (code: VendorErrorCode): Read<SeenImage> => ({ ok: false, answer: refuse(code, request) });
  if (!Buffer.isBuffer(bytes)) return { ok: false, answer: refuseField(name, 'Field required') };
  if (bytes.length === 0) return no('empty_image');
  if (bytes.length > imageLimitBytes) return no('image_too_large');
  const seen = seeImage(bytes);
  return seen === undefined ? no('invalid_image') : { ok: true, value: seen };
}
