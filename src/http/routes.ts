// Every route under /v1: its method, its path, the role that it asks for, and who answers. The table in docs/api.md is
// written from it, and a test walks every line of it with every role.
import type { Express } from 'express';
import type { RoleName } from '../db/schema-operations.ts';
import { acknowledge, resolve, showAlert } from './alerts.ts';
import type { ApiDependencies } from './api.ts';
import { showChanges } from './changes.ts';
import { showCompleteness } from './completeness.ts';
import { showDeliveries, showDelivery, showDeliveryBody } from './deliveries.ts';
import { createSession, registerKnownSession } from './expect-session.ts';
import { showComplianceAlerts, showFaceMatches } from './facts.ts';
import { requireRole } from './gate.ts';
import { showSessionsById } from './lookup-sessions.ts';
import { nameOperation } from './openapi-names.ts';
import type { Operation } from './operation.ts';
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
import { streamChanges } from './stream.ts';
import { showSubject } from './subjects.ts';
import { showVerdict } from './verdict.ts';

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  /** The least role that may use it. */
  readonly role: RoleName;
  readonly operation: Operation;
  /** What it answers or does, for the table and the OpenAPI document. */
  readonly summary: string;
  /** Its name in the OpenAPI document, where the one made from method and path will not do. */
  readonly name?: string;
}

const route =
  (method: Route['method']) =>
  (path: string, role: RoleName, operation: Operation, summary: string, name?: string): Route => ({
    method,
    path,
    role,
    operation,
    summary,
    ...(name === undefined ? {} : { name }),
  });
const [get, post, put] = [route('GET'), route('POST'), route('PUT')];

export const routes: readonly Route[] = [
  get('/v1/sessions', 'reader', showSessions, 'a page of sessions, newest first'),
  post('/v1/sessions', 'reader', createSession, 'creates a session at iLive and expects its verdict'),
  post('/v1/sessions/lookup', 'reader', showSessionsById, 'the sessions with these ids, at most 500'),
  get('/v1/sessions/:session_id', 'reader', showSession, 'one session with all that was said about it'),
  put(
    '/v1/sessions/:session_id',
    'reader',
    registerKnownSession,
    'expects the verdict of a session that was created elsewhere',
    'registerSession',
  ),
  get(
    '/v1/sessions/:session_id/verdict',
    'reader',
    showVerdict,
    'the verdict, or with wait the moment it is there',
  ),
  get('/v1/changes', 'reader', showChanges, 'what has changed, once each and in order, from a cursor on'),
  get('/v1/stream', 'reader', streamChanges, 'the same as server-sent events'),
  get('/v1/completeness', 'reader', showCompleteness, 'how the expected sessions have ended'),
  get('/v1/face-matches', 'reader', showFaceMatches, 'a page of face matches, newest first'),
  get('/v1/compliance-alerts', 'reader', showComplianceAlerts, 'a page of compliance alerts, newest first'),
  get('/v1/compliance-alerts/:alert_id', 'reader', showAlert, 'one compliance alert'),
  post(
    '/v1/compliance-alerts/:alert_id/acknowledge',
    'operator',
    acknowledge,
    'notes that somebody here has seen an alert',
  ),
  post('/v1/compliance-alerts/:alert_id/resolve', 'operator', resolve, 'notes that an alert is dealt with'),
  get(
    '/v1/subjects/:reference_id',
    'reader',
    showSubject,
    'all that is known of one person, and whether they are verified',
  ),
  get('/v1/deliveries', 'reader', showDeliveries, 'a page of deliveries, newest first'),
  get('/v1/deliveries/:delivery_id', 'reader', showDelivery, 'what became of one delivery'),
  get('/v1/ops/status', 'operator', showStatus, 'one look at everything, and what of it is wrong'),
  post(
    '/v1/ops/doctor',
    'operator',
    runDoctor,
    'checks configuration and surroundings, and sends a probe',
    'runDoctor',
  ),
  post('/v1/ops/pause', 'operator', pause, 'stops processing or pulling for now'),
  post('/v1/ops/resume', 'operator', resume, 'lets it go on'),
  get(
    '/v1/ops/deliveries/:delivery_id/body',
    'operator',
    showDeliveryBody,
    'a delivery with its headers and bytes',
  ),
  get('/v1/ops/replays', 'operator', showReplays, 'a page of replays, newest first'),
  post(
    '/v1/ops/replays',
    'operator',
    createReplay,
    'has stored deliveries processed again, or shows what that would change',
  ),
  get('/v1/ops/replays/:replay_id', 'operator', showReplay, 'how far one replay is'),
  post('/v1/ops/replays/:replay_id/pause', 'operator', pauseReplay, 'pauses a replay'),
  post('/v1/ops/replays/:replay_id/resume', 'operator', resumeReplay, 'has it go on'),
  post('/v1/ops/replays/:replay_id/cancel', 'operator', cancelReplay, 'ends it for good'),
  get('/v1/ops/refusals', 'operator', showRefusals, 'a page of refused requests, newest first'),
  post('/v1/ops/refusals/reverify', 'operator', reverify, 'admits those whose signature matches now'),
  post('/v1/ops/refusals/admit', 'operator', admitOnPull, "admits those that iLive's answer agrees with"),
  post('/v1/ops/refusals/purge', 'admin', purgeRefusals, 'removes refused requests'),
  get('/v1/ops/refusals/:refusal_id', 'operator', showRefusal, 'one refused request, diagnosed anew'),
  get(
    '/v1/ops/refusals/:refusal_id/body',
    'operator',
    showRefusalBody,
    'a refused request with its headers and bytes',
  ),
  get('/v1/ops/secrets', 'operator', showSecrets, 'the signing secrets by name, and when each last matched'),
  post(
    '/v1/ops/secrets/begin-rotation',
    'admin',
    beginSecretRotation,
    'puts a new signing secret beside the old ones, or with `reinstate` one back that was retired',
    'beginSecretRotation',
  ),
  post(
    '/v1/ops/secrets/finish-rotation',
    'admin',
    finishSecretRotation,
    'retires the old ones, once they are quiet',
    'finishSecretRotation',
  ),
  post(
    '/v1/ops/secrets/test',
    'operator',
    testSecret,
    'sends a signed probe through the front door',
    'testSecret',
  ),
  get('/v1/ops/audit', 'operator', showAuditEntries, 'a page of the audit, newest first', 'listAuditEntries'),
  get('/v1/ops/audit/verification', 'operator', showAuditVerification, 'whether the audit is whole'),
  get('/v1/ops/keys', 'admin', showApiKeys, 'a page of API keys, newest first'),
  post('/v1/ops/keys', 'admin', createApiKey, 'makes an API key, which is in this answer alone'),
  post('/v1/ops/keys/:key_id/revoke', 'admin', revokeKey, 'revokes an API key'),
];

/** Mounts all routes; a path that is asked with another method says which it takes. */
export function mountRoutes(app: Express, deps: ApiDependencies): void {
  for (const { method, path, role, operation, name = nameOperation(method, path) } of routes) {
    const isStream = operation.contentType === 'text/event-stream';
    app[method.toLowerCase() as 'get' | 'post' | 'put'](path, (req, res) => {
      const startedAt = performance.now();
      res.once('finish', () => {
        const seconds = (performance.now() - startedAt) / 1000;
        deps.onAnswered(name, res.statusCode, isStream ? undefined : seconds);
      });
      requireRole(req, role);
      return operation.run(deps, req, res);
    });
  }
  const byPath = Map.groupBy(routes, ({ path }) => path);
  for (const [path, sharing] of byPath) {
    const methods = sharing.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
    app.all(path, (req, res) => refuseMethod(req, res, methods.join(', ')));
  }
}
