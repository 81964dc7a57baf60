// The commands that ask iLive directly, as people run them, against the pretend vendor in both of its dialects.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startVendorApi, type VendorApi } from '../../src/simulator/api.ts';
import { createTestImage } from '../../src/simulator/api-images.ts';
import { runCli } from './run-cli.ts';

let vendor: VendorApi;
let folder: string;

beforeAll(async () => {
  vendor = await startVendorApi();
  folder = await mkdtemp(path.join(os.tmpdir(), 'ilive-cli-'));
});
afterAll(async () => {
  await vendor.stop();
  await rm(folder, { recursive: true });
});

function cli(args: readonly string[], env: Record<string, string> = {}) {
  const ilive = { ILIVE_API_URL: vendor.url, ILIVE_API_KEY: vendor.apiKey };
  return runCli(args, { env: { ...ilive, ...env } });
}

const ok = { code: 0, err: '' };

describe('faces, which iLive is asked for directly', () => {
  const image = async (name: string, options: Parameters<typeof createTestImage>[0]) => {
    const file = path.join(folder, name);
    await writeFile(file, createTestImage(options));
    return file;
  };

  test.each(['reference', 'managed'])('compare and detect, in the %s dialect', async (dialect) => {
    const env = { ILIVE_DIALECT: dialect };
    const ann = await image('ann.jpg', { person: 'ann' });
    const bob = await image('bob.jpg', { person: 'bob' });
    const match = await cli(['faces', 'compare', ann, ann], env);
    expect(match).toMatchObject(ok);
    expect(match.out).toMatch(
      /^similarity +0\.\d+\nthreshold +0\.45\nreference face .*\nprobe face .*\n\na match\n$/,
    );
    const other = await cli(['faces', 'compare', ann, bob, '--threshold', '0.65', '--json'], env);
    expect(other).toMatchObject({ code: 1, err: '' });
    expect(JSON.parse(other.out)).toMatchObject({ isMatch: false, threshold: 0.65 });
    const two = await cli(
      ['faces', 'detect', await image('two.jpg', { faces: 2 }), '--attributes', 'all'],
      env,
    );
    expect(two).toMatchObject(ok);
    expect(two.out).toMatch(/^face +confidence +where +attributes\n +1 .*\n +2 .*eyesOpen/);
    const keyFile = path.join(folder, 'key');
    await writeFile(keyFile, `${vendor.apiKey}\n`);
    const noFace = await image('none.jpg', { faces: 0 });
    const fromFile = { ...env, ILIVE_API_KEY: '', ILIVE_API_KEY_FILE: keyFile };
    const none = await cli(['faces', 'detect', noFace], fromFile);
    expect(none).toEqual({ code: 1, err: '', out: 'no face\n' });
  });

  test.each([
    ['no key', { ILIVE_API_KEY: '' }, 2, 'set ILIVE_API_KEY'],
    ['a wrong key', { ILIVE_API_KEY: 'canary' }, 1, 'Check ILIVE_API_KEY'],
    ['no iLive', { ILIVE_API_URL: 'http://127.0.0.1:1' }, 1, 'ILIVE_API_URL wrong'],
    ['no dialect', { ILIVE_DIALECT: 'x' }, 2, 'ILIVE_DIALECT must be reference or managed'],
    ['no address', { ILIVE_API_URL: 'nowhere' }, 2, 'ILIVE_API_URL must be'],
  ])('%s is told in a sentence', async (_what, env, code, sentence) => {
    const ran = await cli(['faces', 'detect', await image('one.jpg', {})], env);
    expect(ran).toMatchObject({ code, out: '' });
    expect(ran.err).toMatch(/^[^\n]+\n$/);
    expect(ran.err).toContain(sentence);
    expect(ran.err).not.toContain('canary');
  });

  test('an image that is not there is told by its path', async () => {
    const missing = path.join(folder, 'missing.jpg');
    const ran = await cli(['faces', 'compare', missing, missing]);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toContain(`REFERENCE: ${missing} cannot be read (ENOENT).`);
  });
});
