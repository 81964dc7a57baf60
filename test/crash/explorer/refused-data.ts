// Deliveries that Postgres will not have as data, which nothing that iLive sends is: triggers in the round's own database
// refuse them by how their names begin. `unstorable` ones are never stored: turned away, or, where they were promised during
// an outage, set aside from the outage store. `refused` and `failing` ones are stored, and parked when they cannot be
// processed. It also looks whether what was set aside is what had to be.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import type { Cipher } from '../../../src/cipher.ts';
import { readSetAside } from '../../../src/outage/set-aside.ts';
import type { Acknowledged } from './check-tables.ts';

// 22000 is the data's own fault, and parks at once; P0001 counts as a bug of ours, and is tried again.
const triggersText = `
  create function refuse_data() returns trigger language plpgsql as $$
  begin
    if tg_table_name = 'deliveries' then
      if new.webhook_id like 'unstorable-%' then raise exception 'unstorable' using errcode = '22000'; end if;
    elsif new.reference_id like 'refused-%' then raise exception 'refused' using errcode = '22000';
    elsif new.reference_id like 'failing-%' then raise exception 'failing' using errcode = 'P0001';
    end if;
    return new;
  end $$;
  create trigger refuse_data before insert on deliveries for each row execute function refuse_data();
  create trigger refuse_data before insert on observations for each row execute function refuse_data();`;

export async function refuseData(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(triggersText);
  } finally {
    await client.end();
  }
}

/** Stands in the bytes of a record that was damaged on purpose. */
export const damagedMark = 'damaged on purpose';

export function isUnstorable({ webhookId }: Acknowledged): boolean {
  return webhookId.startsWith('unstorable-');
}

/** Deliveries that were promised and cannot be stored are set aside, each of them, and nothing else is. */
export async function checkSetAside(
  dataDir: string,
  acknowledged: readonly Acknowledged[],
  damagedCount: number,
  cipher: Cipher | undefined,
): Promise<string[]> {
  const root = path.join(dataDir, 'outage');
  const names = (await readdir(root, { recursive: true }).catch(() => [])).filter((name) =>
    name.endsWith('.damaged'),
  );
  const texts = await Promise.all(names.map((name) => readText(path.join(root, name), cipher)));
  const damaged = texts.filter((text) => text.includes(damagedMark));
  const strange = names.filter(
    (_, index) => !texts[index]?.includes(damagedMark) && !texts[index]?.includes('unstorable-'),
  );
  const lost = acknowledged.filter(
    (each) => isUnstorable(each) && !texts.some((text) => text.includes(each.webhookId)),
  );
  return [
    ...strange.map((name) => `the outage store has set aside ${name}, which is neither damaged nor refused`),
    ...lost.map(({ webhookId }) => `delivery ${webhookId} was answered 202 and is not set aside`),
    ...(damaged.length === damagedCount
      ? []
      : [`${damagedCount} records were damaged on purpose, and ${damaged.length} are set aside`]),
  ];
}

// As the service's own reader has it; what does not open, as it is.
async function readText(file: string, cipher: Cipher | undefined): Promise<string> {
  const read = await readSetAside(file, cipher);
  return typeof read === 'string' ? readFile(file, 'latin1') : read.toString('latin1');
}
