// What of an image is checked before it is sent: nothing that iLive would refuse for its size goes out, and nothing hangs.
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from '../../src/ilive/client.ts';
import { imageLimitBytes } from '../../src/ilive/images.ts';
import { type FakeVendor, startFakeVendor } from '../support/fake-ilive-http.ts';

let vendor: FakeVendor;
let folder: string;

beforeAll(async () => {
  vendor = await startFakeVendor({ json: {} });
  folder = await mkdtemp(path.join(os.tmpdir(), 'ilive-images-'));
});
afterAll(async () => {
  await vendor[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]);
const clientFor = () => createClient({ apiKey: 'iksk_test', baseUrl: vendor.url });

describe('an image that cannot be sent is refused before any network', () => {
  const tooMany = Buffer.alloc(imageLimitBytes + 1);

  test.each([
    ['a path that leads nowhere', () => path.join(folder, 'absent.jpg'), 'image_unreadable'],
    ['a folder', () => folder, 'image_unreadable'],
    ['an empty buffer', () => Buffer.alloc(0), 'empty_image'],
    ['an empty stream', () => Readable.from([]), 'empty_image'],
    ['a buffer beyond the limit', () => tooMany, 'image_too_large'],
    ['a file beyond the limit', () => path.join(folder, 'large.jpg'), 'image_too_large'],
    ['a stream without an end', () => createReadStream('/dev/zero'), 'image_too_large'],
    [
      'a stream that breaks',
      () =>
        new Readable({
          read() {
            this.destroy(new Error('disk gone'));
          },
        }),
      'image_unreadable',
    ],
  ])('%s', async (_what, image, code) => {
    await writeFile(path.join(folder, 'large.jpg'), tooMany);
    const before = vendor.asked.length;
    const refused = clientFor().compareFaces({ reference: jpeg, probe: image() });
    await expect(refused).rejects.toMatchObject({ name: 'InvalidRequestError', code, status: null });
    await expect(refused).rejects.toThrow(/^The probe image /);
    expect(vendor.asked).toHaveLength(before);
  });

  test('the largest one allowed and one of an unknown type are sent', async () => {
    vendor.reply({ json: { faces: [] } });
    const image = new Uint8Array(imageLimitBytes).fill(7);
    expect(await clientFor().detectFaces({ image })).toEqual({ faces: [], imageSize: null });
    expect(vendor.asked.at(-1)?.body.toString('latin1', 0, 300)).toContain('application/octet-stream');
  });

  test('a caller who gives up while a stream stalls is let go', async () => {
    const stalled = new Readable({ read: () => {} });
    const asked = clientFor().detectFaces({ image: stalled }, { signal: AbortSignal.timeout(20) });
    await expect(asked).rejects.toMatchObject({ name: 'CancelledError', code: 'cancelled' });
    expect(stalled.destroyed).toBe(true);
  });
});
