// Expand and contract, held against the text of every migration: what the versions before it need stays, and their writes
// are not held up. `npm run upgrade` shows the same with two versions at work. 038 says why.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { findBreaches } from '../support/migration-rules.ts';
import { root } from '../support/source-tree.ts';

/** Nothing was in use before these. */
const firstTag = '0005_what-a-diagnosis-was-made-with';

/** Breaches that are meant, each with its reason: as the test prints it → why. */
const meant: Readonly<Record<string, string>> = {
  '0006_what-autovacuum-does builds an index under a lock: "create index concurrently if not exists", outside a transaction':
    'the table holds the idempotency keys of one day, some thousands; the lock is gone in milliseconds',
  '0007_unique-within-a-day adds a uniqueness that versions before it may not keep, without "-- contract: <tag>"':
    'weaker than deliveries_once, which they all keep; and what they write gives way to any uniqueness',
};

const folder = path.join(root, 'migrations');
const tags = readdirSync(folder)
  .filter((name) => name.endsWith('.sql'))
  .map((name) => name.slice(0, -4))
  .sort();

test('every migration can be run while the versions before it are at work', () => {
  const later = tags.filter((tag) => tag > firstTag);
  const breaches = later.flatMap((tag) => {
    const text = readFileSync(path.join(folder, `${tag}.sql`), 'utf8');
    return findBreaches(
      { tag, text },
      tags.filter((each) => each >= firstTag && each < tag),
    );
  });
  expect(breaches.filter((breach) => meant[breach] === undefined)).toEqual([]);
  expect(Object.keys(meant).filter((breach) => !breaches.includes(breach))).toEqual([]);
});

const outside = '-- outside a transaction\n';

test.each([
  ['alter table sessions drop column token', /drops/],
  ['ALTER TABLE "sessions" RENAME COLUMN "a" TO "b"', /renames/],
  ['alter table sessions alter column token type text', /changes a type/],
  ['alter table sessions alter column token set not null', /asks for a value/],
  ['alter table sessions add column n integer not null', /do not fill/],
  ['alter table sessions add constraint c check (n > 0) not valid', /may not keep/],
  ['alter table sessions add constraint c check (n > 0)', /under a lock/],
  ['drop table sessions', /drops/],
  ['truncate sessions', /empties/],
  ['create index a on sessions (b)', /under a lock/],
  ['create unique index concurrently if not exists a on sessions (b)', /uniqueness/],
  [`${outside}create index concurrently a on sessions (b)`, /cannot be run again/],
  [`${outside}insert into sessions default values`, /cannot be run again/],
  ['-- contract: 0009_later\ndrop table sessions', /no earlier migration/],
  ['-- contract: 0005_first\nselect 1', /takes nothing away/],
])('%j is refused', (text, why) => {
  const breaches = findBreaches({ tag: '0007_own', text }, ['0005_first', '0006_second']);
  expect(breaches.join('\n')).toMatch(why);
});

test.each([
  'create table more (id int not null); --> statement-breakpoint\ncreate unique index a on more (id)',
  'alter table sessions add column n integer',
  'alter table sessions add column n integer default 0 not null',
  'alter table sessions drop constraint c',
  `${outside}create index concurrently if not exists a on sessions (b)\n--> statement-breakpoint\ncomment on index a is 'drop table x'`,
  '-- contract: 0005_first\nalter table sessions drop column token',
  `create or replace function f() returns trigger language plpgsql as $$ begin drop table x; end $$`,
])('%j is not', (text) => {
  expect(findBreaches({ tag: '0007_own', text }, ['0005_first'])).toEqual([]);
});
