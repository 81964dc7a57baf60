// The rules of the house that look at one file at a time, or at a file and the documents that have to know of it: sizes,
// names, headers, exports, and what package.json and the decision records say.
import path from 'node:path';
import { type Breach, importedPackages, isSource, type Rule, sourcesOf } from './house-rules.ts';

const fileCeiling: Rule = (checked) => {
  const { maxFileLines, generated } = checked.house;
  return sourcesOf(checked)
    .filter(([file, facts]) => facts.codeLines > maxFileLines && !(file in generated))
    .map(([file, facts]) => ({
      file,
      rule: `at most ${maxFileLines} code lines a file; this has ${facts.codeLines}`,
      reason: 'a file that nothing stops grows until everything is in it',
    }));
};

const functionCeiling: Rule = (checked) => {
  const { maxFunctionLines } = checked.house;
  return sourcesOf(checked).flatMap(([file, facts]) =>
    facts.functions
      .filter(({ codeLines, isSuite }) => codeLines > maxFunctionLines && !isSuite)
      .map(({ name, line, codeLines }) => ({
        file: `${file}:${line}`,
        rule: `at most ${maxFunctionLines} code lines a function; ${name} has ${codeLines}`,
        reason: 'a function that does not fit a screen does more than one thing',
      })),
  );
};

const exportsByName: Rule = (checked) =>
  sourcesOf(checked, 'src/').flatMap(([file, facts]): Breach[] => {
    const breaches: Breach[] = [];
    if (facts.hasDefaultExport) {
      breaches.push({
        file,
        rule: 'no default export',
        reason: 'one thing has one name, wherever it is imported',
      });
    }
    if (facts.isBarrel) {
      breaches.push({ file, rule: 'no barrel', reason: 'it hides who needs what, and makes circles' });
    }
    return breaches;
  });

const kebabFile = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|config))?\.(ts|mjs)$/;
const kebabFolder = /^\.?[a-z0-9]+(-[a-z0-9]+)*$/;

const names: Rule = ({ tree, house }) => {
  const files = Object.keys(tree).filter(isSource);
  const folders = new Set(files.flatMap((file) => path.posix.dirname(file).split('/')));
  folders.delete('.');
  return [
    ...files
      .filter((file) => !kebabFile.test(path.posix.basename(file)))
      .map((file) => ({
        file,
        rule: 'kebab-case names',
        reason: 'no file differs from another by case alone',
      })),
    ...[...folders]
      .filter((folder) => !kebabFolder.test(folder))
      .map((folder) => ({ file: folder, rule: 'kebab-case names', reason: 'one way to spell a folder' })),
    ...[...folders]
      .filter((folder) => house.drawers.includes(folder))
      .map((folder) => ({
        file: folder,
        rule: `no folder named ${folder}`,
        reason: 'the name says nothing, so everything ends up in there',
      })),
  ];
};

const header: Rule = ({ tree }) =>
  Object.entries(tree)
    .filter(
      ([file, text]) => file.startsWith('src/') && isSource(file) && !/^(#!.*\n)?(\/\/|\/\*)/.test(text),
    )
    .map(([file]) => ({
      file,
      rule: 'starts with a header comment',
      reason: 'it says what the file is for and what it must never do',
    }));

const assumptions: Rule = ({ tree }) => {
  const tagsIn = (text: string) => [...text.matchAll(/ASSUMPTION \d+/g)].map(([tag]) => tag);
  const folder = 'docs/decisions/';
  const records = Object.entries(tree).filter(([file]) => file.startsWith(folder));
  const sources = Object.entries(tree).filter(([file]) => file.startsWith('src/'));
  const reason = 'whoever meets the vendor’s truth has to find what hangs on our guess';
  const missingIn = (others: typeof records, files: typeof records, rule: (tag: string) => string) => {
    const known = new Set(others.flatMap(([, text]) => tagsIn(text)));
    return files.flatMap(([file, text]) =>
      [...new Set(tagsIn(text))]
        .filter((tag) => !known.has(tag))
        .map((tag) => ({ file, rule: rule(tag), reason })),
    );
  };
  return [
    ...missingIn(records, sources, (tag) => `${tag} has a record in ${folder}`),
    ...missingIn(sources, records, (tag) => `${tag} is named where the code goes by it`),
  ];
};

const words: Rule = ({ tree, house }) =>
  Object.entries(tree).flatMap(([file, text]) =>
    house.forbiddenWords
      .filter((word) => text.includes(word))
      .map((word) => ({
        file,
        rule: `does not name ${word}`,
        reason: 'who has only this repository cannot follow it',
      })),
  );

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const dependencies: Rule = (checked) => {
  const file = 'package.json';
  const manifest = JSON.parse(checked.tree[file] ?? '{}') as Manifest;
  const runtime = Object.keys(manifest.dependencies ?? {});
  const all = [...runtime, ...Object.keys({ ...manifest.devDependencies, ...manifest.optionalDependencies })];
  const imported = new Set(sourcesOf(checked).flatMap(([, facts]) => importedPackages(facts)));
  const isUsed = (name: string) => imported.has(name) || imported.has(name.replace(/^@types\//, ''));
  const { notImported } = checked.house;
  return [
    ...all
      .filter((name) => !isUsed(name) && notImported[name] === undefined)
      .map((name) => ({
        file,
        rule: `${name} is imported or listed`,
        reason: 'what nobody uses is only a risk',
      })),
    ...Object.keys(notImported)
      .filter((name) => imported.has(name) || !all.includes(name))
      .map((name) => ({
        file,
        rule: `${name} needs no exception`,
        reason: 'a list of exceptions holds only exceptions',
      })),
    ...sourcesOf(checked, 'src/').flatMap(([source, facts]) =>
      importedPackages(facts)
        .filter((name) => !runtime.includes(name))
        .map((name) => ({
          file: source,
          rule: `${name} is in package.json's dependencies`,
          reason: 'the image holds nothing else',
        })),
    ),
  ];
};

// It is loaded anew for each file of tests.
const setupFile = 'test/support/check-answers.ts';
const hookAtLoad = /^((after|before)(Each|All)\(|(export )?const .* = use[A-Z]\w*\()/m;

const hooks: Rule = ({ tree }) =>
  Object.entries(tree)
    .filter(([file]) => file.startsWith('test/') && isSource(file) && !file.endsWith('.test.ts'))
    .filter(([file, text]) => file !== setupFile && hookAtLoad.test(text))
    .map(([file]) => ({
      file,
      rule: 'registers hooks in a function that a file of tests calls',
      reason: 'files of tests share a process, and what they share is loaded for the first of them alone',
    }));

export const fileRules: Readonly<Record<string, Rule>> = {
  'files are short': fileCeiling,
  'functions are short': functionCeiling,
  'exports are named and stand where they are made': exportsByName,
  'names are kebab-case and no folder is a drawer': names,
  'what tests share registers no hook where it is loaded': hooks,
  'every source says what it is for': header,
  'every assumption is recorded and named': assumptions,
  'dependencies are used': dependencies,
  'nothing points outside the repository': words,
};
