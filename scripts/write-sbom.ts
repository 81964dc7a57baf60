// `npm run sbom`: writes sbom.cdx.json, the software bill of materials in CycloneDX, by npm's own command. It lists what whoever runs
// the service has, the optional packages of every platform included, and is held against package-lock.json before it is written.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { readProductionPackages } from './locked-packages.ts';
import { runNpm } from './run-npm.ts';

const file = path.resolve(import.meta.dirname, '../sbom.cdx.json');
const timeoutMs = 120_000;

interface Component {
  readonly 'bom-ref': string;
  readonly group?: string;
  readonly name: string;
  readonly version: string;
}

interface Bom {
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

// A scope is a group of its own in some versions of npm, and a part of the name in others.
const nameOf = ({ group, name, version }: Pick<Component, 'group' | 'name' | 'version'>) =>
  `${group === undefined || group === '' ? name : `${group}/${name}`}@${version}`;

/** Leaves what is locked for production. npm's own `--omit=dev` leaves out whatever a developer's package needs as well. */
function leaveProduction(bom: Bom, locked: ReadonlySet<string>): Bom {
  const components = bom.components.filter((component) => locked.has(nameOf(component)));
  const refs = new Set([bom.metadata.component['bom-ref'], ...components.map((each) => each['bom-ref'])]);
  const dependencies = bom.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((each) => refs.has(each)) }));
  return { ...bom, components, dependencies };
}

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
