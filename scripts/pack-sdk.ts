// `npm run pack:sdk`: packs the SDK by itself, as ilive-webhooks-sdk-<version>.tgz. It has the name of the whole package, so that
// what is imported is the same, and brings nothing along: the whole package would bring a Node and a Postgres, and who leaves
// optional packages out leaves out those of everything else too, such as TypeScript's compiler.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { runNpm } from './run-npm.ts';

const root = path.resolve(import.meta.dirname, '..');
const compiler = createRequire(import.meta.url).resolve('typescript/package.json');
const timeoutMs = 120_000;

if (import.meta.main) console.log(path.basename(await packSdk(root)));

/** Packs it into `target`, and answers the file. */
export async function packSdk(target: string): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pack-sdk-'));
  try {
    const config = {
      extends: path.join(root, 'tsconfig.build.json'),
      compilerOptions: {
        rootDir: path.join(root, 'src'),
        outDir: path.join(folder, 'dist'),
        typeRoots: [path.join(root, 'node_modules/@types')],
      },
      include: [path.join(root, 'src/sdk')],
    };
    await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
    const tsc = path.join(path.dirname(compiler), 'bin/tsc');
    await promisify(execFile)(process.execPath, [tsc, '-p', folder], { cwd: root });
    await cp(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'));
    const manifest = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as Manifest;
    await writeFile(path.join(folder, 'package.json'), JSON.stringify(manifestOfSdk(manifest), undefined, 2));
    const args = ['pack', folder, '--pack-destination', folder, '--ignore-scripts'];
    const { code, stderr } = await runNpm(args, timeoutMs);
    if (code !== 0) throw new Error(`npm could not pack it:\n${stderr.trim()}`);
    const { name, version } = manifest;
    const file = path.join(target, `${name}-sdk-${version}.tgz`);
    await cp(path.join(folder, `${name}-${version}.tgz`), `${file}.new`);
    await rename(`${file}.new`, file);
    return file;
  } finally {
    await rm(folder, { recursive: true });
  }
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly engines: object;
  readonly exports: Readonly<Record<string, string | object>>;
}

/** What package.json says, as far as it is about the SDK. */
function manifestOfSdk({ name, version, license, engines, exports }: Manifest): object {
  const ofSdk = Object.entries(exports).filter(([entry]) => /^\.\/(sdk(\/|$)|package\.json$)/.test(entry));
  const description = 'The SDK of ilive-webhooks, without the service.';
  const facts = { name, version, description, license, type: 'module', private: true, engines };
  return { ...facts, exports: Object.fromEntries(ofSdk), files: ['dist'] };
}
