// How tests are run while one thing in a file is changed (scripts/mutate.ts): only those that are about the file, which the
// environment names. Whatever hangs is cut off soon, since hanging is what many a change does.
import path from 'node:path';
import { defineConfig } from 'vitest/config';

const { MUTATION_TESTS = '', MUTATION_STORES = 'false' } = process.env;
const needsStores = MUTATION_STORES === 'true';

export default defineConfig({
  root: path.resolve(import.meta.dirname, '../..'),
  test: {
    include: MUTATION_TESTS.split(','),
    globalSetup: needsStores ? ['test/support/stores.ts'] : [],
    testTimeout: needsStores ? 20_000 : 2_000,
    hookTimeout: 60_000,
  },
});
