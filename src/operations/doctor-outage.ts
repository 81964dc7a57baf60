// The doctor's check of the ground under the outage store: what is kept there has been promised, so it has to last.
import type { FolderSight } from '../outage/look-at-folder.ts';
import { type Finding, finding } from './finding.ts';

const check = 'outage store';

export function checkOutageStore(sight: FolderSight | undefined, maxBytes: number): Finding[] {
  if (sight === undefined) {
    const message = 'is off: while Postgres is away deliveries are answered 503, and iLive has one retry';
    return [finding(check, 'warning', message, 'set OUTAGE_STORE_MAX_BYTES above 0')];
  }
  const { path, writeTrouble, fleeting, freeBytes } = sight;
  if (writeTrouble !== null) {
    const message = `DATA_DIR (${path}) cannot be written: ${writeTrouble}`;
    const isFull = writeTrouble.startsWith('ENOSPC');
    const advice = isFull ? 'make room on its disk' : 'give the service a folder that it may write';
    return [finding(check, 'error', message, advice)];
  }
  const findings: Finding[] = [];
  if (fleeting !== null) {
    const message = `DATA_DIR (${path}) is on ${fleeting}: what it keeps goes with the container or the machine`;
    findings.push(finding(check, 'warning', message, 'mount a volume there that outlives the container'));
  }
  if (freeBytes !== null && freeBytes < maxBytes) {
    const message = `only ${mebibytes(freeBytes)} MiB are free under DATA_DIR, and OUTAGE_STORE_MAX_BYTES is ${mebibytes(maxBytes)} MiB`;
    findings.push(finding(check, 'warning', message, 'make room, or lower OUTAGE_STORE_MAX_BYTES'));
  }
  if (findings.length > 0) return findings;
  return [finding(check, 'ok', `keeps up to ${mebibytes(maxBytes)} MiB in ${path}`, null)];
}

const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20);
