// The answer to a method that a path does not take.
import type { Request, Response } from 'express';
import { sendProblem } from './error-response.ts';

/** Answers 405; `allow` lists the methods that the path takes. */
export function refuseMethod(req: Request, res: Response, allow: string): void {
  const detail = `${req.method} is not allowed here; allowed: ${allow}.`;
  sendProblem(req, res, { status: 405, code: 'method_not_allowed', detail, headers: { allow } });
}
