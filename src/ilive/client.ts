// A typed client of iLive's REST API, in both of its descriptions. It paces itself within the rate limits, tries again
// where that is safe, stops asking a vendor that is down, and tells each kind of trouble as an error of its own
// (`errors.ts`). It keeps no state but that. It must never show an API key or a session token: not in an error, not in
// what `onCall` is told, and it logs nothing itself.
import { type CallOptions, createSender, type SenderOptions, type Success } from './call-sender.ts';
import { type DialectName, dialects, type SessionAccess, type SessionInput } from './dialects.ts';
import { ResponseError } from './errors.ts';
import { type ImageSource, readImage } from './images.ts';
import { type ResultReading, readResult, unreadable } from './results.ts';
import { type FaceComparison, type FaceDetection, readComparison, readDetection } from './results-faces.ts';
import { type CreatedSession, readCreatedSession } from './results-session.ts';

export interface ClientOptions extends SenderOptions {
  /** Default: reference. */
  readonly dialect?: DialectName;
}

export type { CallOptions } from './call-sender.ts';

export interface SessionResult extends ResultReading {
  /** The answer as it came. */
  readonly body: Buffer;
}

export interface Photo {
  readonly contentType: string;
  readonly bytes: Buffer;
}

export interface IliveClient {
  createSession(input: SessionInput, options?: CallOptions): Promise<CreatedSession>;
  /** The managed dialect needs the token. */
  fetchResult(session: SessionAccess, options?: CallOptions): Promise<SessionResult>;
  /** Only the managed dialect has it. */
  fetchPhoto(session: Required<SessionAccess>, options?: CallOptions): Promise<Photo>;
  compareFaces(
    input: { readonly reference: ImageSource; readonly probe: ImageSource; readonly threshold?: number },
    options?: CallOptions,
  ): Promise<FaceComparison>;
  detectFaces(
    input: { readonly image: ImageSource; readonly attributes?: 'default' | 'all' | 'none' },
    options?: CallOptions,
  ): Promise<FaceDetection>;
}

const photoLimitBytes = 8 * 2 ** 20;

/** Builds a client. What its calls throw is one of the errors of `errors.ts`, or was thrown by a function of these options. */
export function createClient(client: ClientOptions): IliveClient {
  const dialect = dialects[client.dialect ?? 'reference'];
  const send = createSender(client);
  return {
    async createSession(input, options = {}) {
      const answer = await send('createSession', dialect.createSession(input), options);
      return readAs('createSession', answer, () => readCreatedSession(answer.body));
    },
    async fetchResult(session, options = {}) {
      const answer = await send('fetchResult', dialect.fetchResult(session), options);
      return readAs('fetchResult', answer, () => {
        const result = readResult(answer.body, session.sessionId);
        return { ...result, body: answer.body };
      });
    },
    async fetchPhoto(session, options = {}) {
      const sending = { ...options, maxAnswerBytes: photoLimitBytes };
      const answer = await send('fetchPhoto', dialect.fetchPhoto(session), sending);
      const contentType = answer.headers.get('content-type') ?? '';
      return readAs('fetchPhoto', answer, () => {
        const isImage = /^(image\/|application\/octet-stream)/i.test(contentType);
        if (!isImage || answer.body.length === 0) throw unreadable('it is no image');
        return { contentType, bytes: answer.body };
      });
    },
    async compareFaces({ reference, probe, threshold }, options = {}) {
      const images = await Promise.all([
        readImage('reference', reference, options.signal),
        readImage('probe', probe, options.signal),
      ]);
      const plan = dialect.compareFaces({ reference: images[0], probe: images[1], threshold });
      const answer = await send('compareFaces', plan, options);
      return readAs('compareFaces', answer, () => readComparison(answer.body, threshold));
    },
    async detectFaces({ image, attributes }, options = {}) {
      const plan = dialect.detectFaces({
        image: await readImage('image', image, options.signal),
        attributes,
      });
      const answer = await send('detectFaces', plan, options);
      return readAs('detectFaces', answer, () => readDetection(answer.body));
    },
  };
}

function readAs<T>(operation: string, { status, requestId }: Success, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error;
    const { message, code } = error;
    throw new ResponseError(`${operation} failed: ${message}`, { status, code, requestId });
  }
}
