// The gate in front of everything under /v1. It stands before the routes and not in them, so that no route can forget it.
import type { NextFunction, Request, Response } from 'express';
import { ServiceError } from '../errors.ts';
import type { Secret } from '../secret.ts';

/** Lets a request through whose bearer key is one of `keys`; compares with each, in constant time. */
export function createGate(keys: readonly Secret[]) {
  return (req: Request, _res: Response, next: NextFunction): void => {
    const given = /^Bearer +(\S+) *$/i.exec(req.headers.authorization ?? '')?.[1];
    if (given === undefined) {
      throw new ServiceError('unauthorized', 'Send an API key: "Authorization: Bearer <key>".');
    }
    const matches = keys.filter((key) => key.isEqualTo(given));
    if (matches.length === 0) throw new ServiceError('unauthorized', 'This API key is not known here.');
    next();
  };
}
