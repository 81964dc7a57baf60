// An operation: what a route asks for and what it answers, as schemas. The same schemas read the request, type the answer,
// are held against every answer in the tests, and make the OpenAPI document, so that the four cannot part.
import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { ErrorCode } from '../errors.ts';
import type { ApiDependencies } from './api.ts';
import { fieldNamesOf, fieldsParameter, narrow } from './fields.ts';
import { readHeaders, readPath, readQuery } from './query.ts';
import { readJson } from './read-json.ts';

/** A schema for each status that is no error; null where the answer has no body. */
export type Answers = Readonly<Record<number, z.ZodType | null>>;

/** One of the answers: its status, and a body that its schema takes. */
export type Reply<A extends Answers> = {
  [Status in keyof A]: {
    readonly status: Status;
    readonly body: A[Status] extends z.ZodType ? z.input<A[Status]> : null;
  };
}[keyof A];

export interface Asked<Path, Query, Headers, Body> {
  readonly path: Path;
  readonly query: Query;
  readonly headers: Headers;
  readonly body: Body;
  readonly req: Request;
  readonly res: Response;
}

interface Declared<
  Path extends z.ZodRawShape,
  Query extends z.ZodRawShape,
  Headers extends z.ZodRawShape,
  Body extends z.ZodType,
  A extends Answers,
> {
  readonly path?: Path;
  readonly query?: Query;
  /** Named in lower case. */
  readonly headers?: Headers;
  /** Of a JSON body. */
  readonly body?: Body;
  /** Whether `?fields=` narrows the answer of status 200. */
  readonly fields?: boolean;
  /** Whether the answer of status 200 has an ETag, and is a 304 without body for a caller that has it already. */
  readonly etag?: boolean;
  readonly answers: A;
  /** Errors that it answers beside those that every operation may. */
  readonly errors?: readonly ErrorCode[];
  readonly answer: (
    deps: ApiDependencies,
    asked: Asked<
      z.infer<z.ZodObject<Path>>,
      z.infer<z.ZodObject<Query>>,
      z.infer<z.ZodObject<Headers>>,
      z.infer<Body>
    >,
  ) => Promise<Reply<A>>;
}

/** What is known of an operation once its own types do not matter any more. */
export interface Operation {
  readonly path: z.ZodRawShape;
  readonly query: z.ZodRawShape;
  readonly headers: z.ZodRawShape;
  readonly body: z.ZodType | undefined;
  readonly answers: Answers;
  readonly errors: readonly ErrorCode[];
  /** Of its answers. */
  readonly contentType: string;
  /** Reads the request and answers it. Throws `invalid_request` naming all that is wrong with one part of it. */
  readonly run: (deps: ApiDependencies, req: Request, res: Response) => Promise<void>;
}

export function operation<
  Path extends z.ZodRawShape,
  Query extends z.ZodRawShape,
  Headers extends z.ZodRawShape,
  Body extends z.ZodType,
  const A extends Answers,
>(declared: Declared<Path, Query, Headers, Body, A>): Operation {
  const path = declared.path ?? ({} as Path);
  const { body, answers, errors = [] } = declared;
  const whole = declared.fields === true ? wholeAnswerOf(answers) : undefined;
  const narrowing = whole === undefined ? {} : { fields: fieldsParameter(fieldNamesOf(whole)) };
  const query = { ...(declared.query ?? ({} as Query)), ...narrowing };
  const headers = { ...(declared.headers ?? ({} as Headers)), ...(declared.etag ? conditions : {}) };
  return {
    path,
    query,
    headers,
    body,
    answers: declared.etag ? { ...answers, 304: null } : answers,
    errors,
    contentType: 'application/json',
    run: async (deps, req, res) => {
      const { fields, ...asked } = readQuery(req, query) as z.infer<z.ZodObject<Query>> & Narrowing;
      const answer = await declared.answer(deps, {
        path: readPath(req, path),
        query: asked as z.infer<z.ZodObject<Query>>,
        headers: readHeaders(req, headers) as z.infer<z.ZodObject<Headers>>,
        body: (body === undefined ? undefined : await readJson(req, body)) as z.infer<Body>,
        req,
        res,
      });
      const isNarrowed = whole !== undefined && fields !== undefined && Number(answer.status) === 200;
      const shown = isNarrowed ? narrow(whole, answer.body, fields) : answer.body;
      if (declared.etag === true && Number(answer.status) === 200) sendTagged(req, res, shown);
      else send(res, Number(answer.status), shown);
    },
  };
}

interface DeclaredStream<
  Path extends z.ZodRawShape,
  Query extends z.ZodRawShape,
  Headers extends z.ZodRawShape,
> {
  readonly path?: Path;
  readonly query?: Query;
  readonly headers?: Headers;
  /** One event's data. */
  readonly event: z.ZodType;
  readonly errors?: readonly ErrorCode[];
  /** Answers by itself, with 200 and `text/event-stream`; what it throws before the first byte becomes a problem. */
  readonly stream: (
    deps: ApiDependencies,
    asked: Asked<
      z.infer<z.ZodObject<Path>>,
      z.infer<z.ZodObject<Query>>,
      z.infer<z.ZodObject<Headers>>,
      undefined
    >,
  ) => Promise<void>;
}

/** An operation that answers with server-sent events, for as long as its caller listens. */
export function streamOperation<
  Path extends z.ZodRawShape,
  Query extends z.ZodRawShape,
  Headers extends z.ZodRawShape,
>(declared: DeclaredStream<Path, Query, Headers>): Operation {
  const path = declared.path ?? ({} as Path);
  const query = declared.query ?? ({} as Query);
  const headers = declared.headers ?? ({} as Headers);
  return {
    path,
    query,
    headers,
    body: undefined,
    answers: { 200: declared.event },
    errors: declared.errors ?? [],
    contentType: 'text/event-stream',
    run: async (deps, req, res) =>
      declared.stream(deps, {
        path: readPath(req, path),
        query: readQuery(req, query),
        headers: readHeaders(req, headers),
        body: undefined,
        req,
        res,
      }),
  };
}

interface Narrowing {
  readonly fields?: readonly string[];
}

const conditions = {
  'if-none-match': z.string().optional().describe('The ETag of the answer that the caller has.'),
};

function wholeAnswerOf(answers: Answers): z.ZodType {
  const whole = answers[200];
  if (whole === null || whole === undefined) throw new Error('only an answer with a body has fields');
  return whole;
}

/** An answer as its operation gives it back. */
export function reply<Status extends number, Body>(status: Status, body: Body) {
  return { status, body };
}

function send(res: Response, status: number, body: unknown): void {
  res.status(status);
  if (body === null) res.end();
  else res.json(body);
}

// What a caller keeps it must ask about each time before it uses it, and nobody between may keep it. Express would send the
// body again to a caller that says `Cache-Control: no-cache`, as every `fetch` with an If-None-Match does.
function sendTagged(req: Request, res: Response, body: unknown): void {
  const text = JSON.stringify(body);
  const tag = `"${createHash('sha256').update(text).digest('base64url')}"`;
  // Weak: the same answer, whether or not it is compressed on its way.
  res.setHeader('etag', `W/${tag}`);
  res.setHeader('cache-control', 'private, no-cache');
  if (knows(req.headers['if-none-match'], tag)) res.status(304).end();
  else res.status(200).type('json').send(text);
}

function knows(given: string | undefined, tag: string): boolean {
  const tags: readonly string[] = given?.match(/"[^"]*"/g) ?? [];
  return given?.trim() === '*' || tags.includes(tag);
}
