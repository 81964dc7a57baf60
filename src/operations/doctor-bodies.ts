// The doctor's check of how long bodies are kept: whether days that are older than that have gone.
import { counted } from './counted.ts';
import { type Finding, finding } from './finding.ts';

const dayMs = 24 * 60 * 60 * 1000;
// A day goes with the hourly turn after its end, and only as far as the newest delivery of iLive's shows the time.
const lateDays = 2;

/** `oldestDayEnd` is null where no day has a partition. */
export function checkBodies(oldestDayEnd: string | null, keepMs: number, now: Date): Finding {
  if (keepMs === 0) return finding('bodies', 'ok', 'are kept for ever (BODIES_KEEP_DAYS=0)', null);
  const kept = `are kept for ${counted(keepMs / dayMs, 'day')}`;
  const oldMs = oldestDayEnd === null ? 0 : now.getTime() - new Date(oldestDayEnd).getTime();
  if (oldMs < keepMs + lateDays * dayMs) return finding('bodies', 'ok', kept, null);
  return finding(
    'bodies',
    'warning',
    `${kept}, and the oldest day ended ${Math.floor(oldMs / dayMs)} days ago`,
    'a worker says in its log each hour why a day stays; see "Bodies that stay" in the runbook',
  );
}
