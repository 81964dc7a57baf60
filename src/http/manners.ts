// What every request under /v1 passes before its route, in this order: its trace, pages of other origins, compression, the
// time limit, the gate, and the key's rate. The order matters: whoever is refused further on is still told so in a form
// that a page can read, and only those whose key is known spend of its rate.
import type { Express } from 'express';
import type { Log } from '../log.ts';
import type { KeyRing } from '../operations/api-keys.ts';
import { writeTrace } from '../trace-context.ts';
import { createCompression } from './compress.ts';
import { createCrossOrigin } from './cross-origin.ts';
import { createGate } from './gate.ts';
import { createKeyLimit, createUnknownKeyLimit, type LimitName } from './rate-limit.ts';
import { traceOf } from './request-trace.ts';
import { createTimeLimit, type TimeLimits } from './time-limit.ts';

export interface MannersDependencies extends TimeLimits {
  /** Requests that one key may make a minute; 0 for no limit. */
  readonly ratePerMinute: number;
  /** Requests with unknown keys that one address may make a minute; 0 for no limit. */
  readonly unknownKeysPerMinute: number;
  /** Origins whose pages may call; none for no page at all. */
  readonly corsOrigins: readonly string[];
  readonly onLimited: (name: LimitName) => void;
  readonly log: Log;
}

export function mountManners(
  app: Express,
  keyRing: Pick<KeyRing, 'identify'>,
  manners: MannersDependencies,
): void {
  const { ratePerMinute, unknownKeysPerMinute, corsOrigins, onLimited, log } = manners;
  app.use('/v1', (req, res, next) => {
    res.setHeader('traceresponse', writeTrace(traceOf(req)));
    next();
  });
  if (corsOrigins.length > 0) app.use('/v1', createCrossOrigin(corsOrigins));
  app.use('/v1', createCompression());
  app.use('/v1', createTimeLimit(manners, log));
  app.use('/v1', createGate(keyRing, createUnknownKeyLimit(unknownKeysPerMinute, onLimited)));
  app.use('/v1', createKeyLimit(ratePerMinute, onLimited));
}
