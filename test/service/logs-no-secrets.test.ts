// Guarantee 9: whatever goes wrong, no secret, key or body reaches a log line.
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { secret, startTestService, verdictPayload } from '../support/service.ts';

test('guarantee 9: a day of accidents at the lowest log level shows none of the canaries', async () => {
  let written = '';
  const sink = new Writable({
    write: (chunk, _encoding, done) => {
      written += chunk;
      done();
    },
  });
  const service = await startTestService({
    env: { BOOTSTRAP_API_KEY: 'canary-api-key-000000', PROCESS_MAX_ATTEMPTS: '1' },
    overrides: { log: pino({ level: 'trace' }, sink) },
  });
  try {
    await service.db.query({ text: `alter table sessions add check (reference_id <> 'canary-poison')` });
    await service.deliver(verdictPayload({ reference_id: 'canary-person' }));
    await service.deliver(verdictPayload({ reference_id: 'canary-poison' }));
    await service.deliver('{"canary-body');
    await service.deliver({ event: 'compliance.alert', message: 'canary-message', verdict: 'x' });
    await service.deliver(verdictPayload({ verdict: 'canary-verdict' }));
    await service.deliver({ event: 'x', body: 'canary-refused' }, { secret: 'canary-wrong-secret' });
    await service.get('/v1/sessions?canary-parameter=1', 'canary-api-key-000000');
    await service.get('/v1/sessions', 'canary-wrong-key');
    await service.settled();
    await service.db.query({ text: 'drop table face_matches' });
    await service.get('/v1/face-matches?reference_id=canary-query', 'canary-api-key-000000');
  } finally {
    await service.stop();
  }
  expect(written).toContain('refused requests on the webhook route');
  expect(written).toContain('could not be processed');
  expect(written).toContain('nobody foresaw');
  expect(written).not.toContain('canary');
  expect(written).not.toContain(secret);
});
