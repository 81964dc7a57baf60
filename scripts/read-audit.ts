// What `npm audit --json` says: which packages have advisories that must not be lived with, or why nothing is known. A registry
// that cannot be reached, or that answers no audit, is told apart from one that found nothing.
export type Audit =
  | { readonly isKnown: true; readonly problems: readonly string[] }
  | { readonly isKnown: false; readonly reason: string };

interface Vulnerability {
  readonly name?: string;
  readonly severity?: string;
  readonly range?: string;
  readonly via?: readonly (string | { readonly title?: string; readonly url?: string })[];
}

interface AuditReport {
  readonly auditReportVersion?: number;
  readonly vulnerabilities?: Readonly<Record<string, Vulnerability>>;
  readonly message?: string;
  readonly error?: { readonly summary?: string; readonly code?: string };
}

const failing = new Set(['high', 'critical']);

export function readAudit(stdout: string, stderr: string): Audit {
  let report: AuditReport;
  try {
    report = JSON.parse(stdout) as AuditReport;
  } catch {
    return { isKnown: false, reason: firstLine(stderr) || 'npm audit gave no answer in time' };
  }
  if (report.auditReportVersion === undefined || report.vulnerabilities === undefined) {
    const { message, error } = report;
    return { isKnown: false, reason: message || error?.summary || error?.code || 'npm audit gave no report' };
  }
  const problems = Object.values(report.vulnerabilities)
    .filter(({ severity }) => failing.has(severity ?? ''))
    .map(({ name, severity, range, via = [] }) => {
      const advisories = via.flatMap((each) =>
        typeof each === 'string' ? [] : [`${each.title} ${each.url}`],
      );
      return `${name} ${range}: ${severity}${advisories.map((each) => `\n    ${each}`).join('')}`;
    });
  return { isKnown: true, problems };
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}
