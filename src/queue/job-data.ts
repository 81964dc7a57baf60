// What a job holds: ids and nothing else (guarantee 9), as one text of sixteen bytes each. As an array of texts, seven hundred of them
// cost Postgres half as much again as a job with one id (measured 2026-11-27); see 041.

export interface JobData {
  /** In base64. */
  readonly ids: string;
}

const idBytes = 16;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function jobOf(ids: readonly string[]): JobData {
  return { ids: Buffer.from(ids.join('').replaceAll('-', ''), 'hex').toString('base64') };
}

/** Whatever else may stand in the store, only ids come out of it. */
export function idsOf(data: unknown): string[] {
  const ids = (data as { ids?: unknown } | null)?.ids;
  // As before 2026-11-27, where a receiver of then runs beside.
  if (Array.isArray(ids)) return ids.filter((id) => typeof id === 'string' && uuid.test(id));
  if (typeof ids !== 'string') return [];
  const bytes = Buffer.from(ids, 'base64');
  const count = Math.floor(bytes.length / idBytes);
  return Array.from({ length: count }, (_, index) =>
    textOf(bytes.toString('hex', index * idBytes, (index + 1) * idBytes)),
  );
}

function textOf(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
