// What the doctor says of the connections to the stores, told from what was seen of them.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  checkCommit,
  checkConnections,
  checkRedisWire,
  checkVendorWire,
  checkWire,
  isNear,
  mostConnections,
} from '../../src/operations/doctor-connections.ts';
import { root } from '../support/source-tree.ts';

test.each([
  ['on', 'ok'],
  ['remote_apply', 'ok'],
  ['off', 'error'],
  ['local', 'error'],
  ['remote_write', 'error'],
  ['', 'error'],
])('a commit that waits for "%s" is %s', (setting, level) => {
  expect(checkCommit(setting)).toMatchObject({ level });
});

const clear = { isEncrypted: false, hasOneAddress: false };

test.each([
  ['another machine in clear', false, clear, ['warning']],
  ['another machine by TLS', false, { ...clear, isEncrypted: true }, ['ok']],
  ['an address that is this machine’s own', false, { ...clear, hasOneAddress: true }, ['ok']],
  ['a loopback that leads into a container', true, clear, ['ok']],
  ['one that could not be looked at', false, undefined, []],
])('of a Postgres at %s', (_, isByAddressNear, wire, levels) => {
  const found = checkWire({ check: 'postgres encryption', isNear: isByAddressNear, wire });
  expect(found.map(({ level }) => level)).toEqual(levels);
});

test.each([
  ['redis://:canary@cache.example.com:6379', 'warning'],
  ['redis-cluster://me:canary@a:6379,b:6379', 'warning'],
  ['redis://localhost.example.com', 'warning'],
  ['rediss://:canary@cache.example.com:6379', 'ok'],
  ['rediss-cluster://a:6379,b:6379', 'ok'],
  ['redis://:canary@127.0.0.1:6379', 'ok'],
  ['redis-cluster://127.0.0.1:7000,[::1]:7001', 'ok'],
])('of the Redis at %s', (address, level) => {
  const found = checkRedisWire(address);
  expect(found).toMatchObject([{ level }]);
  expect(JSON.stringify(found)).not.toContain('canary');
});

test.each([
  ['http://api.example.com', ['warning']],
  ['https://api.example.com', []],
  ['http://127.0.0.1:8081', []],
  ['http://localhost:8081/ilive', []],
])('of iLive at %s', (address, levels) => {
  expect(checkVendorWire(address).map(({ level }) => level)).toEqual(levels);
});

test('a queue in Postgres has no Redis to be read along', () => {
  expect(checkRedisWire(undefined)).toEqual([]);
});

test.each([
  ['postgres://me:p@localhost:5432/d', true],
  ['postgres://me:p@127.0.0.1/d', true],
  ['postgres://me:p@[::1]:5432/d', true],
  ['postgres://me:p@/d?host=/var/run/postgresql', true],
  ['postgres://%2Fvar%2Frun%2Fpostgresql/d', true],
  ['postgres://me:p@localhost/d?host=db.example.com', false],
  ['postgres://localhost:p@db/d', false],
  ['postgres://me:p@10.0.0.7/d', false],
])('%s names this machine: %s', (address, near) => {
  expect(isNear(address)).toBe(near);
});

const settings = { max_connections: '100', superuser_reserved_connections: '3' };
const own = { role: 'receiver', processes: 1, poolMax: 10, isQueueInPostgres: true };
const seen = (...processes: [string, number][]) => ({ settings, processes: new Map(processes) });

test('a process opens by its role, and by where the queue is', () => {
  const mostOf = (role: string, isQueueInPostgres: boolean) =>
    mostConnections(role, { poolMax: 10, isQueueInPostgres });
  expect([mostOf('all', true), mostOf('receiver', true), mostOf('worker', true)]).toEqual([60, 48, 28]);
  expect([mostOf('all', false), mostOf('receiver', false), mostOf('worker', false)]).toEqual([54, 42, 22]);
});

test('the Postgres of docker-compose.yml takes two receivers and two workers, with the queue in it too', () => {
  const [, allowed] =
    /max_connections=(\d+)/.exec(readFileSync(path.join(root, 'docker-compose.yml'), 'utf8')) ?? [];
  const most = 2 * (mostConnections('receiver', own) + mostConnections('worker', own));
  expect(Number(allowed)).toBeGreaterThan(most);
});

test('the connections of other processes count', () => {
  expect(checkConnections(seen(['receiver', 1], ['worker', 1]), own)).toMatchObject({
    level: 'ok',
    message: 'up to 76 of 97, for 1 receiver and 1 worker',
  });
  expect(checkConnections(seen(['receiver', 2], ['worker', 1]), own)).toMatchObject({
    level: 'warning',
    message: expect.stringContaining(
      '2 receivers and 1 worker may open 124 connections, and Postgres has 97 of them',
    ),
  });
});

test('a process of this start that is not connected just now counts, and so does what is reserved for superusers', () => {
  expect(checkConnections(seen(), { ...own, processes: 3 })).toMatchObject({ level: 'warning' });
  expect(checkConnections(seen(['receiver', 1]), { ...own, processes: 1 })).toMatchObject({ level: 'ok' });
  const reserved = { ...settings, max_connections: '50' };
  expect(checkConnections({ settings: reserved, processes: new Map([['receiver', 1]]) }, own)).toMatchObject({
    level: 'warning',
  });
});
