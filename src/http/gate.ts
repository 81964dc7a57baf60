// The gate in front of everything under /v1. It stands before the routes and not in them, so that no route can forget it;
// what a role may do stands in the table of routes, and a route without a role cannot be written.
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { type RoleName, roleNames } from '../db/schema-operations.ts';
import { ServiceError } from '../errors.ts';
import type { Actor } from '../operations/action.ts';
import { type Identity, isWholeKey, type KeyRing, keyPrefix } from '../operations/api-keys.ts';

const identities = new WeakMap<Request, Identity>();
const keys = new WeakMap<Request, string>();

/**
 * Lets a request through whose bearer key is known, and remembers whose it is. One with an unknown key goes through
 * `limitUnknown`, so that only those who guess are slowed down, and nobody behind the same address.
 */
export function createGate(keyRing: Pick<KeyRing, 'identify'>, limitUnknown: RequestHandler) {
  return (req: Request, res: Response, next: NextFunction): void => {
    const given = /^Bearer +(\S+) *$/i.exec(req.headers.authorization ?? '')?.[1];
    if (given === undefined) {
      throw new ServiceError('unauthorized', 'Send an API key: "Authorization: Bearer <key>".');
    }
    const identity = keyRing.identify(given);
    if (identity !== undefined) {
      identities.set(req, identity);
      keys.set(req, given);
      next();
      return;
    }
    const refusal = new ServiceError('unauthorized', explain(given));
    void limitUnknown(req, res, (limited?: unknown) => next(limited ?? refusal));
  };
}

/** Throws `forbidden` for a key whose role does not reach as far as `role`. */
export function requireRole(req: Request, role: RoleName): void {
  const identity = identityOf(req);
  if (roleNames.indexOf(identity.role) >= roleNames.indexOf(role)) return;
  throw new ServiceError(
    'forbidden',
    `This needs a key of role ${role}; this one's role is ${identity.role}.`,
  );
}

/** Whether the key of a request that takes long has not been revoked and has not expired meanwhile. */
export function isStillKnown(keyRing: Pick<KeyRing, 'identify'>, req: Request): boolean {
  const key = keys.get(req);
  return key !== undefined && keyRing.identify(key) !== undefined;
}

/** Throws `unauthorized` for a request that has waited and whose key has ended meanwhile. */
export function requireStillKnown(keyRing: Pick<KeyRing, 'identify'>, req: Request): void {
  if (isStillKnown(keyRing, req)) return;
  throw new ServiceError('unauthorized', explain(keys.get(req) ?? ''));
}

/** Who sent this request; only for one that came through the gate. */
export function actorOf(req: Request): Actor {
  const { id, name, role } = identityOf(req);
  return { name, keyId: id, role, address: req.socket.remoteAddress ?? 'unknown' };
}

/** Whose key a request came with; only for one that came through the gate. */
export function identityOf(req: Request): Identity {
  const identity = identities.get(req);
  if (identity === undefined) throw new Error('a route under /v1 was reached without the gate');
  return identity;
}

function explain(given: string): string {
  if (given.startsWith(keyPrefix) && !isWholeKey(given)) {
    return 'This API key is not whole: a character is missing or wrong.';
  }
  return 'This API key is not known here, or it is revoked or expired.';
}
