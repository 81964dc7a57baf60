// The packages of package-lock.json that whoever runs the service has: those of production, with the optional ones of every
// platform. What only developers have is left out.
import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  /** As the lock or the installed package says; undefined where neither does. */
  readonly licence: string | undefined;
}

interface LockEntry {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
}

const root = path.resolve(import.meta.dirname, '..');

export function readProductionPackages(): LockedPackage[] {
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockEntry>;
  };
  return Object.entries(lock.packages)
    .filter(([folder, entry]) => folder !== '' && entry.dev !== true)
    .map(([folder, { version = '', license }]) => ({
      name: folder.replace(/^.*node_modules\//, ''),
      version,
      licence: license ?? readInstalledLicence(folder),
    }));
}

function readInstalledLicence(folder: string): string | undefined {
  try {
    const manifest = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8')) as {
      license?: unknown;
    };
    return typeof manifest.license === 'string' ? manifest.license : undefined;
  } catch {
    return undefined; // not installed: it is another platform's
  }
}
