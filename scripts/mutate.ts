// `npm run mutate -- [files]`: changes one thing at a time in the files of test/mutation-scores.json and looks whether their
// tests notice. Prints what no test noticed and the share of those that one did, and fails where that share is below the
// file's. Stryker works on a copy in `.data/mutation`; nothing here may touch the files themselves.
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Stryker } from '@stryker-mutator/core';

const root = path.resolve(import.meta.dirname, '..');
const scoresFile = 'test/mutation-scores.json';

interface Watched {
  /** The share in percent that must be noticed. */
  readonly least: number;
  /** The only tests that are run: those that are about this file. */
  readonly tests: readonly string[];
}

type Options = ConstructorParameters<typeof Stryker>[0];
type MutantResult = Awaited<ReturnType<Stryker['runMutationTest']>>[number];

const noticed = new Set<MutantResult['status']>(['Killed', 'Timeout']);
const missed = new Set<MutantResult['status']>(['Survived', 'NoCoverage']);

const watched = JSON.parse(readFileSync(path.join(root, scoresFile), 'utf8')) as Record<string, Watched>;
process.chdir(root);
process.exitCode = await mutate(process.argv.slice(2).map((file) => path.posix.normalize(file)));

async function mutate(asked: readonly string[]): Promise<number> {
  const unknown = asked.filter((file) => !(file in watched));
  if (unknown.length > 0) {
    console.error(`not in ${scoresFile}: ${unknown.join(', ')}`);
    return 2;
  }
  const files = asked.length > 0 ? asked : Object.keys(watched);
  // Apart, since a run with a database takes seconds a change, and one without a tenth of one.
  const groups = [files.filter((file) => isPure(file)), files.filter((file) => !isPure(file))];
  const results: MutantResult[] = [];
  for (const group of groups.filter(({ length }) => length > 0)) results.push(...(await runStryker(group)));
  const shortfalls = files.filter((file) => !report(file, results));
  if (shortfalls.length > 0) console.log(`\nBelow what ${scoresFile} asks for: ${shortfalls.join(', ')}`);
  return shortfalls.length > 0 ? 1 : 0;
}

function isPure(file: string): boolean {
  return testsOf(file).every((test) => test.startsWith('test/pure/'));
}

function testsOf(file: string): readonly string[] {
  return watched[file]?.tests ?? [];
}

function runStryker(files: readonly string[]): Promise<MutantResult[]> {
  const options: Options = {
    mutate: [...files],
    testFiles: [...new Set(files.flatMap(testsOf))],
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner'],
    vitest: { related: false }, // else all tests that import the file by any way, which is nearly all of them
    concurrency: files.every(isPure) ? os.availableParallelism() : 1,
    timeoutMS: 10_000,
    tempDirName: '.data/mutation',
    ignorePatterns: ['.data', 'docs', 'bench', 'examples', 'deploy'],
    disableTypeChecks: false, // types are stripped here, never checked
    tsconfigFile: 'none.json', // Stryker would rewrite ours with an interface that TypeScript 7 no longer has
    reporters: ['progress-append-only'],
    logLevel: 'warn' as NonNullable<Options['logLevel']>,
    allowConsoleColors: false,
  };
  return new Stryker(options).runMutationTest();
}

/** Whether enough was noticed in the file. */
function report(file: string, results: readonly MutantResult[]): boolean {
  const own = results.filter(({ fileName }) => path.relative(root, fileName) === path.normalize(file));
  const killedCount = own.filter(({ status }) => noticed.has(status)).length;
  const survivors = own.filter(({ status }) => missed.has(status));
  const countedCount = killedCount + survivors.length;
  // A file without anything to change, such as one of types alone, has nothing that could be missed.
  const score = countedCount === 0 ? 100 : (killedCount / countedCount) * 100;
  const least = watched[file]?.least ?? 100;
  console.log(`\n${file}: ${score.toFixed(1)} % of ${countedCount} noticed, ${least} % asked for`);
  for (const { status, location, mutatorName, replacement } of survivors) {
    const place = `${file}:${location.start.line}:${location.start.column}`;
    console.log(
      `  ${status === 'NoCoverage' ? 'no test reaches' : 'nobody noticed '} ${place} ${mutatorName} → ${replacement}`,
    );
  }
  return score >= least;
}
