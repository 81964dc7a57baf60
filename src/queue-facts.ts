// What is known of the queue: the room that keeps it looks, and operators are told.

export const queueTroubles = [
  'away', // it does not answer
  'read_only', // a replica, such as a master that a failover has demoted: it answers, and takes no write
  'full', // its memory is used up
  'credentials_refused',
  'certificate_refused', // ours of it: its certificate is not one that we trust, or not of that name
  'refused', // it refuses what is written for another reason
  'crowded', // it takes rings, and so many wait in it that no more are sent
] as const;
export type QueueTrouble = (typeof queueTroubles)[number];

/** Connections of a process to a Postgres that keeps the queue. A worker listens on two of them, one for each lane. */
export const queuePoolMax = 6;

export interface QueueFacts {
  readonly kind: 'redis' | 'postgres';
  /** It takes rings. */
  readonly isUp: boolean;
  readonly trouble: QueueTrouble | null;
  readonly waiting: number | null;
  readonly active: number | null;
  readonly delayed: number | null;
  /** What `INFO` of a Redis says, by name; empty for Postgres. */
  readonly redis: Readonly<Record<string, string>>;
  /** When a Redis makes snapshots, as its `save` says it; empty where it makes none, null where it does not tell. */
  readonly savePoints: string | null;
}
