// Which operation a request asks for. The two descriptions of the API have no path in common, so that one server can play
// either or both.

export const dialects = ['reference', 'managed'] as const;
export type Dialect = (typeof dialects)[number];

export const operations = ['create', 'result', 'photo', 'compare', 'detect'] as const;
export type Operation = (typeof operations)[number];

export interface Route {
  readonly dialect: Dialect;
  readonly operation: Operation;
  readonly sessionId: string | null;
}

interface Pattern {
  readonly dialect: Dialect;
  readonly operation: Operation;
  readonly method: 'GET' | 'POST';
  readonly path: RegExp;
}

const patterns: readonly Pattern[] = [
  { dialect: 'reference', operation: 'create', method: 'POST', path: /^\/v1\/liveness\/sessions$/ },
  { dialect: 'reference', operation: 'result', method: 'GET', path: /^\/v1\/liveness\/sessions\/([^/]+)$/ },
  { dialect: 'reference', operation: 'compare', method: 'POST', path: /^\/v2\/face\/compare$/ },
  { dialect: 'reference', operation: 'detect', method: 'POST', path: /^\/v1\/face\/detect$/ },
  { dialect: 'managed', operation: 'create', method: 'POST', path: /^\/api\/v1\/managed-session$/ },
  { dialect: 'managed', operation: 'result', method: 'GET', path: /^\/api\/v1\/session\/([^/]+)\/result$/ },
  { dialect: 'managed', operation: 'photo', method: 'GET', path: /^\/api\/v1\/session\/([^/]+)\/photo$/ },
  { dialect: 'managed', operation: 'compare', method: 'POST', path: /^\/api\/v2\/faces:compare$/ },
  { dialect: 'managed', operation: 'detect', method: 'POST', path: /^\/api\/v2\/faces:detect$/ },
];

/** The route of a request, or the status that says that there is none. */
export function findRoute(method: string, path: string, served: readonly Dialect[]): Route | 404 | 405 {
  const matching = patterns.filter((pattern) => served.includes(pattern.dialect) && pattern.path.test(path));
  const pattern = matching.find((each) => each.method === method);
  if (pattern === undefined) return matching.length === 0 ? 404 : 405;
  const sessionId = pattern.path.exec(path)?.[1];
  return {
    dialect: pattern.dialect,
    operation: pattern.operation,
    sessionId: sessionId === undefined ? null : decodeId(sessionId),
  };
}

function decodeId(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
