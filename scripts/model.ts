// `npm run model -- --runs 2000`: lives through as many lives of test/postgres/model.test.ts as one has time for. With the seed
// and the path of a failure it lives that one again. It starts a Postgres and a Redis of its own, as the tests do.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';

const root = path.resolve(import.meta.dirname, '..');
const usage = 'npm run model -- [--runs <how many>] [--seed <of a failure>] [--path <of a failure>]';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '2000' },
    seed: { type: 'string' },
    path: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help || !/^[1-9]\d*$/.test(values.runs)) {
  console.log(usage);
  process.exitCode = values.help ? 0 : 2;
} else {
  const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', '--project', 'real', 'test/postgres/model.test.ts'], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      MODEL_RUNS: values.runs,
      ...(values.seed === undefined ? {} : { MODEL_SEED: values.seed }),
      ...(values.path === undefined ? {} : { MODEL_PATH: values.path }),
    },
  });
  child.on('close', (code) => {
    process.exitCode = code ?? 1;
  });
}
