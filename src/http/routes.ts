// Every route under /v1: its method, its path, the role that it asks for, and who answers. The table in docs/api.md is
// written from it, and a test walks every line of it with every role.
import type { Express, Request, Response } from 'express';
import type { RoleName } from '../db/schema-operations.ts';
import type { ApiDependencies } from './api.ts';
import { showCompleteness } from './completeness.ts';
import { showDeliveries, showDelivery, showDeliveryBody } from './deliveries.ts';
import { createSession, registerKnownSession } from './expect-session.ts';
import { showComplianceAlerts, showFaceMatches } from './facts.ts';
import { requireRole } from './gate.ts';
import { admitOnPull, purgeRefusals, reverify } from './ops/admit-refusals.ts';
import { showAuditEntries, showAuditVerification } from './ops/audit.ts';
import { runDoctor } from './ops/doctor.ts';
import { createApiKey, revokeKey, showApiKeys } from './ops/keys.ts';
import { pause, resume } from './ops/pauses.ts';
import { showRefusal, showRefusalBody, showRefusals } from './ops/refusals.ts';
import {
  cancelReplay,
  createReplay,
  pauseReplay,
  resumeReplay,
  showReplay,
  showReplays,
} from './ops/replays.ts';
import { beginSecretRotation, finishSecretRotation, showSecrets, testSecret } from './ops/secrets.ts';
import { showStatus } from './ops/status.ts';
import { refuseMethod } from './refuse-method.ts';
import { showSession, showSessions } from './sessions.ts';

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  /** The least role that may use it. */
  readonly role: RoleName;
  readonly answer: (deps: ApiDependencies, req: Request, res: Response) => Promise<void>;
}

const get = (path: string, role: RoleName, answer: Route['answer']): Route => ({
  method: 'GET',
  path,
  role,
  answer,
});
const post = (path: string, role: RoleName, answer: Route['answer']): Route => ({
  method: 'POST',
  path,
  role,
  answer,
});
const put = (path: string, role: RoleName, answer: Route['answer']): Route => ({
  method: 'PUT',
  path,
  role,
  answer,
});

export const routes: readonly Route[] = [
  get('/v1/sessions', 'reader', showSessions),
  post('/v1/sessions', 'reader', createSession),
  get('/v1/sessions/:session_id', 'reader', showSession),
  put('/v1/sessions/:session_id', 'reader', registerKnownSession),
  get('/v1/completeness', 'reader', showCompleteness),
  get('/v1/face-matches', 'reader', showFaceMatches),
  get('/v1/compliance-alerts', 'reader', showComplianceAlerts),
  get('/v1/deliveries', 'reader', showDeliveries),
  get('/v1/deliveries/:delivery_id', 'reader', showDelivery),
  get('/v1/ops/status', 'operator', showStatus),
  post('/v1/ops/doctor', 'operator', runDoctor),
  post('/v1/ops/pause', 'operator', pause),
  post('/v1/ops/resume', 'operator', resume),
  get('/v1/ops/deliveries/:delivery_id/body', 'operator', showDeliveryBody),
  get('/v1/ops/replays', 'operator', showReplays),
  post('/v1/ops/replays', 'operator', createReplay),
  get('/v1/ops/replays/:replay_id', 'operator', showReplay),
  post('/v1/ops/replays/:replay_id/pause', 'operator', pauseReplay),
  post('/v1/ops/replays/:replay_id/resume', 'operator', resumeReplay),
  post('/v1/ops/replays/:replay_id/cancel', 'operator', cancelReplay),
  get('/v1/ops/refusals', 'operator', showRefusals),
  post('/v1/ops/refusals/reverify', 'operator', reverify),
  post('/v1/ops/refusals/admit', 'operator', admitOnPull),
  post('/v1/ops/refusals/purge', 'admin', purgeRefusals),
  get('/v1/ops/refusals/:refusal_id', 'operator', showRefusal),
  get('/v1/ops/refusals/:refusal_id/body', 'operator', showRefusalBody),
  get('/v1/ops/secrets', 'operator', showSecrets),
  post('/v1/ops/secrets/begin-rotation', 'admin', beginSecretRotation),
  post('/v1/ops/secrets/finish-rotation', 'admin', finishSecretRotation),
  post('/v1/ops/secrets/test', 'operator', testSecret),
  get('/v1/ops/audit', 'operator', showAuditEntries),
  get('/v1/ops/audit/verification', 'operator', showAuditVerification),
  get('/v1/ops/keys', 'admin', showApiKeys),
  post('/v1/ops/keys', 'admin', createApiKey),
  post('/v1/ops/keys/:key_id/revoke', 'admin', revokeKey),
];

/** Mounts all routes; a path that is asked with another method says which it takes. */
export function mountRoutes(app: Express, deps: ApiDependencies): void {
  for (const { method, path, role, answer } of routes) {
    const reply = (req: Request, res: Response) => {
      requireRole(req, role);
      return answer(deps, req, res);
    };
    app[method.toLowerCase() as 'get' | 'post' | 'put'](path, reply);
  }
  const byPath = Map.groupBy(routes, ({ path }) => path);
  for (const [path, sharing] of byPath) {
    const methods = sharing.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
    app.all(path, (req, res) => refuseMethod(req, res, methods.join(', ')));
  }
}
