// What operators did is kept so that nobody can change it unseen.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type OperatedService, startOperated, useServices } from '../support/operator.ts';
import { apiKey } from '../support/service.ts';
import { runCli } from './run-cli.ts';

const encryption = { ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}` };

const services = useServices();
const start = async (env: Record<string, string> = {}) => examine(await services.start({ env }));

function examine(service: OperatedService) {
  const verify = async () => (await service.ops('GET', '/audit/verification')).body;
  // As somebody does who owns the database.
  const tamper = async (...statements: string[]) => {
    await service.db.query({ text: 'alter table audit_entries disable trigger all' });
    for (const text of statements) await service.db.query({ text });
    return (await verify()).flaws as { seq: number; flaw: string }[];
  };
  return { ...service, verify, tamper };
}
type Examined = ReturnType<typeof examine>;

async function act(service: OperatedService, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await service.ops('POST', '/pause', { what: 'pulling', why: `entry ${index + 1}` });
  }
}

const both = [
  ['without an encryption key', {}],
  ['with an encryption key', encryption],
] as const;

const chain = ['audit_entries', 'audit_head'];

async function keep({ db }: OperatedService): Promise<void> {
  for (const table of chain) await db.query({ text: `create table kept_${table} as table ${table}` });
}

async function putBack({ db }: OperatedService): Promise<void> {
  for (const table of chain) {
    await db.query({ text: `alter table ${table} disable trigger all` });
    await db.query({ text: `truncate ${table}` });
    await db.query({ text: `insert into ${table} table kept_${table}` });
    await db.query({ text: `alter table ${table} enable trigger all` });
  }
}

describe.each(both)('%s', (_what, env) => {
  // Five entries are written once, and each test begins with them as they were.
  let service: Examined;
  beforeAll(async () => {
    service = examine(await startOperated({ env }));
    await act(service, 5);
    await keep(service);
  });
  afterAll(() => service?.stop());
  beforeEach(() => putBack(service));

  test('guarantee 16: each column of any entry, changed, names that entry', async () => {
    expect(await service.verify()).toMatchObject({ is_whole: true, entries: 5, flaws: [], head: { seq: 5 } });
    const columns: Record<string, string> = {
      at: `at + interval '1 second'`,
      actor: `'somebody else'`,
      role: `'reader'`,
      address: `'192.0.2.1'`,
      action: `'resume'`,
      why: `'another reason'`,
      details: `'{"what":"processing"}'`,
      rows: 'rows + 1',
      outcome: `'conflict'`,
      previous_hash: `'\\x00'`,
      hash: `'\\x00'`,
    };
    for (const [column, value] of Object.entries(columns)) {
      const flaws = await service.tamper(`update audit_entries set ${column} = ${value} where seq = 3`);
      expect({ column, named: flaws.map(({ seq }) => seq) }).toEqual({
        column,
        named: expect.arrayContaining([3]),
      });
      expect(flaws.every(({ seq }) => seq === 3 || seq === 4)).toBe(true);
      await putBack(service);
    }
    expect((await service.verify()).is_whole).toBe(true);
  });

  test.each([
    ['the first', 'seq = 1', [1]],
    ['one in the middle', 'seq = 3', [3]],
    ['the last', 'seq = 5', [5]],
    ['two', 'seq in (2, 3)', [2, 3]],
    ['all', 'true', [1, 2, 3, 4, 5]],
  ])('%s, deleted, is named as missing', async (_which, where, missing) => {
    const flaws = await service.tamper(`delete from audit_entries where ${where}`);
    expect(flaws).toEqual(missing.map((seq) => ({ seq, flaw: 'missing' })));
  });

  test('two that are swapped are both named, by number and by content', async () => {
    const swapped = await service.tamper(
      'update audit_entries set seq = 99 where seq = 2',
      'update audit_entries set seq = 2 where seq = 4',
      'update audit_entries set seq = 4 where seq = 99',
    );
    expect(swapped.map(({ seq }) => seq)).toEqual(expect.arrayContaining([2, 4]));
    await putBack(service);
    const flaws = await service.tamper(`
      update audit_entries a set why = b.why, at = b.at, hash = b.hash, previous_hash = b.previous_hash
      from audit_entries b where (a.seq, b.seq) in ((2, 4), (4, 2))`);
    expect(flaws.map(({ seq }) => seq)).toEqual(expect.arrayContaining([2, 4]));
  });

  test('one that was put in, and a head that was changed or taken away, show', async () => {
    const insertion = `insert into audit_entries select 6, at, actor, role, address, action, 'forged', details, rows, outcome,
      key_id, hash, previous_hash from audit_entries where seq = 5`;
    expect((await service.tamper(insertion)).map(({ seq }) => seq)).toContain(6);
    expect(await service.tamper('delete from audit_entries where seq = 6')).toEqual([]);
    const moved = await service.tamper(
      'update audit_head set seq = 4, hash = (select hash from audit_entries where seq = 4)',
    );
    expect(moved).toEqual([{ seq: 5, flaw: 'changed' }]);
    expect(await service.tamper('delete from audit_head')).toContainEqual({ seq: 0, flaw: 'missing' });
  });

  test('guarantee 16: an action whose entry cannot be written is not done', async () => {
    const made = () => service.db.query({ text: `select from api_keys where name = 'unrecorded'` });
    const make = async () =>
      (await service.ops('POST', '/keys', { name: 'unrecorded', role: 'reader', why: 'a test' })).status;
    await service.tamper('delete from audit_head');
    expect({ status: await make(), made: await made() }).toEqual({ status: 500, made: [] });
    await putBack(service);
    expect(await make()).toBe(201);
    await service.db.query({ text: `delete from api_keys where name = 'unrecorded'` });
  });

  test('however wide a gap is made, no more of it is walked than is told', async () => {
    const startedAt = performance.now();
    const flaws = await service.tamper('update audit_entries set seq = 200000000 where seq = 3');
    expect(flaws[0]).toEqual({ seq: 3, flaw: 'missing' });
    const head = await service.tamper(
      'update audit_entries set seq = 3 where seq = 200000000',
      'update audit_head set seq = 200000000',
    );
    expect([head.length, head[0]]).toEqual([100, { seq: 6, flaw: 'missing' }]);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  test('the largest number that an entry can be given is named', async () => {
    const largest = 2n ** 63n - 1n;
    expect(await service.tamper(`update audit_entries set seq = ${largest} where seq = 2`)).toEqual([
      { seq: 2, flaw: 'missing' },
      { seq: Number(largest), flaw: 'changed' },
    ]);
  });

  test('the database itself refuses to change or delete an entry', async () => {
    for (const text of [
      'update audit_entries set why = why',
      'delete from audit_entries',
      'truncate audit_entries',
    ]) {
      await expect(service.db.query({ text })).rejects.toThrow('the audit is append-only');
    }
  });
});

test('a chain that was made anew without the key is found', async () => {
  const service = await start(encryption);
  await act(service, 3);
  // Whoever has no key can only make plain hashes.
  const plain = await start();
  await act(plain, 3);
  const rows = await plain.db.query<Record<string, unknown>>({
    text: 'select * from audit_entries order by seq',
  });
  await service.tamper('truncate audit_entries');
  for (const row of rows) {
    await service.db.query({
      text: `insert into audit_entries (${Object.keys(row).join(', ')}) values (${Object.keys(row).map((_, index) => `$${index + 1}`)})`,
      values: Object.values(row),
    });
  }
  await service.db.query({ text: 'update audit_head set hash = $1', values: [rows.at(-1)?.hash] });
  expect(await service.verify()).toMatchObject({ is_whole: false, flaws: [{ seq: 3, flaw: 'changed' }] });
});

test('a key that is configured later has the audit hang on it from the next start', async () => {
  const before = await start();
  await act(before, 2);
  expect(await before.verify()).toMatchObject({ is_whole: true, keyed_from: null });
  const after = examine(await services.start({ env: encryption, databaseUrl: before.databaseUrl }));
  expect(await after.verify()).toMatchObject({ is_whole: true, entries: 3, keyed_from: 3 });
  // So would a start on entries that somebody has put in their place.
  const env = { ILIVE_WEBHOOKS_URL: after.url, ILIVE_WEBHOOKS_API_KEY: apiKey };
  expect((await runCli(['audit', 'verify'], { env })).out).toContain(
    'From entry 3 on its hashes hang on an encryption key; who can write to the database could have made those before anew.',
  );
});

test('an action that fails is an entry with its code; actions at once keep the chain whole', async () => {
  const service = await start();
  await service.ops('POST', '/keys/nobody/revoke', { why: 'try' });
  const { data } = (await service.ops('GET', '/audit')).body;
  expect(data).toMatchObject([
    {
      seq: 1,
      actor: 'bootstrap',
      role: 'admin',
      action: 'keys.revoke',
      why: 'try',
      rows: 0,
      outcome: 'not_found',
    },
  ]);
  expect(data[0].address).toMatch(/127\.0\.0\.1$/);
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      service.ops('POST', '/keys', { name: `k${index}`, role: 'reader', why: 'at once' }),
    ),
  );
  expect(await service.verify()).toMatchObject({ is_whole: true, entries: 21 });
  const page = (await service.ops('GET', '/audit?action=keys.create&limit=5')).body;
  expect(page.data.map(({ seq }: { seq: number }) => seq)).toEqual([21, 20, 19, 18, 17]);
  const next = (await service.ops('GET', `/audit?action=keys.create&limit=5&cursor=${page.next_cursor}`))
    .body;
  expect(next.data[0].seq).toBe(16);
});
