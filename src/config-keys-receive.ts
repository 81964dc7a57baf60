// The keys of the environment that bear on taking deliveries: how many at once, how long, and where they go while Postgres
// cannot commit.
import { key, wholeNumber } from './config-schemas.ts';

export const receiveKeys = {
  BODY_LIMIT_BYTES: key(
    wholeNumber(1_024, 67_108_864),
    '1048576',
    'Largest body that the webhook route reads; a larger one is answered with 413 and lost, so be generous.',
  ),
  REQUEST_TIMEOUT_SECONDS: key(
    wholeNumber(1, 300),
    '15',
    'Time for a request to arrive completely; a slower one is answered with 408 and closed, and a connection on which nobody reads an answer for so long is closed too.',
  ),
  GROUP_MAX_DELIVERIES: key(
    wholeNumber(1, 5_000),
    '512',
    'Deliveries in one group commit; lower it when single commits take too long.',
  ),
  GROUP_QUEUE_MAX_DELIVERIES: key(
    wholeNumber(1, 1_000_000),
    '10000',
    'Deliveries that may wait for a commit; past it new ones are answered with 503 at once.',
  ),
  GROUP_QUEUE_MAX_BYTES: key(
    wholeNumber(1_048_576, 17_179_869_184),
    '268435456',
    'Bytes of bodies that a receiver holds at once, being read or waiting for a commit; past it new ones are answered with 503 at once. Bounds the memory of a receiver.',
  ),
  COMMIT_TIMEOUT_SECONDS: key(
    wholeNumber(1, 60),
    '5',
    'Time for a group commit; past it the group goes into the outage store, and without one it is answered with 503.',
  ),
  ADMISSION_MAX_WAIT_MS: key(
    wholeNumber(100, 600_000),
    '8000',
    'Longest that a delivery may expect to wait for its commit; past it new ones are answered with 503 at once. Keep it above COMMIT_TIMEOUT_SECONDS, and below the time that iLive waits.',
  ),
  ADMISSION_MAX_LOOP_DELAY_MS: key(
    wholeNumber(10, 60_000),
    '1000',
    'How late the event loop of a receiver may be, at two looks half a second apart, before new deliveries are answered with 503 at once.',
  ),
  OUTAGE_STORE_MAX_BYTES: key(
    wholeNumber(0, 1_099_511_627_776),
    '1073741824',
    'Bytes of deliveries that each receiver keeps in DATA_DIR while Postgres cannot commit; past it they are answered with 503. 0 for no outage store.',
  ),
};
