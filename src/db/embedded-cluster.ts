// The data folder of the bundled Postgres: made once with initdb, checked at every later start, and handed over when
// the identity that Postgres runs under has changed. It never touches a cluster of another major version and never
// leaves half a cluster behind.
import { randomBytes } from 'node:crypto';
import { chown, lchown, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  embeddedFailure,
  type PostgresBinaries,
  type RunAs,
  runPostgresCommand,
} from './embedded-binaries.ts';
import { readIfThere } from './embedded-owner.ts';

export const postgresRole = 'ilive';
const major = '18';
/** Named by major, so that a later major can stand beside it. */
export const clusterName = `pg${major}`;
const initDeadlineMs = 120_000;

/** Creates the cluster on first use and checks it on every other; returns the password. */
export async function prepareCluster(
  dataDir: string,
  binaries: PostgresBinaries,
  runAs: RunAs,
  settings: Readonly<Record<string, string>>,
): Promise<string> {
  const pgData = path.join(dataDir, clusterName);
  const passwordPath = path.join(dataDir, `${clusterName}.password`);
  for (const name of await readdir(dataDir)) {
    if (name.startsWith(`${clusterName}.new-`))
      await rm(path.join(dataDir, name), { recursive: true, force: true });
  }
  const version = (await readIfThere(path.join(pgData, 'PG_VERSION')))?.trim();
  if (version !== undefined && version !== major) {
    throw embeddedFailure(
      `${pgData} was written by PostgreSQL ${version}, and the bundled one is ${major}. ` +
        'Dump it with its own version and restore it, or choose another data folder.',
    );
  }
  const kept = (await readIfThere(passwordPath))?.trim();
  if (version !== undefined && !kept) {
    throw embeddedFailure(
      `${passwordPath} is missing, and without it nobody can log in to ${pgData}. Restore it.`,
    );
  }
  const password = kept || (await createPassword(passwordPath));
  if (version === undefined) await initCluster(pgData, password, binaries, runAs, settings.fsync !== 'off');
  else await adoptFiles(pgData, runAs);
  return password;
}

async function createPassword(file: string): Promise<string> {
  const password = randomBytes(24).toString('base64url');
  await writeFile(`${file}.new`, password, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
  return password;
}

/** initdb works in a folder of its own that gets its name when it is complete, so a kill leaves no half cluster. */
async function initCluster(
  pgData: string,
  password: string,
  binaries: PostgresBinaries,
  runAs: RunAs,
  isDurable: boolean,
): Promise<void> {
  const { uid, gid } = runAs.owner;
  const draft = `${pgData}.new-${randomBytes(4).toString('hex')}`;
  const passwordFile = `${draft}.password`; // initdb cannot read ours, which belongs to root where we are root
  await mkdir(draft, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  await chown(draft, uid, gid);
  await chown(passwordFile, uid, gid);
  const auth = ['-U', postgresRole, '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  const format = ['--locale=C', '--encoding=UTF8', '--no-instructions', ...(isDurable ? [] : ['--no-sync'])];
  const result = await runPostgresCommand(
    [binaries.initdb, '-D', draft, ...auth, ...format],
    runAs,
    initDeadlineMs,
  );
  await rm(passwordFile, { force: true });
  if (!result.ok) {
    await rm(draft, { recursive: true, force: true });
    const said = result.output.trim().split('\n').slice(-15).join('\n').replaceAll(password, '[secret]');
    throw embeddedFailure(`initdb failed:\n${said}`);
  }
  await rename(draft, pgData);
}

/** After a change of user (root found another identity than last time) the files have to follow. */
async function adoptFiles(pgData: string, runAs: RunAs): Promise<void> {
  const { uid, gid } = runAs.owner;
  const owner = (await stat(pgData)).uid;
  if (owner === uid) return;
  if (process.getuid?.() !== 0) {
    throw embeddedFailure(
      `${pgData} belongs to uid ${owner}, and this process is uid ${uid}: it was created by another user. ` +
        `Start as that user or as root, run \`chown -R ${uid} ${path.dirname(pgData)}\`, or choose another folder.`,
    );
  }
  for (const name of await readdir(pgData, { recursive: true }))
    await lchown(path.join(pgData, name), uid, gid);
  await chown(pgData, uid, gid); // last, so that an interrupted change is begun again
}
