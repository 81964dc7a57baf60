// Answers one request to the pretend API, in the order in which the vendor would look at it: is there such a route, who
// asks, may they still ask, and then the operation. It knows no sockets; `api-server` does.
import type { IncomingHttpHeaders } from 'node:http';
import { refuse, refuseRoute, type VendorAnswer, type VendorErrorCode } from './api-errors.ts';
import { compareFaces, detectFaces } from './api-faces.ts';
import { createLimiter, type Limiter, type LimitRules } from './api-limits.ts';
import {
  type CreateRules,
  createSession,
  refuseToken,
  type SessionRequest,
  showPhoto,
  showResult,
} from './api-liveness.ts';
import { type Dialect, findRoute, type Route } from './api-routes.ts';
import { acceptsToken, type VendorSession } from './api-sessions.ts';

export interface VendorKey {
  /** What the log calls it. */
  readonly name: string;
  readonly key: string;
  /** Every call of an inactive account is refused with 403. */
  readonly isActive?: boolean;
  /** A legacy key: webhooks of its sessions are not signed. */
  readonly isLegacy?: boolean;
  /** Where they are not those of the API. */
  readonly limits?: Partial<LimitRules>;
}

export interface DeskRules {
  readonly served: readonly Dialect[];
  readonly keys: readonly VendorKey[];
  readonly limits: LimitRules;
  readonly create: CreateRules;
  /** How a wrong, missing or dead session token is refused. */
  readonly tokenRefusal: 401 | 404;
  readonly expiredAs: 'status' | 'not_found';
  readonly sessions: Map<string, VendorSession>;
  readonly onCreated: (session: VendorSession) => void;
}

export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly requestId: string;
  readonly nowMs: number;
  readonly readBody: () => Promise<Buffer | undefined>;
}

export interface Answered {
  readonly answer: VendorAnswer;
  readonly route: Route | null;
  readonly caller: string | null;
  readonly limitHeaders: Readonly<Record<string, string>>;
}

export interface Desk {
  routeOf(asked: Pick<Asked, 'method' | 'url'>): Route | null;
  answer(asked: Asked): Promise<Answered>;
}

// Who asks: the key whose budget is used up, or why nobody may.
type Caller =
  | { readonly key: VendorKey; readonly name: string }
  | { readonly key?: undefined; readonly refusal: VendorAnswer };

export function createDesk(rules: DeskRules): Desk {
  const limiters = new Map<string, Limiter>();
  const limiterOf = (key: VendorKey): Limiter => {
    const known = limiters.get(key.key) ?? createLimiter({ ...rules.limits, ...key.limits });
    limiters.set(key.key, known);
    return known;
  };
  const nobodys = createLimiter(rules.limits);
  const answer = async (asked: Asked): Promise<Answered> => {
    const route = findRoute(asked.method, asked.url.pathname, rules.served);
    if (typeof route === 'number') {
      const { headers: limitHeaders } = nobodys.look(asked.nowMs);
      return { answer: refuseRoute(route), route: null, caller: null, limitHeaders };
    }
    const caller = findCaller(asked, route, rules);
    if (caller.key === undefined) {
      const { headers: limitHeaders } = nobodys.look(asked.nowMs);
      return { answer: caller.refusal, route, caller: null, limitHeaders };
    }
    const taken = limiterOf(caller.key).take(asked.nowMs);
    const request = { dialect: route.dialect, requestId: asked.requestId, nowMs: asked.nowMs };
    const said = taken.isAllowed
      ? await operate(asked, route, caller.key, rules)
      : refuse('rate_limited', request);
    return { answer: said, route, caller: caller.name, limitHeaders: taken.headers };
  };
  return {
    routeOf: ({ method, url }) => {
      const route = findRoute(method, url.pathname, rules.served);
      return typeof route === 'number' ? null : route;
    },
    answer,
  };
}

function findCaller(asked: Asked, route: Route, rules: DeskRules): Caller {
  const request: SessionRequest = {
    dialect: route.dialect,
    requestId: asked.requestId,
    nowMs: asked.nowMs,
  };
  const no = (code: VendorErrorCode): Caller => ({ refusal: refuse(code, request) });
  const session = route.sessionId === null ? undefined : rules.sessions.get(route.sessionId);
  const bearer = /^Bearer +(\S+)$/i.exec(asked.headers.authorization ?? '')?.[1];
  if (route.sessionId !== null && route.dialect === 'managed') {
    if (session === undefined) return no('session_not_found');
    const refusal = refuseToken(session, asked.url.searchParams.get('token'), request, rules.tokenRefusal);
    if (refusal !== undefined) return { refusal };
    const key = rules.keys.find(({ name }) => name === session.caller);
    return key === undefined ? no('invalid_token') : activeOnly(key, `token of ${key.name}`, no);
  }
  if (bearer === undefined) return no('missing_api_key');
  const key = rules.keys.find((each) => each.key === bearer);
  if (key !== undefined) return activeOnly(key, key.name, no);
  const owner = rules.keys.find(({ name }) => name === session?.caller);
  const isToken = session !== undefined && acceptsToken(session, bearer, asked.nowMs);
  return owner !== undefined && isToken
    ? activeOnly(owner, `token of ${owner.name}`, no)
    : no('invalid_api_key');
}

function activeOnly(key: VendorKey, name: string, no: (code: VendorErrorCode) => Caller): Caller {
  return key.isActive === false ? no('account_inactive') : { key, name };
}

async function operate(asked: Asked, route: Route, key: VendorKey, rules: DeskRules): Promise<VendorAnswer> {
  const request = { dialect: route.dialect, requestId: asked.requestId, nowMs: asked.nowMs };
  const session = rules.sessions.get(route.sessionId ?? '');
  const isTheirs = session?.caller === key.name && session.dialect === route.dialect;
  switch (route.operation) {
    case 'create':
    case 'compare':
    case 'detect': {
      const body = await asked.readBody();
      if (body === undefined) return refuse('image_too_large', request);
      const contentType = asked.headers['content-type'];
      if (route.operation === 'compare') return compareFaces({ ...request, body, contentType });
      if (route.operation === 'detect') return detectFaces({ ...request, body, contentType });
      const created = createSession(request, key.name, body, rules.create);
      if (created.session !== undefined) {
        rules.sessions.set(created.session.sessionId, created.session);
        rules.onCreated(created.session);
      }
      return created.answer;
    }
    case 'result':
      return isTheirs ? showResult(session, request, rules.expiredAs) : refuse('session_not_found', request);
    case 'photo':
      return isTheirs ? showPhoto(session, request) : refuse('session_not_found', request);
  }
}
