// What receivers that died on this machine have left: slots of the outage store that nobody owns, with deliveries that were
// promised, and among them records that a disk has damaged, that Postgres will not have, or that no key of ours opens. Each
// slot appears whole, in one step. It keeps what was promised and what must be found again.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { v7 as uuidV7 } from 'uuid';
import { type Cipher, createCipher } from '../../../src/cipher.ts';
import type { DeliveryId } from '../../../src/events/event.ts';
import type { Template } from '../../../src/ilive/signature.ts';
import { packDelivery } from '../../../src/operations/kept-delivery.ts';
import { openStore } from '../../../src/outage/store.ts';
import { Secret } from '../../../src/secret.ts';
import type { VendorApi } from '../../../src/simulator/api.ts';
import type { Random } from '../../../src/simulator/random.ts';
import type { Acknowledged } from './check-tables.ts';
import { damagedMark } from './refused-data.ts';
import { acknowledge, admitSubject, secondAccount, secondSecret, writeDelivery } from './second-account.ts';

export interface StrandOptions {
  readonly dataDir: string;
  readonly template: Template;
  readonly vendor: VendorApi;
  readonly random: Random;
  readonly acknowledged: Acknowledged[];
}

export interface StrandedSlots {
  /** Lays no more of them; resolves once the last is there. */
  stop(): Promise<void>;
  damagedCount(): number;
  /** Segments that must stay laid by, since nobody has the key. */
  unopenedCount(): number;
}

// Above those that the round's own processes take.
const firstSlot = 20;
const slotCount = 40;
const everyMs = [3_000, 7_000] as const;
const lookMs = 100;
const bytesMax = 1024 * 1024;
const strangersKey = createCipher([
  { id: 'stranger', key: new Secret(Buffer.alloc(32, 's').toString('base64')) },
]);

export function strandSlots(options: StrandOptions): StrandedSlots {
  const { random } = options;
  let isStopped = false;
  const counts = { damaged: 0, unopened: 0 };
  const laying = (async () => {
    for (let slot = firstSlot; slot < firstSlot + slotCount && !isStopped; slot += 1) {
      // The disk may be full, on purpose: then nothing was kept, and nothing promised.
      await layOne(options, slot, counts).catch(unlessFull);
      const untilMs = performance.now() + random.whole(...everyMs);
      while (!isStopped && performance.now() < untilMs) await pause(lookMs);
    }
  })();
  laying.catch(() => {}); // looked at in `stop`
  return {
    stop: () => {
      isStopped = true;
      return laying;
    },
    damagedCount: () => counts.damaged,
    unopenedCount: () => counts.unopened,
  };
}

function unlessFull(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOSPC') throw error;
}

async function layOne(
  options: StrandOptions,
  slot: number,
  counts: { damaged: number; unopened: number },
): Promise<void> {
  const { dataDir, random, acknowledged } = options;
  const folder = path.join(dataDir, `stranded-${slot}`);
  const isDamaged = random.chance(0.4);
  const isUnopened = random.chance(0.25);
  const kept = ['stranded', random.chance(0.4) ? 'unstorable' : 'stranded', 'stranded'].map((prefix) =>
    writeOne(options, prefix),
  );
  try {
    await mkdir(folder);
    // Each a segment of its own.
    for (const { payload } of kept) await append(folder, [payload], undefined);
    if (isDamaged) kept.push(await appendDamaged(options, folder));
    if (isUnopened) await append(folder, [writeOne(options, 'stranded').payload], strangersKey);
    await mkdir(path.join(dataDir, 'outage'), { recursive: true });
    await rename(folder, path.join(dataDir, 'outage', String(slot)));
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  acknowledged.push(...kept.map(({ promised }) => promised));
  counts.damaged += isDamaged ? 1 : 0;
  counts.unopened += isUnopened ? 1 : 0;
}

interface Kept {
  readonly payload: Buffer;
  readonly promised: Acknowledged;
}

function writeOne({ template, vendor, random }: StrandOptions, prefix: string): Kept {
  const subject = admitSubject(vendor, random, 'stranded');
  const how = { kind: 'liveness.verdict', secret: secondSecret, template, prefix };
  const written = writeDelivery(subject, how);
  const id = uuidV7() as DeliveryId;
  const payload = packDelivery({
    id,
    account: secondAccount,
    source: 'webhook',
    webhookId: written.webhookId,
    bodySha256: Buffer.alloc(0), // made anew where it is read
    body: written.body,
    headers: written.headers,
    receivedAt: new Date(),
    traceId: null,
    isProven: true,
  });
  return { payload, promised: acknowledge(id, written) };
}

// Before another one: damaged bytes at the end would be a write that was never finished.
async function appendDamaged(options: StrandOptions, folder: string): Promise<Kept> {
  const behind = writeOne(options, 'stranded');
  const before = new Set(await readdir(folder));
  await append(folder, [Buffer.from(`${damagedMark}.`), behind.payload], undefined);
  const name = (await readdir(folder)).find((each) => !before.has(each)) ?? '';
  const file = path.join(folder, name);
  const whole = await readFile(file);
  whole.write('!', whole.indexOf(damagedMark) + damagedMark.length);
  await writeFile(file, whole);
  return behind;
}

async function append(
  folder: string,
  payloads: readonly Buffer[],
  cipher: Cipher | undefined,
): Promise<void> {
  const store = await openStore({ folder, maxBytes: bytesMax, cipher, onFound: () => {} });
  try {
    await store.append(payloads);
  } finally {
    await store.close();
  }
}
