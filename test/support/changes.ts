// The change feed as tests read it: to its end, and only once nothing is held back any more.
import { expect } from 'vitest';
import type { TestService } from './service.ts';
import { until } from './until.ts';

// biome-ignore lint/suspicious/noExplicitAny: a test asserts what it finds
type Told = any;

/** The cursor behind everything that has changed. */
export async function latest(service: TestService): Promise<string> {
  return (await service.get('/v1/changes?after=latest')).body.next_cursor;
}

/** Resolves once all is processed and no transaction of anybody's on this server holds a change back. */
export async function settled(service: TestService): Promise<void> {
  await service.settled();
  await until(async () => {
    const [row] = await service.db.query<{ isShown: boolean }>({
      text: `select not exists (select from changes c join change_feed f on f.generation = c.generation
                                where c.xid >= pg_snapshot_xmin(pg_current_snapshot())) as "isShown"`,
    });
    return row?.isShown;
  });
}

/** Every change behind `after`, page by page. */
export async function follow(service: TestService, after: string, query = ''): Promise<Told[]> {
  const found: Told[] = [];
  for (let cursor = after; ; ) {
    const { status, body } = await service.get(`/v1/changes?after=${cursor}${query}`);
    expect(status).toBe(200);
    found.push(...body.data);
    cursor = body.next_cursor;
    if (!body.has_more) return found;
  }
}
