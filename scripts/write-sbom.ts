// `npm run sbom`: writes sbom.cdx.json, the software bill of materials in CycloneDX, by npm's own command. It lists what whoever runs
// the service has, the optional packages of every platform included, and is held against package-lock.json before it is written.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Bom, leaveProduction, nameOf } from './cut-sbom.ts';
import { readProductionPackages } from './locked-packages.ts';
import { runNpm } from './run-npm.ts';

const file = path.resolve(import.meta.dirname, '../sbom.cdx.json');
const timeoutMs = 120_000;

const args = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only'];
const { code, stdout, stderr } = await runNpm(args, timeoutMs);
if (code !== 0) {
  console.error(`npm could not write one (npm 10 or newer is needed):\n${stderr.trim()}`);
  process.exitCode = 1;
} else {
  const locked = new Set(readProductionPackages().map(nameOf));
  const bom = leaveProduction(JSON.parse(stdout) as Bom, locked);
  const listed = new Set(bom.components.map(nameOf));
  const missing = [...locked].filter((name) => !listed.has(name));
  for (const name of missing) console.error(`${name} is locked, and npm did not list it`);
  if (missing.length > 0) process.exitCode = 1;
  else {
    writeFileSync(file, `${JSON.stringify(bom, undefined, 2)}\n`);
    console.log(`${path.basename(file)}: ${listed.size} packages`);
  }
}
