// The keys of the environment that bear on the API that internal services live on.
import { z } from 'zod';
import { key, wholeNumber } from './config-schemas.ts';

export const apiKeys = {
  API_DOCS: key(
    z.enum(['on', 'off'], 'must be on or off'),
    'on',
    'Whether the API is described at /openapi.json and /docs, without a key; off where not even its form should be seen.',
  ),
  WAIT_MAX_SECONDS: key(
    wholeNumber(1, 3_600),
    '60',
    'Longest that a caller may wait in one request for a verdict or a change; keep it below the time-outs of what stands in between.',
  ),
  WAIT_MAX_CALLERS: key(
    wholeNumber(1, 1_000_000),
    '20000',
    'Callers that may wait in one process at once, streams included; one more is answered with 503.',
  ),
  STREAM_HEARTBEAT_SECONDS: key(
    wholeNumber(1, 3_600),
    '15',
    'How often a stream on which nothing comes says that it is there; keep it below the time-outs of what stands in between.',
  ),
  STREAM_STALL_SECONDS: key(
    wholeNumber(1, 3_600),
    '30',
    'How long a reader of a stream may take nothing of what was sent before it is cut off.',
  ),
  CHANGES_KEEP_DAYS: key(
    wholeNumber(1, 3_650),
    '30',
    'How long the change feed can be resumed; a cursor that is older is answered with 410.',
  ),
};
