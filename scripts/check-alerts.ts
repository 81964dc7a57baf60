// Part of `npm run check`: the alert rules say what `deploy/alerts-test.yaml` expects of them. Prometheus' own `promtool` tries
// them; where it is not installed the check says so and does not fail.
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const file = path.resolve(import.meta.dirname, '../deploy/alerts-test.yaml');
const { error, status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], {
  encoding: 'utf8',
});
if (error !== undefined) {
  console.log(`NOT CHECKED: what the alert rules say. promtool did not run: ${error.message}`);
} else {
  console.log(stdout + stderr);
  process.exitCode = status ?? 1;
}
