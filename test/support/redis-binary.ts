// Obtains a Redis server that tests can run as a process of their own: one on PATH, or on Debian and Ubuntu the
// distribution's packages, unpacked into a cache folder without root. It never talks to a Redis that is already
// running, and it throws rather than let a test be skipped.
import { execFile } from 'node:child_process';
import { access, constants, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

export interface RedisBinary {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
}

const run = promisify(execFile);
const oldest = [6, 2] as const; // BullMQ's minimum
const downloadDeadlineMs = 120_000;
const advice =
  'Tests need a real Redis: start Docker, install redis-server or valkey-server 6.2 or newer, or let apt reach its mirror.';

/** Throws with all that was tried when no server can be had. */
export async function findRedisBinary(): Promise<RedisBinary> {
  const problems: string[] = [];
  const onPath = await findOnPath(problems);
  if (onPath) return onPath;
  try {
    return await findUnpacked(problems);
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    problems.push(`- packages: ${(error as Error).message}\n${stderr}`.trim());
  }
  throw new Error([advice, 'Tried:', ...problems].join('\n'));
}

async function findOnPath(problems: string[]): Promise<RedisBinary | undefined> {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter(Boolean);
  for (const name of ['redis-server', 'valkey-server']) {
    for (const folder of folders) {
      const candidate = { command: path.join(folder, name), env: {} };
      if (!(await isExecutable(candidate.command))) continue;
      const problem = await findProblem(candidate);
      if (problem === undefined) return candidate;
      problems.push(`- ${candidate.command}: ${problem}`);
    }
  }
  problems.push('- no suitable redis-server or valkey-server on PATH');
  return undefined;
}

async function findProblem({ command, env }: RedisBinary): Promise<string | undefined> {
  try {
    const { stdout } = await run(command, ['--version'], {
      env: { ...process.env, ...env },
      timeout: 10_000,
    });
    const [, major = '0', minor = '0'] = /v=(\d+)\.(\d+)/.exec(stdout) ?? [];
    const isRecent = Number(major) > oldest[0] || (Number(major) === oldest[0] && Number(minor) >= oldest[1]);
    return isRecent ? undefined : `version ${major}.${minor} is older than ${oldest.join('.')}`;
  } catch (error) {
    return (error as Error).message;
  }
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function findUnpacked(problems: string[]): Promise<RedisBinary> {
  if (process.platform !== 'linux')
    throw new Error(`only Debian and Ubuntu have them, this is ${process.platform}`);
  const release = /^PRETTY_NAME="?([^"\n]*)/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1] ?? 'linux';
  const name = `${release}-${process.arch}`.replaceAll(/[^\w.-]+/g, '-').toLowerCase();
  const cache = await findCacheFolder();
  const kept = path.join(cache, name);
  const found = await findIn(kept);
  if (found && (await findProblem(found)) === undefined) return found;
  const draft = await mkdtemp(path.join(cache, 'draft-'));
  try {
    await unpackPackages(draft, problems);
    const fresh = await findIn(draft);
    const problem = fresh ? await findProblem(fresh) : 'the packages contain no server';
    if (problem !== undefined) throw new Error(problem);
    await rm(path.join(draft, 'apt'), { recursive: true, force: true });
    // A folder that came to stand there meanwhile was unpacked by another test process and is as good as ours; one
    // that was found broken above makes way.
    if (found) await rename(kept, `${draft}.broken`).catch(() => {});
    await rename(draft, kept).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
    await rm(`${draft}.broken`, { recursive: true, force: true });
  }
  const ready = await findIn(kept);
  if (!ready) throw new Error(`${kept} contains no server`);
  return ready;
}

async function findCacheFolder(): Promise<string> {
  const modules = path.join(import.meta.dirname, '..', '..', 'node_modules');
  const temporary = path.join(os.tmpdir(), `ilive-redis-${process.getuid?.() ?? 0}`);
  for (const folder of [path.join(modules, '.cache', 'ilive-redis'), temporary]) {
    try {
      await mkdir(folder, { recursive: true });
      await access(folder, constants.W_OK | constants.X_OK);
      return folder;
    } catch {
      // node_modules may be read-only or belong to another user: the next folder is ours
    }
  }
  throw new Error(`neither node_modules/.cache nor ${temporary} is writable`);
}

async function findIn(folder: string): Promise<RedisBinary | undefined> {
  const libraries: string[] = [];
  for (const parent of ['usr/lib', 'lib']) {
    const names = await readdir(path.join(folder, parent)).catch(() => []);
    libraries.push(
      ...names.filter((name) => name.includes('-linux-')).map((name) => path.join(folder, parent, name)),
    );
  }
  for (const name of ['redis-server', 'valkey-server']) {
    const command = path.join(folder, 'usr', 'bin', name);
    if (await isExecutable(command)) return { command, env: { LD_LIBRARY_PATH: libraries.join(':') } };
  }
  return undefined;
}

/** apt with lists and cache of its own needs neither root nor the system's lists, and changes nothing of the system. */
async function unpackPackages(folder: string, problems: string[]): Promise<void> {
  const apt = path.join(folder, 'apt');
  await mkdir(path.join(apt, 'lists', 'partial'), { recursive: true });
  await mkdir(path.join(apt, 'cache', 'archives', 'partial'), { recursive: true });
  const options = [`Dir::State::lists=${apt}/lists`, `Dir::Cache=${apt}/cache`, 'APT::Sandbox::User=root'];
  const flags = [...options, 'Acquire::Languages=none'].flatMap((option) => ['-o', option]);
  const settings = { cwd: apt, timeout: downloadDeadlineMs, maxBuffer: 64 * 1024 * 1024 };
  await run('apt-get', [...flags, '-q', 'update'], settings).catch((error: Error) => {
    problems.push(`- apt-get update: ${error.message}`); // one unreachable extra source must not stop the others
  });
  for (const kind of ['redis', 'valkey']) {
    const wanted = [`${kind}-server`, `${kind}-tools`];
    try {
      const { stdout } = await run('apt-cache', [...flags, 'show', '--no-all-versions', ...wanted], settings);
      const needed = [...new Set([...wanted, ...readLibraries(stdout)])];
      await run('apt-get', [...flags, '-q', 'download', ...needed], settings);
      break;
    } catch (error) {
      problems.push(`- apt-get download ${wanted[0]}: ${(error as Error).message}`);
    }
  }
  const archives = (await readdir(apt)).filter((name) => name.endsWith('.deb'));
  if (archives.length === 0) throw new Error('no package could be downloaded');
  for (const name of archives) await run('dpkg-deb', ['-x', path.join(apt, name), folder], settings);
}

/** Library packages named by "Depends", without the C library: that one has to be the running system's own. */
function readLibraries(shown: string): string[] {
  const lines = shown.match(/^(?:Pre-)?Depends:.*$/gm) ?? [];
  const names = lines.flatMap((line) => line.replace(/^[^:]*:/, '').split(','));
  const first = names.map((name) => name.split('|')[0]?.trim().split(/[ (:]/)[0] ?? '');
  return first.filter((name) => /^lib|^lua/.test(name) && !/^libc6|^libgcc/.test(name));
}
