// Whether the caller of a request that takes long is still there.
import type { ServerResponse } from 'node:http';

/** Aborted once the connection is closed before the answer is complete. */
export function hasLeft(res: ServerResponse): AbortSignal {
  const leaving = new AbortController();
  if (res.destroyed) leaving.abort();
  res.once('close', () => {
    if (!res.writableFinished) leaving.abort();
  });
  return leaving.signal;
}
