import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// Largest files first, which is what Vitest does in a fresh clone, but for tests that crash things: those are small and take
// longest, and whoever begins last keeps the others waiting.
class CrashesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isCrash = ({ moduleId }: TestSpecification) => moduleId.includes('/test/crash/');
    const sorted = await super.sort(files);
    return [...sorted.filter(isCrash), ...sorted.filter((file) => !isCrash(file))];
  }
}

// Two projects, because they stand on different ground: "pure" needs nothing and is part of `npm run check`;
// "real" starts a Postgres and a Redis once for the whole run and hands their addresses to every file.
export default defineConfig({
  test: {
    sequence: { sequencer: CrashesFirst },
    projects: [
      {
        test: {
          name: 'pure',
          include: ['test/pure/**/*.test.ts', 'test/architecture.test.ts', 'test/documents.test.ts'],
          pool: 'forks',
          isolate: false, // as below: loading everything anew for each file took half of the time
          maxWorkers: 3, // as below, or the two would not run side by side
          testTimeout: 60_000, // some write to a disk or start a process, and others may be using the machine
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
