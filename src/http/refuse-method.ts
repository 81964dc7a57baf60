// The answer to a method that a path does not take.
import type { Express, Request, Response } from 'express';
import { sendProblem } from './error-response.ts';

/** Mounts what answers GET and HEAD at a path; all else is refused there. */
export function mountGet(
  app: Express,
  path: string,
  show: (req: Request, res: Response) => void | Promise<void>,
): void {
  app.get(path, show);
  app.all(path, (req, res) => refuseMethod(req, res, 'GET, HEAD'));
}

/** Answers 405; `allow` lists the methods that the path takes. */
export function refuseMethod(req: Request, res: Response, allow: string): void {
  const detail = `${req.method} is not allowed here; allowed: ${allow}.`;
  sendProblem(req, res, { status: 405, code: 'method_not_allowed', detail, headers: { allow } });
}
