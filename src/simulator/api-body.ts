// Reads what a request to the pretend API carries: JSON, or a form with images. Sizes are bounded; what cannot be read is
// an answer in the vendor's words, never an exception.
import type { IncomingMessage } from 'node:http';
import { refuseField, type VendorAnswer } from './api-errors.ts';

const bodyLimitBytes = 24 * 1024 * 1024; // two images of the largest allowed size, and room for one that is too large

/** The whole body; undefined where it is larger than anything that the API takes. */
export async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= bodyLimitBytes) chunks.push(chunk);
  }
  return size <= bodyLimitBytes ? Buffer.concat(chunks) : undefined;
}

export type Fields = Readonly<Record<string, unknown>>;
export type Read<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly answer: VendorAnswer };

export function readJson(body: Buffer): Read<Fields> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return { ok: true, value: value as Fields };
    }
  } catch {
    // said below
  }
  return { ok: false, answer: refuseField('body', 'Input should be a valid JSON object') };
}

/** A text of the form's or body's fields; null where it is absent. */
export function readText(fields: Fields, name: string, isRequired: boolean): Read<string | null> {
  const value = fields[name] ?? null;
  if (typeof value === 'string' && value !== '') return { ok: true, value };
  if (value === null && !isRequired) return { ok: true, value: null };
  const message = value === null ? 'Field required' : 'Input should be a valid string';
  return { ok: false, answer: refuseField(name, message) };
}

/** The parts of a form; files as bytes. */
export async function readForm(body: Buffer, contentType: string | undefined): Promise<Read<Fields>> {
  try {
    const headers = { 'content-type': contentType ?? '' };
    const form = await new Response(new Uint8Array(body), { headers }).formData();
    const fields: Record<string, unknown> = {};
    for (const [name, part] of form) {
      fields[name] = typeof part === 'string' ? part : Buffer.from(await part.arrayBuffer());
    }
    return { ok: true, value: fields };
  } catch {
    return { ok: false, answer: refuseField('body', 'Input should be a multipart form') };
  }
}
