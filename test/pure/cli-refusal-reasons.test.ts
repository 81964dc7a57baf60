// Refusals can be looked for by every reason for which a request is kept, by the command as by the API.
import { expect, test } from 'vitest';
import { readCommandLine } from '../../src/cli/arguments.ts';
import { commands } from '../../src/cli/run.ts';
import { buildOpenApi } from '../../src/http/openapi.ts';
import { routes } from '../../src/http/routes.ts';

const reasons = [
  'missing_signature',
  'malformed_signature',
  'missing_timestamp',
  'malformed_timestamp',
  'missing_webhook_id',
  'unknown_account',
  'signature_mismatch',
  'timestamp_too_old',
  'timestamp_too_new',
  'secret_unopened',
];

test.each(['list', 'reverify', 'admit', 'purge'])('refusals %s takes every reason', (verb) => {
  for (const reason of reasons) {
    const read = readCommandLine(['refusals', verb, '--reason', reason], commands);
    expect(read.kind === 'run' && read.given.text('reason')).toBe(reason);
  }
});

test('the API names every reason where it asks for one', () => {
  const { paths } = buildOpenApi(routes, 'test');
  const list = JSON.stringify(paths['/v1/ops/refusals']?.get);
  const actions = ['reverify', 'admit', 'purge'].map((verb) =>
    JSON.stringify(paths[`/v1/ops/refusals/${verb}`]?.post),
  );
  for (const asked of [list, ...actions]) {
    for (const reason of reasons) expect(asked).toContain(reason);
  }
});
