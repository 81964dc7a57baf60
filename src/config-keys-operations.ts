// The keys of the environment that bear on operating the service: what it refused, replays, who may ask, how it stops.
import { z } from 'zod';
import { headerSecret, key, wholeNumber } from './config-schemas.ts';
import { logLevels } from './log.ts';

export const operationKeys = {
  REFUSALS_MAX_COUNT: key(
    wholeNumber(0, 1_000_000),
    '20000',
    'Refused requests that are kept so that a wrong refusal can be undone; past it the oldest of the source with the most goes. 0 keeps none.',
  ),
  REFUSALS_MAX_BYTES: key(
    wholeNumber(0, 1_099_511_627_776),
    '268435456',
    'Bytes that the kept refusals may take; past it the oldest of the source with the most goes.',
  ),
  REFUSALS_MAX_PER_SECOND: key(
    wholeNumber(1, 100_000),
    '500',
    'Refused requests that a receiver stores a second; what comes faster waits in REFUSALS_BUFFER_BYTES.',
  ),
  REFUSALS_MAX_BYTES_PER_SECOND: key(
    wholeNumber(65_536, 1_073_741_824),
    '1048576',
    'Bytes of refused requests that a receiver stores a second; what comes faster waits in REFUSALS_BUFFER_BYTES.',
  ),
  REFUSALS_BUFFER_BYTES: key(
    wholeNumber(65_536, 1_073_741_824),
    '16777216',
    'Memory of a receiver for refused requests that wait to be stored; past it the newest of the source with the most is let go.',
  ),
  REFUSALS_KEEP_DAYS: key(
    wholeNumber(1, 3_650),
    '30',
    'How long a refused request is kept; long enough for somebody to notice a wrong secret.',
  ),
  BODIES_KEEP_DAYS: key(
    wholeNumber(0, 36_500),
    '90',
    'How long the bytes of deliveries are kept, in whole days; what they led to stays. Long enough for a replay of what went wrong. Bytes of owed and parked deliveries are never dropped. 0 keeps all for ever.',
  ),
  REPLAY_MAX_PER_SECOND: key(
    wholeNumber(1, 100_000),
    '500',
    'Deliveries that one replay takes a second; lower it when live deliveries become slower meanwhile.',
  ),
  REPLAY_BATCH_DELIVERIES: key(
    wholeNumber(1, 1_000),
    '50',
    'Deliveries that a replay takes in one transaction.',
  ),
  REPLAY_CONFIRM_ABOVE: key(
    wholeNumber(0, 1_000_000_000),
    '1000',
    'A replay of more deliveries than this asks for a confirmation.',
  ),
  REPLAY_DRY_RUN_MAX: key(
    wholeNumber(1, 3_000), // each may be two locks, and Postgres' table of them has room for 64 a connection
    '2000',
    'Deliveries that a dry run tries; it holds their sessions, face matches and alerts while it lasts, and says when there were more.',
  ),
  SECRET_QUIET_SECONDS: key(
    wholeNumber(1, 2_592_000),
    '3600',
    'How long the old signing secret must not have matched before a rotation can be finished.',
  ),
  WEB_CONCURRENCY: key(
    wholeNumber(1, 64),
    '1',
    'Processes of this role that one start runs, sharing the port; raise it to use more than one core. Each has connections, limits and an outage store of its own.',
  ),
  SHUTDOWN_DELAY_SECONDS: key(
    wholeNumber(0, 600),
    '5',
    'After SIGTERM a receiver is unready and goes on answering for so long, so that the proxy in front notices and sends elsewhere; set it above the time that your proxy takes for that, 0 where there is none.',
  ),
  SHUTDOWN_GRACE_SECONDS: key(
    wholeNumber(1, 600),
    '20',
    'Time for work in flight when the service stops; keep it and SHUTDOWN_DELAY_SECONDS together below what your platform waits before it kills.',
  ),
  BOOTSTRAP_API_KEY: key(
    headerSecret(16),
    null,
    'A key of role admin that always works, for making the first keys and for emergencies. Unset: only the keys in the database work.',
    { example: 'a-long-random-text', isSecret: true },
  ),
  LOG_LEVEL: key(
    z.enum(logLevels, `must be one of ${logLevels.join(', ')}`),
    'info',
    'How much is logged; debug shows the queue’s connection troubles.',
  ),
};
