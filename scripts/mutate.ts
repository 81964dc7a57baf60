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

// A run that breaks before its first test, since the test file cannot be loaded, is as red as one that fails in it.
const noticed = new Set<MutantResult['status']>(['Killed', 'Timeout', 'RuntimeError']);
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
  const shortfalls: string[] = [];
  // One by one: a change of what is made when a module is loaded is tried with all tests that are there.
  for (const file of asked.length > 0 ? asked : Object.keys(watched)) {
    if (!report(file, await runStryker(file))) shortfalls.push(file);
  }
  if (shortfalls.length > 0) console.log(`\nBelow what ${scoresFile} asks for: ${shortfalls.join(', ')}`);
  return shortfalls.length > 0 ? 1 : 0;
}

function runStryker(file: string): Promise<MutantResult[]> {
  const tests = watched[file]?.tests ?? [];
  const needsDatabase = tests.some((test) => !test.startsWith('test/pure/'));
  Object.assign(process.env, { MUTATION_TESTS: tests.join(','), MUTATION_STORES: String(needsDatabase) });
  const options: Options = {
    mutate: [file],
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner'],
    // All tests that import the file by any way are nearly all tests, so `related` is off. Its own `testFiles` would not
    // do: with it Stryker 10.1 turns a change of what is made at load on too late, and nobody could notice it.
    vitest: { related: false, configFile: 'test/support/mutation-vitest.config.ts' },
    concurrency: needsDatabase ? 1 : os.availableParallelism(),
    timeoutMS: 10_000,
    tempDirName: '.data/mutation',
    ignorePatterns: ['.data', 'docs', 'bench', 'examples', 'deploy'],
    disableTypeChecks: false, // types are stripped here, never checked
    tsconfigFile: 'none.json', // Stryker would rewrite ours with an interface that TypeScript 7 no longer has
    reporters: ['progress-append-only'],
    logLevel: 'error' as NonNullable<Options['logLevel']>,
    allowConsoleColors: false,
  };
  return new Stryker(options).runMutationTest();
}

/** Whether enough was noticed in the file. */
function report(file: string, results: readonly MutantResult[]): boolean {
  const killedCount = results.filter(({ status }) => noticed.has(status)).length;
  const survivors = results.filter(({ status }) => missed.has(status));
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
