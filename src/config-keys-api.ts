// The keys of the environment that bear on the API that internal services live on.
import { z } from 'zod';
import { key, origins, urlList, wholeNumber } from './config-schemas.ts';

export const apiKeys = {
  API_DOCS: key(
    z.enum(['on', 'off'], 'must be on or off'),
    'on',
    'Whether the API is described at /openapi.json and /docs, without a key; off where not even its form should be seen.',
  ),
  API_RATE_PER_MINUTE: key(
    wholeNumber(0, 10_000_000),
    '6000',
    'Requests under /v1 that one API key may make a minute, in each process; 0 for no limit. Raise it when a caller of yours is answered 429.',
  ),
  API_UNKNOWN_KEYS_PER_MINUTE: key(
    wholeNumber(0, 1_000_000),
    '60',
    'Requests with a key that nobody has that are answered 401, by one address a minute; past it they are answered 429. 0 for no limit. Known keys are never touched.',
  ),
  API_TIMEOUT_SECONDS: key(
    wholeNumber(1, 600),
    '30',
    'Time to answer a request under /v1; past it the answer is 503. A wait may take WAIT_MAX_SECONDS longer.',
  ),
  CORS_ORIGINS: key(
    origins,
    '',
    'Origins whose pages may call the API from a browser, separated by commas. Unset: none; a key in a page is a key for everybody who opens it.',
    { example: 'https://desk.example.com' },
  ),
  DATABASE_READ_URL: key(
    urlList('postgres', 'postgresql'),
    null,
    'Streaming replicas of DATABASE_URL, separated by commas, for lists and counts, which may lag. Unset: the primary answers everything.',
    { example: 'postgres://ilive:password@replica-1:5432/ilive', isSecret: true },
  ),
  DATABASE_READ_MAX_LAG_SECONDS: key(
    wholeNumber(1, 3_600),
    '10',
    'How far a replica may lag behind; one that lags more is asked nothing until it has caught up.',
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
