// The house, enforced: who may import whom, how long things may get, what they are called. A breach prints the file, the
// rule and the rule's reason; the way out is to change the code, or to change this table with a decision record. Each
// rule is also tried on a small house of its own with one thing wrong, since a rule that cannot fail guards nothing.
import { describe, expect, test } from 'vitest';
import { breaking, fitting, sound } from './fixtures/small-house.ts';
import { exceptions } from './support/house-exceptions.ts';
import { fileRules } from './support/house-file-rules.ts';
import { type Breach, graphRules, type House, isSource, type Tree } from './support/house-rules.ts';
import { readSources } from './support/source-facts.ts';
import { readSourceTree } from './support/source-tree.ts';

const workRooms = ['events', 'ilive', 'db', 'queue', 'reconcile', 'outage', 'operations', 'http', 'workers'];
const groundReason = 'a ground file is under every room, so it can stand on none';
const ground = [
  'errors',
  'log',
  'secret',
  'cipher',
  'backoff',
  'schedule',
  'secret-files',
  'seldom',
  'batches',
  'metrics',
  'metrics-figures',
  'printable',
  'trace-context',
  'version',
  'file-lock',
  'nearest',
  'postgres-address',
  'within',
  'queue-facts',
];

const partReasons = {
  'service-receiver': 'the receiver’s part of the composition root',
  'service-worker': 'the worker’s part of the composition root',
  'service-follow': 'what those who wait need, as the receiver has it',
  'service-operator': 'the operator’s part of the composition root',
  'service-outage': 'the outage store’s part of the composition root',
  'service-reads': 'the reads’ part of the composition root',
  'service-vendor': 'the vendor’s client, as both parts use it',
  'service-clock': 'which clock the service goes by, and what it is compared with',
  'service-stop': 'how what was started is undone',
  'service-stores': 'the database with its pools, and the queue',
};
const serviceParts = ['running', 'steady-clock', ...Object.keys(partReasons)];

const house: House = {
  rooms: {
    events: {
      mayImport: [],
      isOffGround: true,
      reason: 'deciding is pure: nothing that it imports can bring a clock, a network or a database',
    },
    ilive: { mayImport: ['events'], reason: 'the vendor’s words end here; it knows our words and no store' },
    db: { mayImport: ['events'], reason: 'SQL stores our words; the vendor’s never reach it' },
    queue: {
      mayImport: [],
      reason: 'the doorbell carries ids, so it needs to know nothing of what they name',
    },
    reconcile: {
      mayImport: ['ilive', 'db', 'events'],
      reason: 'silence is repaired without a queue or a request',
    },
    outage: {
      mayImport: [],
      reason: 'the outage store keeps bytes; it knows neither what they mean nor the database that is away',
    },
    operations: {
      mayImport: ['workers', 'reconcile', 'outage', 'ilive', 'db', 'events'],
      reason: 'what an operator does is a plain function; who asked and how it is shown is http’s',
    },
    http: {
      mayImport: ['operations', 'outage', 'ilive', 'db', 'events'],
      reason: 'the request path stores and answers; the service hands it announce',
    },
    workers: {
      mayImport: ['reconcile', 'ilive', 'db', 'events'],
      reason: 'work is plain functions; the service hands them to the queue',
    },
    cli: {
      mayImport: ['config-schemas', 'events', 'ilive', 'operations', 'outage'],
      reason: 'commands ask a service over HTTP; one that loaded the database would start slowly',
    },
    sdk: {
      mayImport: [],
      isOffGround: true,
      reason: 'what others install to ask the service knows its document and nothing else of it',
    },
    simulator: {
      mayImport: ['ilive', 'events'],
      reason: 'an oracle that reads our tables or code would agree with our mistakes',
    },
    service: {
      mayImport: [...serviceParts, 'config', ...workRooms],
      reason: 'the rooms meet here; it is no program and pretends no vendor',
    },
    ...Object.fromEntries(
      Object.entries(partReasons).map(([part, reason]) => [
        part,
        { mayImport: [...serviceParts, 'config', ...workRooms], reason },
      ]),
    ),
    running: {
      mayImport: ['config', 'steady-clock'],
      reason: 'it names what the parts share and does nothing',
    },
    main: {
      mayImport: ['config', 'env-file', 'running', 'service', 'processes', 'process-metrics', 'stop-signals'],
      reason: 'the process only reads, builds, starts and stops',
    },
    processes: {
      mayImport: ['config', 'db', 'process-metrics'],
      reason: 'the parent of several processes owns their database, and does nothing of their work',
    },
    'env-file': { mayImport: [], reason: 'it reads a text, and knows no key' },
    'stop-signals': { mayImport: [], reason: 'it tells what is asked for, and stops nothing itself' },
    'process-metrics': { mayImport: [], reason: 'it passes figures on and knows none of them' },
    config: {
      mayImport: ['config-keys', 'config-names', 'config-nest', 'config-schemas', 'ilive'],
      reason: 'the configuration is pure; only main and service see the whole',
    },
    'config-keys': {
      mayImport: [
        'config-keys-api',
        'config-keys-operations',
        'config-keys-receive',
        'config-schemas',
        'events',
        'ilive',
      ],
      reason: 'it names what a key may hold; only config reads it',
    },
    'config-keys-operations': {
      mayImport: ['config-schemas'],
      reason: 'the keys of operating; config-keys takes them in',
    },
    'config-keys-receive': {
      mayImport: ['config-schemas'],
      reason: 'the keys of taking deliveries; config-keys takes them in',
    },
    'config-keys-api': {
      mayImport: ['config-schemas'],
      reason: 'the keys of the API; config-keys takes them in',
    },
    'config-nest': {
      mayImport: ['config-keys', 'ilive'],
      reason: 'it gives what was read its shape, and reads nothing',
    },
    'config-names': { mayImport: [], reason: 'it compares names, and knows no key' },
    'config-schemas': { mayImport: ['ilive'], reason: 'it reads texts, and knows no key' },
    ...Object.fromEntries(
      [...ground, 'steady-clock'].map((name) => [name, { mayImport: [], reason: groundReason }]),
    ),
  },
  ground,
  owners: [
    {
      packages: ['pg', 'drizzle-orm'],
      room: 'db',
      reason: 'all SQL is in one place, where it can be read and measured',
    },
    {
      packages: ['bullmq', 'ioredis'],
      room: 'queue',
      reason: 'nothing that loses its queue may lose a delivery with it',
    },
    {
      packages: ['express', 'express-rate-limit', 'compression', 'cors'],
      room: 'http',
      reason: 'everything else can be called and tested without a request',
    },
  ],
  maxFileLines: 250,
  ...exceptions,
  maxFunctionLines: 70,
  drawers: ['utils', 'util', 'helpers', 'common', 'lib', 'shared'],
  forbiddenWords: [['..', 'shared'].join('/')],
  entryPoints: [
    'src/main.ts',
    'src/simulator/main.ts',
    'src/simulator/demo.ts',
    'src/cli/main.ts',
    'src/sdk/sdk.ts',
    'drizzle.config.ts',
  ],
};

const rules = { ...graphRules, ...fileRules };

function show({ file, rule, reason }: Breach): string {
  return `${file}: ${rule}, because ${reason}`;
}

const smallHouse: House = {
  ...house,
  mayReadEnvironment: {},
  mayCompareBytes: {},
  generated: {},
  notImported: {},
};

const real = readSourceTree();
const cases = [...Object.values(breaking), fitting].flatMap((trees) => Object.values(trees));
const texts = [real, sound, ...cases].flatMap((tree) => Object.entries(tree));
const facts = readSources(texts.filter(([file]) => isSource(file)).map(([, text]) => text));

function check(name: string, tree: Tree, by: House): string[] {
  return (rules[name]?.({ house: by, tree, facts }) ?? []).map(show);
}

function brokenRules(changes: Tree, by = smallHouse): string[] {
  return Object.keys(rules).filter((name) => check(name, { ...sound, ...changes }, by).length > 0);
}

describe('this house', () => {
  test.each(Object.keys(rules))('%s', (name) => {
    expect(check(name, real, house).join('\n')).toBe('');
  });
});

describe('a rule goes red for', () => {
  const listed = Object.entries(breaking).flatMap(([rule, trees]) =>
    Object.entries(trees).map(([what, tree]) => ({ rule, what, tree })),
  );
  test.each(listed)('$rule: $what', ({ rule, tree }) => {
    expect(brokenRules(tree)).toEqual([rule]);
  });

  test('every exception is in use: one that is not', () => {
    expect(brokenRules({}, { ...smallHouse, mayReadEnvironment: { 'src/service.ts': 'once' } })).toEqual([
      'every exception is in use',
    ]);
    expect(brokenRules({}, { ...smallHouse, notImported: { pg: 'once' } })).toEqual([
      'dependencies are used',
    ]);
  });
});

describe('no rule goes red for', () => {
  test.each(Object.entries({ 'a sound house': {}, ...fitting }))('%s', (_what, tree) => {
    expect(brokenRules(tree)).toEqual([]);
  });
});

test('every rule has a case that it goes red for', () => {
  expect([...Object.keys(breaking), 'every exception is in use'].sort()).toEqual(Object.keys(rules).sort());
});

test('a breach says the file, the rule and the reason', () => {
  const tree = { ...sound, ...breaking['packages have one owner']?.['pg outside db'] };
  expect(check('packages have one owner', tree, smallHouse)).toEqual([
    'src/service.ts: only db names pg, because all SQL is in one place, where it can be read and measured',
  ]);
});
