// What can be said about the container files without an engine to run them: they parse, they set keys that exist, and
// what they copy, mount and start is there. Each check names a mistake that would otherwise show at the first start.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Script } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { configKeys, parseConfig } from '../../src/config.ts';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

interface Container {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly restart?: string;
  readonly stop_grace_period?: string;
  readonly volumes?: readonly string[];
  readonly profiles?: readonly string[];
  readonly ports?: readonly string[];
  readonly logging?: { readonly driver: string; readonly options: Readonly<Record<string, string>> };
}

const composeText = read('docker-compose.yml');
const compose = parse(composeText, { merge: true }) as {
  readonly services: Readonly<Record<string, Container>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const { receiver, worker, postgres, redis, simulator } = compose.services;
const ourOwn = Object.entries({ receiver, worker, simulator });

const instructions = read('deploy/Dockerfile')
  .replaceAll(/^\s*#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line.trim() !== '');
const linesOf = (instruction: string) => instructions.filter((line) => line.startsWith(`${instruction} `));
const lastStage = instructions.slice(instructions.findLastIndex((line) => line.startsWith('FROM ')));

const healthCommand = JSON.parse(linesOf('HEALTHCHECK')[0]?.replace(/^.*? CMD /, '') ?? '[]') as string[];

/** A key that another program reads: Postgres, and Compose itself for the port that it publishes. */
const foreignKeys = new Set([
  'POSTGRES_DB',
  'POSTGRES_USER',
  'POSTGRES_PASSWORD',
  'POSTGRES_INITDB_ARGS',
  'RECEIVER_PORT',
]);
const ourKeys = new Set(configKeys.map(({ env }) => env));
const isKnown = (key: string) => ourKeys.has(key) || foreignKeys.has(key);

const substituted = (value: string) => value.replaceAll(/\$\{\w+[^}]*\}/g, 'a-value-of-some-length');

describe('docker-compose.yml', () => {
  test('every key that it sets or asks for exists', () => {
    const set = Object.values(compose.services).flatMap(({ environment }) => Object.keys(environment ?? {}));
    const asked = [...composeText.matchAll(/\$\{(\w+)/g)].map(([, key]) => key ?? '');
    expect([...set, ...asked].filter((key) => !isKnown(key))).toEqual([]);
  });

  test.each(['receiver', 'worker'])('the configuration of the %s can be used', (name) => {
    const environment = compose.services[name]?.environment ?? {};
    const env = Object.fromEntries(
      Object.entries(environment).map(([key, value]) => [key, substituted(value)]),
    );
    expect(parseConfig(env)).toMatchObject({ role: name, http: { host: '0.0.0.0', port: 8080 } });
  });

  test('no secret has a value or a default', () => {
    const secrets = new Set(configKeys.filter(({ isSecret }) => isSecret).map(({ env }) => env));
    for (const key of ['DATABASE_URL', 'REDIS_URL']) secrets.delete(key);
    secrets.add('POSTGRES_PASSWORD');
    const asked = [...composeText.matchAll(/\$\{(\w+)(.?.?)/g)].filter(([, key]) => secrets.has(key ?? ''));
    expect(asked.map(([, , operator]) => operator)).toEqual(asked.map(() => ':?'));
    const values = Object.values(compose.services).flatMap(({ environment }) =>
      Object.entries(environment ?? {}),
    );
    const written = values.filter(([key, value]) => secrets.has(key) && !/^\$\{/.test(value));
    expect(written).toEqual([]);
    expect(receiver?.environment?.DATABASE_URL).toContain(':${POSTGRES_PASSWORD:?');
  });

  test('what runs for long is watched, started again and given time to stop', () => {
    const [delaySeconds, graceSeconds] = ['SHUTDOWN_DELAY_SECONDS', 'SHUTDOWN_GRACE_SECONDS'].map((name) =>
      Number(configKeys.find(({ env }) => env === name)?.defaultText),
    ) as [number, number];
    for (const container of [receiver, worker, postgres, redis]) {
      expect(container?.healthcheck?.test).toBeDefined();
      expect(container?.restart).toBe('unless-stopped');
    }
    for (const container of [receiver, worker]) {
      expect(Number.parseInt(container?.stop_grace_period ?? '', 10)).toBeGreaterThan(
        delaySeconds + graceSeconds,
      );
    }
  });

  test('our containers can write to their volumes alone, and gain no rights', () => {
    for (const [, container] of ourOwn) {
      expect(container).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
    }
  });

  test('only this machine reaches the port that is published, since it has no TLS and more than the webhook route', () => {
    const published = Object.values(compose.services).flatMap(({ ports }) => ports ?? []);
    expect(published.map((port) => port.replace(/\$\{RECEIVER_PORT:-8080\}/, 'port'))).toEqual([
      '127.0.0.1:port:8080',
    ]);
  });

  test('no log of what runs for long fills the disk', () => {
    for (const container of [receiver, worker, postgres, redis]) {
      expect(container?.logging).toMatchObject({
        driver: 'json-file',
        options: { 'max-size': expect.stringMatching(/^\d+m$/), 'max-file': expect.stringMatching(/^\d$/) },
      });
    }
  });

  test('every word of a command is a text, and what Node is asked to evaluate can be read', () => {
    // An unquoted `a ? b : c` is a mapping to YAML, and would reach Node as none of our words.
    const commands = Object.values(compose.services).map(({ command, healthcheck }) => [
      command,
      healthcheck?.test,
    ]);
    const words = [...commands.flat(2), ...healthCommand].filter((word) => word !== undefined);
    expect(words.filter((word) => typeof word !== 'string')).toEqual([]);
    const scripts = words.filter((_word, index) => words[index - 1] === '-e');
    expect(scripts).toHaveLength(3);
    for (const script of scripts) expect(() => new Script(script)).not.toThrow();
  });

  test('Postgres is 18, and its data is mounted where that image keeps it', () => {
    expect(postgres?.image).toMatch(/^postgres:18\b/);
    expect(postgres?.volumes).toEqual(['postgres-data:/var/lib/postgresql']);
    expect(postgres?.command?.join(' ')).toBe(
      'postgres -c max_wal_size=4GB -c checkpoint_timeout=15min -c max_connections=300',
    );
  });

  test('what a receiver keeps while Postgres is away outlives its container, and the image’s user may write it', () => {
    const dataDir = /DATA_DIR=(\S+)/.exec(linesOf('ENV').join('\n'))?.[1] ?? 'none';
    expect(receiver?.volumes?.map((volume) => volume.split(':')[1])).toEqual([dataDir]);
    expect(linesOf('RUN').join('\n')).toContain(`install --directory --owner=node --group=node ${dataDir}`);
  });

  test('Redis is 7, writes what it is told and evicts nothing', () => {
    expect(redis?.image).toMatch(/^redis:7\b/);
    const flags = redis?.command?.join(' ');
    expect(flags).toBe('redis-server --appendonly yes --appendfsync everysec --maxmemory-policy noeviction');
  });

  test('every volume that is mounted is declared', () => {
    const mounted = Object.values(compose.services).flatMap(({ volumes = [] }) => volumes);
    const names = mounted.map((volume) => volume.split(':')[0]).filter((name) => !name?.startsWith('.'));
    expect(names.sort()).toEqual(Object.keys(compose.volumes).sort());
  });

  test.each(ourOwn)(
    'the %s is built from a file that exists and starts one that exists',
    (_name, container) => {
      expect(existsSync(path.join(root, container?.build?.dockerfile ?? 'none'))).toBe(true);
      const started = (container?.command ?? []).filter((word) => word.endsWith('.ts'));
      expect(started.filter((file) => !existsSync(path.join(root, file)))).toEqual([]);
    },
  );

  test('the simulator is started only when asked for, with flags that it has', () => {
    expect(simulator?.profiles).toEqual(['demo']);
    const flags = (simulator?.command ?? []).filter((word) => word.startsWith('--'));
    const source = read('src/simulator/simulate-options.ts');
    expect(flags).toContain('--target');
    expect(flags.filter((flag) => !source.includes(`${flag} `))).toEqual([]);
  });
});

describe('deploy/Dockerfile', () => {
  test('installs in a stage of its own, without what the image does not need', () => {
    expect(linesOf('FROM').map((line) => line.split(' ')[1])).toEqual(['node:24-slim', 'node:24-slim']);
    expect(linesOf('RUN').join('\n')).toContain('npm ci --omit=dev --omit=optional');
    expect(lastStage.join('\n')).not.toContain('npm');
  });

  test('runs as node, and starts the service without a shell in between', () => {
    expect(lastStage.findLast((line) => line.startsWith('USER '))).toBe('USER node');
    const command = JSON.parse(linesOf('CMD').at(-1)?.slice(4) ?? '[]') as string[];
    expect(command).toEqual(['node', '--max-semi-space-size=16', 'src/main.ts']);
    expect(existsSync(path.join(root, 'src/main.ts'))).toBe(true);
  });

  test('asks the service whether it is alive', () => {
    expect(linesOf('HEALTHCHECK')).toHaveLength(1);
    expect(linesOf('HEALTHCHECK')[0]).toContain('/healthz');
    expect(read('src/http/app.ts')).toContain("'/healthz'");
  });

  test('copies what exists, and .dockerignore lets it through', () => {
    const sources = linesOf('COPY')
      .filter((line) => !line.includes('--from='))
      .flatMap((line) => line.split(' ').slice(1, -1));
    expect(sources.filter((source) => !existsSync(path.join(root, source)))).toEqual([]);
    const allowed = read('.dockerignore').split('\n');
    expect(allowed).toContain('*');
    expect(sources.filter((source) => !allowed.includes(`!${source}`))).toEqual([]);
  });
});

describe('the runbook', () => {
  const runbook = read('docs/operations.md');

  test('gives a start its time beside the liveness probe, and has systemd start it again for ever', () => {
    const [container] = parse(/```yaml\n([\s\S]*?startupProbe[\s\S]*?)```/.exec(runbook)?.[1] ?? '[]');
    const { startupProbe, livenessProbe, readinessProbe } = container ?? {};
    expect([startupProbe, livenessProbe].map((probe) => probe?.httpGet.path)).toEqual([
      '/healthz',
      '/healthz',
    ]);
    expect(readinessProbe?.httpGet.path).toBe('/readyz');
    // Migrations of a large table, and a wait for another process that migrates.
    expect(startupProbe?.failureThreshold * startupProbe?.periodSeconds).toBeGreaterThanOrEqual(1_800);
    const unit = /```ini\n([\s\S]*?)```/.exec(runbook)?.[1] ?? '';
    expect(unit).toMatch(/\[Unit\][^[]*^StartLimitIntervalSec=0$/m);
    expect(unit).toMatch(/\[Service\][^[]*^RestartSec=5$/m);
  });
});
