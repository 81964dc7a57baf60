// Guarantee 9: what a store quotes of what it was sent, such as a password or a person, reaches no line of the log.
import { expect, inject, test } from 'vitest';
import { createTestDatabase, runAsAdmin } from '../support/database.ts';
import { startProcess } from '../support/redis-server.ts';
import { apiKey, deliver, verdictPayload } from '../support/service.ts';
import { startServiceProcess } from '../support/service-process.ts';
import { useUndo } from '../support/undo.ts';
import { until } from '../support/until.ts';

const undo = useUndo();

async function start(env: Record<string, string> = {}) {
  const database = await createTestDatabase(inject('postgresUrl'));
  undo.push(database.drop);
  const service = await startServiceProcess({ DATABASE_URL: database.url, LOG_LEVEL: 'trace', ...env });
  undo.push(() => service.end('SIGKILL'));
  return { service, database };
}

test('guarantee 9: a Redis that knows no AUTH has the password repeated nowhere', async () => {
  // As does a server of before 6, a sentinel of then, or a proxy.
  const settings = ['HELLO', 'AUTH'].flatMap((command) => ['--rename-command', command, '']);
  const redis = await startProcess({ settings });
  undo.push(redis.kill);
  const { service } = await start({ REDIS_URL: redis.url.replace('//', '//canary-user:canary-password@') });
  await deliver(service.url, verdictPayload());
  const refusal = 'the queue takes no rings; the sweep will see to the deliveries';
  await until(() => service.said(refusal).length > 0, { describe: 'a ring has failed' });
  const written = service.written();
  expect(written.includes("ERR unknown command 'auth'")).toBe(true);
  expect(/canary/.test(written)).toBe(false);
});

test.each(['', "using errcode = '22023'", "using errcode = '23514'", "using errcode = '57000'"])(
  'guarantee 9: what a trigger quotes of a request is logged by its SQLSTATE alone (%s)',
  async (how) => {
    const { service, database } = await start();
    await runAsAdmin(
      database.url,
      `create function refuse_it() returns trigger language plpgsql as
       $$ begin raise exception E'nobody is called\\n%', new.reference_id ${how}; end $$`,
    );
    await runAsAdmin(
      database.url,
      'create trigger refuse_it before insert on sessions for each row execute function refuse_it()',
    );
    const response = await fetch(`${service.url}/v1/sessions/s-1`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ reference_id: 'canary-person' }),
    });
    expect(response.status).toBeGreaterThanOrEqual(500);
    const told = () =>
      service
        .written()
        .split('\n')
        .find((line) => line.includes('"a request failed'));
    await until(told, { describe: 'it was logged' });
    expect(told()).toMatch(/SQLSTATE \w{5}/);
    expect(told()).toContain('expect-session.ts');
    expect(/canary/.test(service.written())).toBe(false);
  },
);
