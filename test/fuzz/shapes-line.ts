// Requests whose first line or whose head nobody expects: other methods, targets and versions, and heads that are too long.
import { bytesOf, frontDoor, type Making, type Shape, type Turn, writeRequest } from './talk.ts';

const targets = [
  'http://evil.example/webhooks/ilive',
  'http://evil.example:99999/webhooks/ilive',
  'https://user:pass@evil.example/v1/sessions',
  '//webhooks/ilive',
  '/webhooks//ilive',
  '/webhooks/ilive/',
  '/webhooks/ilive/../../v1/ops/keys',
  '/webhooks/ilive/%2e%2e%2fv1',
  '/webhooks/ilive/%00',
  '/webhooks/ilive/%',
  '/webhooks/ilive/%zz',
  '/webhooks/ilive/%c0%af',
  '/webhooks/ilive/__proto__',
  '/webhooks/ilive/constructor',
  '/webhooks/ilive?__proto__[a]=1&a[b][c][d][e][f][g]=1',
  '/webhooks/ilive#fragment',
  '/webhooks/ilive;x=y',
  '/WEBHOOKS/ILIVE',
  '/webhooks/ilive\u00ff',
  '/v1/../healthz',
  '/docs/../../package.json',
  '/docs/%2e%2e/%2e%2e/package.json',
  '/metrics?name[]=%00',
  '*',
  'webhooks/ilive',
  '',
] as const;

const methods = [
  'GET',
  'HEAD',
  'PUT',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'PROPFIND',
  'FOO',
  'post',
  'P\u0000ST',
  'PRI',
  'CONNECT',
] as const;

const versions = [
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/0.9',
  'HTTP/2.0',
  'HTTP/9.9',
  'HTTP/1.1 x',
  'http/1.1',
  '',
] as const;

function strangeLine(making: Making): Turn {
  const { random } = making;
  const method = random.chance(0.5) ? 'POST' : random.pick(methods);
  const target = random.chance(0.6) ? random.pick(targets) : frontDoor;
  const version = random.chance(0.8) ? 'HTTP/1.1' : random.pick(versions);
  const head: [string, string][] = random.chance(0.9) ? [['host', making.host]] : [];
  return {
    pieces: [
      writeRequest(`${method} ${target} ${version}`, [...head, ['content-length', '2']], bytesOf('{}')),
    ],
  };
}

function longHead(making: Making): Turn {
  const { random } = making;
  const size = random.pick([8_000, 15_000, 17_000, 70_000]);
  const head: [string, string][] = [['host', making.host]];
  const line = random.pick<() => string>([
    (): string => `POST ${frontDoor}?${'a'.repeat(size)} HTTP/1.1`,
    (): string => `GET /v1/sessions?reference_id=${'%41'.repeat(size / 3)} HTTP/1.1`,
    (): string => {
      for (let at = 0; at < size / 12; at += 1) head.push([`x-${at}`, 'a']);
      return `POST ${frontDoor} HTTP/1.1`;
    },
    (): string => {
      head.push(['x-long', 'a'.repeat(size)]);
      return `POST ${frontDoor} HTTP/1.1`;
    },
  ])();
  return { pieces: [writeRequest(line, head)] };
}

export const lineShapes: readonly Shape[] = [
  { name: 'strange method, target or version', weight: 6, isWhole: false, make: strangeLine },
  { name: 'long head', weight: 0.5, isWhole: false, make: longHead },
];
