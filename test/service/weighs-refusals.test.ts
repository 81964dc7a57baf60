// How the status weighs what was refused: loud where it may be iLive's, and quiet where anybody can have sent it.
import { expect, test } from 'vitest';
import { type OperatedService, useServices } from '../support/operator.ts';
import { verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

const { start } = useServices();
const why = 'a test';
type Problem = { level: string; message: string };
const messages = ({ problems }: { problems: Problem[] }) => problems.map(({ message }) => message);

test('what strangers send is a warning beside much that is signed, and an error where it is a share of what comes', async () => {
  const service = await start();
  const levelOnce = async (recent: number) => {
    const of = async () => ((await service.status()).problems as Problem[])[0];
    return (
      await until(async () => ((await of())?.message.startsWith(`${recent} requests`) ? of() : undefined))
    ).level;
  };
  const refuse = (count: number) =>
    Promise.all(
      Array.from({ length: count }, () => service.deliver(verdictPayload(), { secret: 'a stranger' })),
    );
  await refuse(10);
  // Nothing else has come: a wrong secret would look so.
  expect(await levelOnce(10)).toBe('error');
  for (let batch = 0; batch < 10; batch += 1) {
    await Promise.all(Array.from({ length: 19 }, () => service.deliver(verdictPayload())));
  }
  expect(await levelOnce(10)).toBe('warning');
  await refuse(1);
  expect(await levelOnce(11)).toBe('error');
});

test('a diagnosis without a finding is told as none, and is made anew', async () => {
  const one = await start();
  for (let count = 0; count < 2; count += 1) await one.deliver(verdictPayload(), { secret: 'a stranger' });
  const diagnosed = (service: OperatedService, finding: RegExp) =>
    until(async () => {
      const { diagnoses } = (await service.status()).refusals;
      return diagnoses.length === 1 && diagnoses[0].count === 2 && finding.test(diagnoses[0].finding);
    });
  await diagnosed(one, /^nothing that we know/);
  await one.db.query({
    text: `update refusals set diagnosis = jsonb_set(diagnosis, '{findings}', '[]')`,
  });
  await diagnosed(one, /^not diagnosed$/);
  expect(messages(await one.status())).toEqual([
    '2 requests were refused in the last 15 minutes: not diagnosed.',
  ]);
  const { body } = await one.ops('POST', '/doctor', { why, probe: false });
  expect(body.findings).toContainEqual(
    expect.objectContaining({ check: 'refusals', message: expect.stringMatching(/: not diagnosed$/) }),
  );
  const listed = (await one.get('/v1/ops/refusals')).body;
  expect(listed.data.map((row: { diagnosis: unknown }) => row.diagnosis)).toEqual(
    Array.from({ length: 2 }, () => ({ findings: [], is_complete: true })),
  );
  // A start looks through them all again, with the same secrets.
  const two = await start({ databaseUrl: one.databaseUrl });
  await diagnosed(two, /^nothing that we know/);
});

test('a sentence about a clock, its number and its command are of the same refusals', async () => {
  const service = await start();
  const minutesOff = async (minutes: number, count: number) => {
    const signedAt = new Date(Date.now() + minutes * 60_000);
    for (let sent = 0; sent < count; sent += 1) await service.deliver(verdictPayload(), { signedAt });
  };
  await minutesOff(-10, 2); // told late, or our clock is ahead
  await minutesOff(-12, 1);
  await minutesOff(10, 3);
  const advice = async () =>
    (await service.status()).problems.find(({ message }: Problem) => /clock/.test(message));
  const told = await until(async () =>
    (await service.status()).refusals.undiagnosed === 0 ? advice() : undefined,
  );
  expect(told.message).toContain(
    '3 of them "the signature is right; our clock was 10 minutes behind iLive\'s"',
  );
  expect(told.advice).toContain('--clock-offset=-10m');
});
