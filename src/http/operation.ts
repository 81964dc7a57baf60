// An operation: what a route asks for and what it answers, as schemas. The same schemas read the request, type the answer,
// are held against every answer in the tests, and make the OpenAPI document, so that the four cannot part.
import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { ErrorCode } from '../errors.ts';
import type { ApiDependencies } from './api.ts';
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
  const query = declared.query ?? ({} as Query);
  const headers = declared.headers ?? ({} as Headers);
  const { body, answers, errors = [] } = declared;
  return {
    path,
    query,
    headers,
    body,
    answers,
    errors,
    contentType: 'application/json',
    run: async (deps, req, res) => {
      const asked = {
        path: readPath(req, path),
        query: readQuery(req, query),
        headers: readHeaders(req, headers),
        body: (body === undefined ? undefined : await readJson(req, body)) as z.infer<Body>,
        req,
        res,
      };
      send(res, await declared.answer(deps, asked));
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

/** An answer as its operation gives it back. */
export function reply<Status extends number, Body>(status: Status, body: Body) {
  return { status, body };
}

function send(res: Response, { status, body }: { readonly status: unknown; readonly body: unknown }): void {
  res.status(Number(status));
  if (body === null) res.end();
  else res.json(body);
}
