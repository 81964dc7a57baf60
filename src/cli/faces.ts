// `faces compare` and `faces detect`: iLive's face services by hand, asked directly and with a key of iLive's. The service
// takes no part, and nothing is stored. No file leaves the machine that does not begin as a JPEG or a PNG does.
import { open } from 'node:fs/promises';
import { ServiceError } from '../errors.ts';
import { createClient, type IliveClient } from '../ilive/client.ts';
import { type DialectName, dialectNames } from '../ilive/dialects.ts';
import { ApiError, AuthenticationError, VendorUnavailableError } from '../ilive/errors.ts';
import { typeOf } from '../ilive/images.ts';
import type { Box, DetectedFace } from '../ilive/results-faces.ts';
import { printable, printableJson } from '../printable.ts';
import { withSecretFiles } from '../secret-files.ts';
import { type Command, type Context, wrongUsage } from './command.ts';
import { renderFields, renderTable } from './table.ts';

const vendorNote = `Asks iLive directly, with the key in ILIVE_API_KEY or in the file that ILIVE_API_KEY_FILE names;
ILIVE_API_URL and ILIVE_DIALECT say where and how, as they do for the service.`;

const jsonOption = { doc: 'print the answer as JSON, with the client’s names' };

export const compareFaces: Command = {
  name: 'faces compare',
  operands: ['REFERENCE', 'PROBE'],
  summary: 'Compares the faces of two images',
  details: `JPEG or PNG, at most 8 MB each. Exits 0 when they match and 1 when they do not.\n\n${vendorNote}`,
  options: {
    threshold: { value: 'N', doc: 'from 0 to 1: how similar is a match (default: iLive’s own)' },
    json: jsonOption,
  },
  examples: [
    'ilive-webhooks faces compare a.jpg b.jpg',
    'ilive-webhooks faces compare passport.png selfie.jpg --threshold 0.65',
  ],
  async run(given, context) {
    const threshold = readThreshold(given.text('threshold'), this.name);
    const [reference = '', probe = ''] = given.operands;
    await refuseOther({ REFERENCE: reference, PROBE: probe }, this.name);
    const asked = { reference, probe, ...(threshold === undefined ? {} : { threshold }) };
    const read = await withClient(context, this.name, (client) => client.compareFaces(asked));
    if (given.has('json')) context.print(printableJson(JSON.stringify(read, null, 2)));
    else {
      const match = read.isMatch ? context.paint('green', 'a match') : context.paint('red', 'no match');
      context.print(
        renderFields([
          ['similarity', String(read.similarity)],
          ['threshold', read.threshold?.toString() ?? null],
          ['reference face', renderBox(read.referenceFace)],
          ['probe face', renderBox(read.probeFace)],
        ]),
      );
      context.print(`\n${match}`);
    }
    return read.isMatch ? 0 : 1;
  },
};

export const detectFaces: Command = {
  name: 'faces detect',
  operands: ['IMAGE'],
  summary: 'Finds the faces in an image',
  details: `JPEG or PNG, at most 8 MB. Exits 0 when there is a face and 1 when there is none.\n\n${vendorNote}`,
  options: {
    attributes: {
      value: 'WHICH',
      choices: ['default', 'all', 'none'],
      doc: 'what is measured of each face',
    },
    json: jsonOption,
  },
  examples: [
    'ilive-webhooks faces detect a.jpg',
    'ilive-webhooks faces detect a.jpg --attributes all --json | jq ".faces | length"',
  ],
  async run(given, context) {
    const attributes = given.text('attributes');
    const image = given.operands[0] ?? '';
    await refuseOther({ IMAGE: image }, this.name);
    const asked = { image, ...(attributes !== undefined && isAttributes(attributes) ? { attributes } : {}) };
    const read = await withClient(context, this.name, (client) => client.detectFaces(asked));
    if (given.has('json')) context.print(printableJson(JSON.stringify(read, null, 2)));
    else if (read.faces.length === 0) context.print('no face');
    else printFaces(read.faces, context);
    return read.faces.length > 0 ? 0 : 1;
  },
};

function isAttributes(text: string): text is 'default' | 'all' | 'none' {
  return text === 'default' || text === 'all' || text === 'none';
}

const firstBytes = 8;

// A slip of the hand must not send any file to somebody else.
async function refuseOther(files: Readonly<Record<string, string>>, command: string): Promise<void> {
  for (const [operand, path] of Object.entries(files)) {
    const begin = await readBegin(path).catch((error: unknown) => {
      const reason = (error as NodeJS.ErrnoException).code ?? 'unknown trouble';
      throw wrongUsage(`${operand}: ${printable(path)} cannot be read (${reason}).`, command);
    });
    if (typeOf(begin)[0] !== 'application/octet-stream') continue;
    throw wrongUsage(
      `${operand}: ${printable(path)} is neither a JPEG nor a PNG; nothing was sent.`,
      command,
    );
  }
}

async function readBegin(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(firstBytes), 0, firstBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function readThreshold(text: string | undefined, command: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d(\.\d{1,9})?$/.test(text) && value <= 1) return value;
  throw wrongUsage('--threshold must be a number from 0 to 1, such as 0.45.', command);
}

async function withClient<T>(
  { env }: Context,
  command: string,
  ask: (client: IliveClient) => Promise<T>,
): Promise<T> {
  const dialect = readDialect(env.ILIVE_DIALECT, command);
  const baseUrl = env.ILIVE_API_URL?.trim() || undefined;
  const client = build({
    apiKey: withSecretFiles(env, ['ILIVE_API_KEY']).ILIVE_API_KEY ?? '',
    dialect,
    ...(baseUrl === undefined ? {} : { baseUrl }),
  });
  try {
    return await ask(client);
  } catch (error) {
    throw error instanceof ApiError ? asTrouble(error) : error;
  }
}

function build(options: Parameters<typeof createClient>[0]): IliveClient {
  try {
    return createClient(options);
  } catch (error) {
    const advice = 'ILIVE_API_URL must be an http or https address without user and password.';
    throw new ServiceError('config_invalid', advice, { cause: error });
  }
}

function readDialect(text: string | undefined, command: string): DialectName {
  const word = text?.trim() || 'reference';
  const dialect = dialectNames.find((name) => name === word);
  if (dialect !== undefined) return dialect;
  throw wrongUsage(`ILIVE_DIALECT must be ${dialectNames.join(' or ')}.`, command);
}

function asTrouble(error: ApiError): ServiceError {
  const said = `${printable(error.message)}.`;
  if (error instanceof AuthenticationError) {
    const isMissing = error.code === 'missing_api_key';
    const usage = 'There is no key for iLive: set ILIVE_API_KEY to one of your account.';
    if (isMissing) return new ServiceError('config_invalid', usage, { cause: error });
    const advice = 'Check ILIVE_API_KEY, and that ILIVE_API_URL is where it belongs.';
    return new ServiceError('unauthorized', `${said} ${advice}`, { cause: error });
  }
  if (error instanceof VendorUnavailableError) {
    const advice = 'iLive may be down, or ILIVE_API_URL wrong; try again later.';
    return new ServiceError('unavailable', `${said} ${advice}`, { cause: error });
  }
  return new ServiceError('invalid_request', said, { cause: error });
}

function renderBox(box: Box | null): string | null {
  return box === null ? null : `${box.width} × ${box.height} at ${box.left}, ${box.top}`;
}

function printFaces(faces: readonly DetectedFace[], { print, paint }: Context): void {
  print(
    renderTable(
      [{ title: 'face', isNumber: true }, { title: 'confidence', isNumber: true }, 'where', 'attributes'],
      faces.map((face, index) => [
        String(index + 1),
        face.confidence?.toString() ?? null,
        renderBox(face.box),
        Object.entries(face.attributes)
          .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
          .join(', '),
      ]),
      paint,
    ),
  );
}
