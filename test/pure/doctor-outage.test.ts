import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { checkOutageStore } from '../../src/operations/doctor-outage.ts';
import { lookAtFolder } from '../../src/outage/look-at-folder.ts';

const well = { path: '/data', writeTrouble: null, fleeting: null, freeBytes: 2 ** 31 };
const levels = (sight: Parameters<typeof checkOutageStore>[0]) =>
  checkOutageStore(sight, 2 ** 30).map(({ level, message }) => `${level}: ${message}`);

test('the doctor says what is wrong with the ground under the outage store', () => {
  expect(levels(well)).toEqual(['ok: keeps up to 1024 MiB in /data']);
  expect(levels({ ...well, fleeting: 'overlay' })).toEqual([
    expect.stringMatching(/^warning: .*is on overlay/),
  ]);
  expect(levels({ ...well, freeBytes: 2 ** 29 })).toEqual([
    expect.stringMatching(/^warning: only 512 MiB are free/),
  ]);
  expect(levels({ ...well, writeTrouble: 'EROFS' })).toEqual([
    expect.stringMatching(/^error: .*cannot be written: EROFS/),
  ]);
  const fullDisk = { ...well, writeTrouble: 'ENOSPC: no space left on device, write' };
  expect(checkOutageStore(fullDisk, 2 ** 30)[0]?.advice).toBe('make room on its disk');
  expect(levels(undefined)).toEqual([expect.stringMatching(/^warning: is off/)]);
});

test('a folder that can be written is told from one that cannot', async () => {
  const folder = await lookAtFolder(tmpdir());
  expect(folder).toMatchObject({ path: tmpdir(), writeTrouble: null });
  expect(folder.freeBytes).toBeGreaterThan(0);
  expect((await lookAtFolder(import.meta.filename)).writeTrouble).toMatch(/EEXIST|ENOTDIR/);
});
