// All routes, in the order in which they are tried. The front door stands first with nothing before it: no body parser, no
// logger, no session. Health and metrics follow; everything under /v1 is behind the gate.
import express, { type Express, type Request, type Response } from 'express';
import type { Registry } from 'prom-client';
import type { Database } from '../db/connect.ts';
import { ServiceError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Secret } from '../secret.ts';
import { showCompleteness } from './completeness.ts';
import { showDeliveries, showDelivery } from './deliveries.ts';
import { problemOf, requestIdOf, sendProblem } from './error-response.ts';
import { createSession, type ExpectDependencies, registerKnownSession } from './expect-session.ts';
import { showComplianceAlerts, showFaceMatches } from './facts.ts';
import { createGate } from './gate.ts';
import { type HealthDependencies, showHealth, showReadiness } from './health.ts';
import { type ReceiveDependencies, receiveWebhook } from './receive-webhook.ts';
import { showSession, showSessions } from './sessions.ts';

export interface AppDependencies {
  /** Undefined for a process that takes no deliveries and answers no questions, a worker. */
  readonly receive: ReceiveDependencies | undefined;
  readonly db: Database;
  readonly expect: ExpectDependencies;
  readonly apiKeys: readonly Secret[];
  readonly health: HealthDependencies;
  readonly registry: Registry;
  readonly log: Log;
}

export function createApp(deps: AppDependencies): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  if (deps.receive !== undefined) mountFrontDoor(app, deps.receive);
  app.use((req, res, next) => {
    res.setHeader('x-request-id', requestIdOf(req));
    // A response that a client must not keep or reinterpret, whatever it holds.
    res.setHeader('cache-control', 'no-store');
    res.setHeader('x-content-type-options', 'nosniff');
    if (deps.health.isStopping()) res.setHeader('connection', 'close');
    next();
  });
  mount(app, '/healthz', showHealth);
  mount(app, '/readyz', (_req, res) => showReadiness(deps.health, res));
  mount(app, '/metrics', async (_req, res) => {
    res.type(deps.registry.contentType).send(await deps.registry.metrics());
  });
  if (deps.receive !== undefined) mountApi(app, deps);
  app.use(() => {
    throw new ServiceError('not_found', 'There is nothing at this path.');
  });
  app.use((error: unknown, req: Request, res: Response, _next: unknown) => {
    sendProblem(req, res, problemOf(error, deps.log, requestIdOf(req)));
  });
  return app;
}

function mountFrontDoor(app: Express, receive: ReceiveDependencies): void {
  const paths = ['/webhooks/ilive', '/webhooks/ilive/:account'];
  app.post(paths, (req, res) => {
    const { account } = req.params as { account?: string };
    return receiveWebhook(receive, account ?? receive.defaultAccount, req, res);
  });
  app.all(paths, (req, res) => refuseMethod(req, res, 'POST'));
}

function mountApi(app: Express, { db, apiKeys, expect }: AppDependencies): void {
  app.use('/v1', createGate(apiKeys));
  app.post('/v1/sessions', (req, res) => createSession(expect, req, res));
  mount(app, '/v1/sessions', (req, res) => showSessions(db, req, res), ['POST']);
  app.put('/v1/sessions/:session_id', (req, res) => registerKnownSession(expect, req, res));
  mount(app, '/v1/sessions/:session_id', (req, res) => showSession(db, req, res), ['PUT']);
  mount(app, '/v1/completeness', (req, res) => showCompleteness(db, req, res, expect.now));
  mount(app, '/v1/face-matches', (req, res) => showFaceMatches(db, req, res));
  mount(app, '/v1/compliance-alerts', (req, res) => showComplianceAlerts(db, req, res));
  mount(app, '/v1/deliveries', (req, res) => showDeliveries(db, req, res));
  mount(app, '/v1/deliveries/:delivery_id', (req, res) => showDelivery(db, req, res));
}

function mount(
  app: Express,
  path: string,
  show: (req: Request, res: Response) => void | Promise<void>,
  others: readonly string[] = [],
): void {
  app.get(path, show);
  app.all(path, (req, res) => refuseMethod(req, res, ['GET', 'HEAD', ...others].join(', ')));
}

function refuseMethod(req: Request, res: Response, allow: string): void {
  const detail = `${req.method} is not allowed here; allowed: ${allow}.`;
  sendProblem(req, res, { status: 405, code: 'method_not_allowed', detail, headers: { allow } });
}
