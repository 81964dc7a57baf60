// `npm run check`: types here and in the examples, lint with format, licences, secrets and advisories, alert rules, and the tests that
// need nothing, side by side. One line a part with its time, and the whole output of a part that failed. It starts nothing and changes nothing, so it can
// be run at any time.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const require = createRequire(import.meta.url);

/** A program of a package, as npm's own link would start it: found wherever the package is installed. */
function programOf(name: string, program: string): string {
  return path.join(path.dirname(require.resolve(`${name}/package.json`)), program);
}

const parts = [
  { name: 'types', command: [programOf('typescript', 'bin/tsc'), '-p', '.'] },
  { name: 'examples', command: [programOf('typescript', 'bin/tsc'), '-p', 'examples'] },
  {
    name: 'lint and format',
    command: [programOf('@biomejs/biome', 'bin/biome'), 'check', '.'],
  },
  { name: 'openapi', command: [path.join(import.meta.dirname, 'lint-openapi.ts')] },
  { name: 'licences', command: [path.join(import.meta.dirname, 'check-licences.ts')] },
  { name: 'secrets', command: [path.join(import.meta.dirname, 'check-secrets.ts')] },
  { name: 'advisories', command: [path.join(import.meta.dirname, 'check-advisories.ts')] },
  { name: 'alert rules', command: [path.join(import.meta.dirname, 'check-alerts.ts')] },
  { name: 'pure tests', command: [programOf('vitest', 'vitest.mjs'), 'run', '--project', 'pure'] },
];

interface Outcome {
  readonly isFine: boolean;
  readonly output: string;
  readonly seconds: string;
}

function run(command: readonly string[]): Promise<Outcome> {
  const began = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, command, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk: Buffer) => {
      output += chunk.toString();
    };
    const finish = (isFine: boolean) =>
      resolve({ isFine, output, seconds: ((performance.now() - began) / 1000).toFixed(1) });
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => {
      output += error.message;
      finish(false);
    });
    child.on('close', (code) => finish(code === 0));
  });
}

/** A part that could not look is told apart from one that found nothing. */
function isUnknown({ output }: Outcome): boolean {
  return output.startsWith('NOT CHECKED');
}

const width = Math.max(...parts.map(({ name }) => name.length));
const outcomes = await Promise.all(
  parts.map(async ({ name, command }) => {
    const outcome = await run(command);
    const word = outcome.isFine ? (isUnknown(outcome) ? 'unseen' : 'ok    ') : 'failed';
    console.log(`${name.padEnd(width)}  ${word}  ${outcome.seconds} s`);
    return { name, ...outcome };
  }),
);
const failed = outcomes.filter(({ isFine }) => !isFine);
const unknown = outcomes.filter((outcome) => outcome.isFine && isUnknown(outcome));
for (const { name, output } of [...unknown, ...failed]) console.log(`\n── ${name} ──\n${output.trimEnd()}`);
process.exitCode = failed.length === 0 ? 0 : 1;
