// The command starts quickly: whatever it takes from other rooms, nothing of the database comes with it.
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

test('the command loads neither drizzle nor a client of Postgres', () => {
  const program = `
    import { createRequire } from 'node:module';
    await import(${JSON.stringify(import.meta.resolve('../../src/cli/run.ts'))});
    console.log(JSON.stringify(Object.keys(createRequire(process.execPath).cache)));`;
  const args = ['--input-type=module', '--eval', program];
  const loaded: string[] = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  expect(loaded.filter((file) => /node_modules.(drizzle-orm|pg)\b/.test(file))).toEqual([]);
});
