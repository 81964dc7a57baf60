// Which sources hold the paths that the explorer kills at: receive, process, pull, sweep, replay, admit and drain, with what
// they all stand on. Rooms are listed whole, so that a new file of theirs is watched by itself; what is left out is named with
// its reason. It knows names only, and reads nothing but the folders.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '../../..');

const rooms = ['db', 'ilive', 'outage', 'queue', 'reconcile', 'workers', 'operations'];
// Of these rooms and folders only what stands on one of the paths.
const single = [
  'http/receive-webhook.ts',
  'http/group-commit.ts',
  'http/commit-watch.ts',
  'http/read-body.ts',
  'http/admission.ts',
  'http/expect-session.ts',
  'schedule.ts',
  'within.ts',
];
const compositionRoot = /^service.*\.ts$/;
const leftOut: readonly (readonly [RegExp, string])[] = [
  [/^db\/(embedded|open|migrate)/, 'the embedded Postgres and the first start have tests of their own'],
  [
    /^db\/(find-|read-replicas|replica-facts|server-facts|status|completeness|changes|listen|waits|alerts|api-keys)/,
    'reads',
  ],
  [/^db\/idempotency-keys/, 'creating sessions at iLive'],
  [/^ilive\/(detect-dialect|images)/, 'not on the pull’s path'],
  [
    /^operations\/(doctor|send-probe|status|api-keys|audit\.ts$|look-at-vendor|pauses)/,
    'looks, and what operators set up',
  ],
  [/^queue\/inspect/, 'looks'],
  [/^outage\/(look-at-folder|set-aside)/, 'looks'],
  [/^service-reads/, 'reads of replicas, which a round has none of'],
  [
    /^ilive\/rate-limit/,
    'the pace of one client alone; the service hands in the one that all processes share',
  ],
];
// Functions of watched files that no process of the service ever calls, or that only look.
const leftOutFunctions: readonly (readonly [RegExp, string])[] = [
  [
    /^ilive\/client\.ts (fetchPhoto|compareFaces|detectFaces)$/,
    'only the command line asks for photos and faces',
  ],
  [/^db\/savepoint\.ts rehearse$/, 'looks'],
];

/** Whether the awaits of a function are points; `name` is such as `db/deliveries.ts recordDeliveries`. */
export function isWatchedFunction(name: string): boolean {
  return !leftOutFunctions.some(([pattern]) => pattern.test(name));
}

export interface WatchedFile {
  /** Such as `db/deliveries.ts`. */
  readonly name: string;
  readonly text: string;
}

/** The sources in which every `await` is a point. */
export function readWatchedFiles(): WatchedFile[] {
  const inRooms = rooms.flatMap((room) =>
    readdirSync(path.join(root, 'src', room))
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${room}/${name}`),
  );
  const parts = readdirSync(path.join(root, 'src')).filter((name) => compositionRoot.test(name));
  return [...inRooms, ...single, ...parts]
    .filter((name) => !leftOut.some(([pattern]) => pattern.test(name)))
    .sort()
    .map((name) => ({ name, text: readFileSync(path.join(root, 'src', name), 'utf8') }));
}
