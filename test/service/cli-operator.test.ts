// The operator's commands, as an operator types them: refusals, replays, deliveries, sessions and what comes live.
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Operator, operatorOf } from '../support/operator.ts';
import { apiKey, startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';
import { runCli, startCli } from './run-cli.ts';

let service: TestService & Operator;
let folder: string;
const env = () => ({ ILIVE_WEBHOOKS_URL: service.url, ILIVE_WEBHOOKS_API_KEY: apiKey });
const cli = (...args: string[]) => runCli(args, { env: env() });
const why = ['--why', 'a test'];
const newSecret = 'whsec_the_next_one';

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'cli-'));
  const started = await startTestService({
    env: { ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`, REPLAY_CONFIRM_ABOVE: '4' },
  });
  service = { ...started, ...operatorOf(started.url) };
});
afterAll(async () => {
  await service?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('with nothing there', () => {
  test.each([
    ['refusals list', 'No refusal matches.'],
    ['deliveries list', 'No delivery matches.'],
    ['sessions list', 'No session matches.'],
    ['replays list', 'There is no replay.'],
  ])('%s says so, and --json is an empty list', async (command, sentence) => {
    expect(await cli(...command.split(' '))).toEqual({ code: 0, out: '', err: `${sentence}\n` });
    const json = await cli(...command.split(' '), '--json');
    expect(JSON.parse(json.out)).toEqual({ data: [], next_cursor: null });
  });

  test('reverify, admit and purge have nothing to do', async () => {
    expect((await cli('refusals', 'reverify', ...why)).out).toBe(
      'There is nothing to do: no refused request is left that this names.\n',
    );
    expect((await cli('refusals', 'purge', '--all', '--yes', ...why)).out).toBe('Removed 0 refusals.\n');
    for (const verb of ['reverify', 'admit']) {
      const none = await cli('refusals', verb, randomUUID(), ...why);
      expect(none).toMatchObject({ code: 1, err: expect.stringMatching(/^No refusal has this id\./) });
    }
  });
});

test('refusals: listed, shown, read into a file, reverified, purged', async () => {
  const payloads = [verdictPayload(), verdictPayload(), verdictPayload()];
  for (const payload of payloads) await service.deliver(payload, { secret: newSecret });
  await service.deliver(verdictPayload(), { secret: 'junk' });
  const listed = await until(async () => {
    const { out } = await cli('refusals', 'list', '--json');
    const { data } = JSON.parse(out);
    return data.length === 4 ? data : undefined;
  });
  const table = await cli('refusals', 'list', '--since', '1h', '--limit', '2');
  expect(table).toMatchObject({ code: 0, err: 'There are more than these 2: use --all, or --limit.\n' });
  expect(table.out).toMatch(/^refusal +last received +reason +address +times +diagnosis\n/);
  expect(table.out.trim().split('\n')).toHaveLength(3);
  const id = listed.at(-1).refusal_id;
  expect((await cli('refusals', 'show', id)).out).toMatch(/^reason +signature_mismatch$/m);
  expect((await cli('refusals', 'show', id, '--body')).err).toMatch(/^--why is needed/);
  const file = path.join(folder, 'body.bin');
  const read = await cli('refusals', 'show', id, '--body', '--body-file', file, ...why);
  expect(read.out).toContain('x-ilive-signature');
  expect(await readFile(file, 'utf8')).toBe(JSON.stringify(payloads[0]));
  const twice = await cli('refusals', 'show', id, '--body-file', file, ...why);
  expect(twice).toMatchObject({ code: 2, err: expect.stringContaining('is there already') });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const reads = (await service.get('/v1/ops/audit?action=refusals.read_body')).body.data;
  expect(reads).toHaveLength(1);

  const none = await cli('refusals', 'reverify', ...why);
  expect(none).toMatchObject({ code: 1, out: expect.stringContaining('0 of 4 admitted.') });
  await service.ops('POST', '/secrets/begin-rotation', { name: 'next', secret: newSecret, why: 'a test' });
  const dry = await cli('refusals', 'reverify', '--dry-run', ...why);
  expect(dry).toMatchObject({ code: 0, out: expect.stringMatching(/^3 of 4 would be admitted\./) });
  const done = await cli('refusals', 'reverify', '--since', '1h', '--reason', 'signature_mismatch', ...why);
  expect(done.out).toMatch(/^3 of 4 admitted\.\n {2}1 stays refused: signature_mismatch\n/);
  expect((await cli('refusals', 'show', id)).out).not.toContain('what would have matched');
  expect((await cli('audit', 'list')).out).toMatch(/ refusals\.reverify \(dry run\) +0 /);
  await service.settled();
  expect((await cli('deliveries', 'list', '--admission', 'signature')).out.trim().split('\n')).toHaveLength(
    4,
  );
  expect((await cli('refusals', 'list', '--state', 'admitted')).out).toContain('admitted as ');
  const unasked = await cli('refusals', 'purge', '--reason', 'signature_mismatch', ...why);
  expect(unasked).toMatchObject({ code: 2, err: expect.stringContaining('say --yes, or --dry-run') });
  const purged = await cli('refusals', 'purge', '--reason', 'signature_mismatch', '--yes', ...why);
  expect(purged.out).toBe('Removed 1 refusal.\n');
});

test('replay: rehearsed, confirmed, followed, and listed', async () => {
  await service.deliver({ event: 'of.tomorrow' });
  await service.deliver(verdictPayload());
  await service.settled();
  const dry = await cli('replay', '--state', 'parked', '--dry-run', ...why);
  expect(dry).toMatchObject({ code: 0, err: '' });
  expect(dry.out).toMatch(/^1 delivery matches; 1 was tried, and nothing was changed\.\n/);
  expect(dry.out).toContain('No row would change.');
  const asked = await cli('replay', '--all', ...why);
  expect(asked).toMatchObject({ code: 1, err: expect.stringMatching(/^5 deliveries match\. .*--yes/) });
  const done = await cli('replay', '--all', '--yes', '--follow', ...why);
  expect(done).toMatchObject({ code: 0, out: expect.stringMatching(/^replayed +5 of 5$/m) });
  expect(done.out).toMatch(/^rows changed +none$/m);
  const begun = (await service.get('/v1/ops/audit?action=replays.start')).body.data;
  expect(begun[0]).toMatchObject({ outcome: 'done', details: { confirm: 'all' } });
  const { data } = JSON.parse((await cli('replays', 'list', '--state', 'done', '--json')).out);
  const shown = await cli('replays', 'show', data[0].replay_id);
  expect(shown.out).toMatch(/^why +a test$/m);
  const over = await cli('replays', 'cancel', data[0].replay_id, ...why);
  expect(over).toMatchObject({ code: 1, err: expect.stringContaining('is done') });
  const one = (await service.get('/v1/deliveries?limit=1')).body.data[0].delivery_id;
  expect((await cli('replay', one, ...why)).out).toMatch(/^Replay \S+ of 1 delivery has begun\.\n/);
  const shownDelivery = await cli('deliveries', 'show', one, '--body', ...why);
  expect(shownDelivery.out).toMatch(/^state +\w+$/m);
  expect(shownDelivery.out).toContain('"event"');
});

test('a list longer than a page comes whole with --all, as a table and as one document', async () => {
  await service.db.query({
    text: `insert into sessions (session_id, account, state, confirmation, expected_at, expires_at, reference_id)
           select 's-' || n, 'default', 'expected', 'unconfirmed', now(), now() + interval '1 hour', 'bulk'
           from generate_series(1, 450) n`,
  });
  const args = ['sessions', 'list', '--reference', 'bulk', '--all'];
  const table = await cli(...args);
  expect(table.out.trim().split('\n')).toHaveLength(451);
  const json = JSON.parse((await cli(...args, '--json')).out);
  expect(json.data).toHaveLength(450);
  expect(new Set(json.data.map(({ session_id }: { session_id: string }) => session_id)).size).toBe(450);
  expect(json.next_cursor).toBe(null);
});

test('a clock that was off: reverify says how far, and the command that admits what is left', async () => {
  await service.deliver(verdictPayload(), { signedAt: new Date(Date.now() + 20 * 60_000) });
  await until(async () => (await service.get('/v1/ops/refusals?state=refused')).body.data.length === 1);
  const left = await cli('refusals', 'reverify', ...why);
  expect(left).toMatchObject({ code: 1, err: '' });
  expect(left.out).toMatch(/our clock was 20 minutes behind iLive's\. Admit them with:\n {2}ilive-webhooks /);
  expect(left.out).toMatch(/ refusals reverify --clock-offset=-20m --why '…'\n$/);
  await until(async () => {
    const shown = await cli('refusals', 'list', '--state', 'refused', '--since', '2026-01-01');
    return shown.out.includes('refusals reverify --clock-offset=-20m');
  });
  const done = await cli('refusals', 'reverify', '--clock-offset=-20m', ...why);
  expect(done).toMatchObject({ code: 0, out: '1 of 1 admitted.\n' });
});

test.each([0, 600_000])(
  'tail: shows what comes and how it ends, and ends by Ctrl-C; our clock %d ms ahead',
  async (aheadMs) => {
    const clock = path.join(folder, `clock-${aheadMs}.mjs`);
    await writeFile(
      clock,
      `const Real = Date;
    globalThis.Date = class extends Real {
      constructor(...args) { super(...(args.length === 0 ? [Real.now() + ${aheadMs}] : args)); }
      static now() { return Real.now() + ${aheadMs}; }
    };`,
    );
    const child = startCli(['tail', '--json'], { ...env(), NODE_OPTIONS: `--import=${clock}` }, os.tmpdir());
    const ended = new Promise((resolve) => child.once('close', resolve));
    let out = '';
    child.stdout?.on('data', (chunk) => {
      out += chunk;
    });
    // Only what comes behind its first look is shown, so deliveries go on until one is.
    await until(async () => {
      await service.deliver(verdictPayload());
      return out.includes('"state":"done"');
    });
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    const lines = out.trim().split('\n');
    for (const line of lines) expect(JSON.parse(line)).toHaveProperty('delivery_id');
    expect(new Set(lines).size).toBe(lines.length);
  },
);

describe('what is typed wrongly is told before anything is asked', () => {
  test.each([
    [['refusals', 'list', '--state', 'lost'], '--state must be one of refused, admitted.'],
    [['refusals', 'list', '--since', 'yesterday'], '--since must be a length of time such as 30m, 2h or 7d'],
    [
      ['refusals', 'list', '--since', '1h', '--from', '2026-01-01T00:00:00Z'],
      '--since and --from are the same',
    ],
    [['refusals', 'list', '--all', '--limit', '3'], '--all and --limit contradict each other'],
    [
      ['refusals', 'reverify', '--clock-offset', 'ten', '--why', 'x'],
      '--clock-offset must be a length of time',
    ],
    [['refusals', 'reverify'], '--why is needed'],
    [['refusals', 'admit', '--why', 'x'], 'Say which: ids, or --reason'],
    [['refusals', 'purge', '--why', 'x'], 'Say which: ids, a filter such as --address, or --all'],
    [['replay', '--why', 'x'], 'Say which: ids, a filter such as --state parked, or --all.'],
    [['replay', 'x', '--all', '--why', 'x'], 'contradict each other'],
    [['replays', 'show'], '"replays show" needs ID.'],
    [['deliveries', 'show', 'x', '--why', 'y'], '--why belongs to --body or --body-file.'],
    [['deliveries', 'list', '--limit', '0'], '--limit must be a whole number from 1'],
    [['refusals', 'show', 'x/../y'], 'ID must be the id of a refusal (a UUID)'],
    [['refusals', 'reverify', 'x', '--why', 'y'], 'ID must be the id of a refusal (a UUID)'],
    [['deliveries', 'show', 'x'], 'ID must be the id of a delivery (a UUID)'],
    [['replays', 'show', 'x'], 'ID must be the id of a replay (a UUID)'],
    [['deliveries', 'list', '--since', '999999d'], '--since must be a length of time'],
    [['deliveries', 'list', '--from', '2026-11-25', '--to', '2026-11-24'], 'must lie before --to'],
    [['completion', 'csh'], 'SHELL must be one of bash, zsh, fish.'],
  ])('%j', async (args, sentence) => {
    const { code, out, err } = await cli(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(sentence);
  });

  test('an id that is none is told here, one that is nobody’s by the service', async () => {
    expect(
      (await service.get('/v1/deliveries?from=2026-11-25T00:00:00Z&to=2026-11-24T00:00:00Z')).body.detail,
    ).toMatch(/"from" must be before "to"/);
    expect((await cli('replays', 'show', randomUUID())).err).toMatch(/No replay has this id/);
  });

  test('a key whose role does not reach is told as such', async () => {
    const { body } = await service.ops('POST', '/keys', { name: 'r', role: 'reader', why: 'a test' });
    const reader = await runCli(['refusals', 'list'], {
      env: { ...env(), ILIVE_WEBHOOKS_API_KEY: body.key },
    });
    expect(reader).toMatchObject({
      code: 1,
      err: expect.stringMatching(/may not do this \(403\): This needs a key of role operator/),
    });
  });
});

test('refusals: what a stranger called an account reaches no terminal as it came', async () => {
  const account = '\u001b]52;c;eA==\u0007\u009b31m\u202e';
  await service.deliver(verdictPayload(), { account: encodeURIComponent(account), secret: 'junk' });
  const id = await until(async () => {
    const { data } = (await service.get('/v1/ops/refusals')).body;
    return data.find(({ account }: { account: string }) => account.includes('52;c'))?.refusal_id;
  });
  const { out } = await cli('refusals', 'show', id);
  expect(out).toContain('the path names the account "\\u{1b}]52;c;eA==\\u{7}\\u{9b}31m\\u{202e}"');
  const listed = (await cli('refusals', 'list', '--json')).out;
  const shown = (await cli('refusals', 'show', id, '--json')).out;
  expect(JSON.parse(shown)).toMatchObject({ account });
  for (const printed of [out, listed, shown]) {
    expect(printed).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  }
});
