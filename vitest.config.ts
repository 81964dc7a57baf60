import { defineConfig } from 'vitest/config';

// Two projects, because they stand on different ground: "pure" needs nothing and is part of `npm run check`;
// "real" starts a Postgres and a Redis once for the whole run and hands their addresses to every file.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'pure',
          include: ['test/pure/**/*.test.ts', 'test/architecture.test.ts', 'test/documents.test.ts'],
          testTimeout: 20_000, // some write to a disk, which others may be using
        },
      },
      {
        test: {
          name: 'real',
          include: ['test/{postgres,service,crash,regressions}/**/*.test.ts'],
          globalSetup: ['test/support/stores.ts'],
          setupFiles: ['test/support/check-answers.ts'],
          pool: 'forks',
          isolate: false, // loading everything anew for each file would take a tenth of the time
          maxWorkers: 3, // on two cores: many a test waits for something
          maxConcurrency: 2, // within a file; more would only make each other late
          testTimeout: 180_000, // there are machines three times as slow as the usual ones
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
