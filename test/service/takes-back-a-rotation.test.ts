// A rotation that was finished too early is taken back: the retired secret counts again everywhere, and nothing that was refused
// meanwhile is lost.
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Log } from '../../src/log.ts';
import { takes, useServices } from '../support/operator.ts';
import { secret, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

const services = useServices();
const env = { ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}` };
const newSecret = 'whsec_the_next_one';
const why = 'too early';

test('a rotation that was finished too early: the old secret counts again in every receiver, and what was refused is let in', async () => {
  const warned: string[] = [];
  const log: Log = {
    debug() {},
    info() {},
    error() {},
    warn: (...args: unknown[]) => void warned.push(JSON.stringify(args)),
  };
  const one = await services.start({ env, overrides: { log } });
  const two = await services.start({ env, databaseUrl: one.databaseUrl });
  await one.ops('POST', '/secrets/begin-rotation', { name: '2027', secret: newSecret, why });
  await takes(one, newSecret);
  const finish = () => one.ops('POST', '/secrets/finish-rotation', { why, quiet_seconds: 1 });
  const finished = () =>
    until(async () => (await finish()).status === 200, { describe: 'the old secret is quiet' });
  await finished();
  const told = () =>
    warned.filter((line) => line.includes('is retired; list the new one there in its place'));
  expect(told()).toHaveLength(1);
  for (const service of [one, two]) {
    await until(async () => (await service.deliver(verdictPayload())).status === 401, { deadlineMs: 5_000 });
  }

  const taking = { name: 'back', secret, why };
  expect(await two.ops('POST', '/secrets/begin-rotation', taking)).toMatchObject({
    status: 409,
    body: {
      code: 'conflict',
      detail: expect.stringMatching(/known already, .*"reinstate": true in the API/),
    },
  });
  const back = await two.ops('POST', '/secrets/begin-rotation', { ...taking, reinstate: true });
  expect(back).toMatchObject({ status: 201, body: { name: 'back', origin: 'database', state: 'retiring' } });
  const { data } = (await one.get('/v1/ops/secrets')).body;
  expect(data.map(({ name, state }: { name: string; state: string }) => [name, state])).toEqual([
    ['back', 'retiring'],
    ['2027', 'active'],
  ]);
  for (const service of [one, two]) {
    await takes(service, secret);
    await takes(service, newSecret);
  }
  let admitted = 0;
  await until(
    async () => {
      const { body } = await one.ops('POST', '/refusals/reverify', { why });
      expect(body.refused).toBe(0);
      admitted += body.admitted;
      return admitted >= 2; // each receiver refused one at least
    },
    { describe: 'what was refused is let in' },
  );
  const begun = (await one.get('/v1/ops/audit?action=secrets.begin_rotation')).body.data;
  expect(begun.map(({ details }: { details: object }) => details)).toEqual([
    expect.objectContaining({ name: 'back', reinstated: true }),
    expect.objectContaining({ name: 'back' }),
    expect.objectContaining({ name: '2027', reinstated: false }),
  ]);
  await finished();
  await until(() => told().length === 2, { describe: 'the log says it again' });
});
