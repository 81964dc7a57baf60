// Part of `npm run check`: no package of production has a known advisory of level high or critical. Where the registry cannot be
// asked, or answers no audit, the check says so and does not fail: whoever works without a network must be able to work.
import { readAudit } from './read-audit.ts';
import { runNpm } from './run-npm.ts';

const timeoutMs = 20_000;

// One try: a registry that is away must not hold up the check.
const args = ['audit', '--omit=dev', '--audit-level=high', '--json', '--fetch-retries=0'];
const { stdout, stderr } = await runNpm(args, timeoutMs);
const audit = readAudit(stdout, stderr);
if (!audit.isKnown) {
  console.log(
    `NOT CHECKED: whether a package has a known advisory. The registry did not say: ${audit.reason}`,
  );
} else {
  for (const problem of audit.problems) console.log(problem);
  process.exitCode = audit.problems.length === 0 ? 0 : 1;
}
