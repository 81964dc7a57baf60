// All routes, in the order in which they are tried. The front door stands first with nothing before it, in the plain case
// not even Express. Health and metrics follow; everything under /v1 is behind the gate.
import type { RequestListener } from 'node:http';
import express, { type Express, type Request, type Response } from 'express';
import type { Registry } from 'prom-client';
import { ServiceError } from '../errors.ts';
import type { Log } from '../log.ts';
import { lookOnce } from '../seldom.ts';
import type { ApiDependencies } from './api.ts';
import { mountDocs } from './docs.ts';
import { problemOf, requestIdOf, sendProblem } from './error-response.ts';
import { createReadiness, type HealthDependencies, showHealth } from './health.ts';
import { type MannersDependencies, mountManners } from './manners.ts';
import { type ReceiveDependencies, receiveWebhook } from './receive-webhook.ts';
import { mountGet, refuseMethod } from './refuse-method.ts';
import { knownTraceIdOf } from './request-trace.ts';
import { setDefaultHeaders } from './response-headers.ts';
import { mountRoutes } from './routes.ts';
import { hasTimedOut } from './time-limit.ts';

const frontDoor = '/webhooks/ilive';
// Nothing in it that a path would encode.
const plainAccount = /^\/([\w-]+)$/;

export interface AppDependencies {
  /** Undefined for a process that takes no deliveries, a worker. */
  readonly receive: ReceiveDependencies | undefined;
  /** Undefined for a process that answers no questions, a worker. */
  readonly api: (ApiDependencies & { readonly manners: MannersDependencies }) | undefined;
  /** Whether what stands behind the gate is described in front of it. */
  readonly hasDocs: boolean;
  readonly health: HealthDependencies;
  readonly registry: Pick<Registry, 'contentType' | 'metrics'>;
  readonly log: Log;
}

/** Answers every request. */
export function createApp(deps: AppDependencies): RequestListener {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  if (deps.receive !== undefined) mountFrontDoor(app, deps.receive);
  app.use((req, res, next) => {
    res.setHeader('x-request-id', requestIdOf(req));
    setDefaultHeaders(res);
    next();
  });
  mountGet(app, '/healthz', showHealth);
  mountGet(app, '/readyz', createReadiness(deps.health));
  mountGet(app, '/metrics', createFigures(deps.registry));
  if (deps.api !== undefined) {
    if (deps.hasDocs) mountDocs(app, deps.api.about.version);
    mountManners(app, deps.api.keyRing, deps.api.manners);
    mountRoutes(app, deps.api);
  }
  app.use(() => {
    throw new ServiceError('not_found', 'There is nothing at this path.');
  });
  app.use((error: unknown, req: Request, res: Response, _next: unknown) => {
    // Whoever was at work when the time was over finds that the answer has left already.
    if (hasTimedOut(req) && (error as { code?: unknown } | null)?.code === 'ERR_HTTP_HEADERS_SENT') return;
    const marks = { requestId: requestIdOf(req), traceId: knownTraceIdOf(req) };
    sendProblem(req, res, problemOf(error, deps.log, marks));
  });
  return deps.receive === undefined ? app : createShortWay(deps.receive, app);
}

// Gathered once for all who ask meanwhile, and the same bytes for each: one connection may ask for it thousands of times, and read
// no answer.
function createFigures(
  registry: AppDependencies['registry'],
): (req: Request, res: Response) => Promise<void> {
  const gather = lookOnce(async () => Buffer.from(await registry.metrics()));
  return async (_req, res) => {
    const figures = await gather();
    res.type(registry.contentType).send(figures);
  };
}

// A webhook at an address as one writes it down goes to the front door straight away: finding its way through Express takes
// 10 µs of the 80 that receiving it takes. Every other spelling, with a query or a slash at its end, goes the long way.
function createShortWay(receive: ReceiveDependencies, others: RequestListener): RequestListener {
  const { defaultAccount } = receive;
  return (req, res) => {
    const account = req.method === 'POST' ? accountIn(req.url ?? '', defaultAccount) : undefined;
    if (account === undefined) others(req, res);
    else void receiveWebhook(receive, account, req, res);
  };
}

function accountIn(path: string, defaultAccount: string): string | undefined {
  if (path === frontDoor) return defaultAccount;
  return path.startsWith(frontDoor) ? plainAccount.exec(path.slice(frontDoor.length))?.[1] : undefined;
}

function mountFrontDoor(app: Express, receive: ReceiveDependencies): void {
  const paths = [frontDoor, `${frontDoor}/:account`];
  app.post(paths, (req, res) => {
    const { account } = req.params as { account?: string };
    return receiveWebhook(receive, account ?? receive.defaultAccount, req, res);
  });
  app.all(paths, (req, res) => refuseMethod(req, res, 'POST'));
}
