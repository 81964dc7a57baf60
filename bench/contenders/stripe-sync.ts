// The nearest peer that npm has: Stripe's sync engine, which verifies Stripe's webhooks and keeps their objects in Postgres.
// It is sent Stripe's own signed events of the size of the other deliveries, and does all of its work within the request.
import { createRequire } from 'node:module';
import type * as SyncEngine from '@supabase/stripe-sync-engine';
import { Client } from 'pg';
import { listenRaw } from './express-route.ts';
import { poolMaxConnections, runProgram } from './program.ts';

// Its build for `import` does not find its own migrations (0.48.5), and only logs that.
const { runMigrations, StripeSync }: typeof SyncEngine = createRequire(import.meta.url)(
  '@supabase/stripe-sync-engine',
);

const schema = 'stripe';

// Its migrations hand a function to the role that most servers have.
const createRole = `
  do $$ begin create role postgres; exception when duplicate_object then null; end $$`;

runProgram(async ({ secret, databaseUrl }, counts) => {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(createRole);
  await runMigrations({ schema, databaseUrl });
  // What goes wrong there it only logs.
  await client.query(`select last_synced_at from ${schema}.customers limit 0`);
  await client.end();
  const sync = new StripeSync({
    schema,
    stripeSecretKey: 'sk_test_none', // it asks Stripe for nothing: the events say all
    stripeWebhookSecret: secret,
    poolConfig: { connectionString: databaseUrl, max: poolMaxConnections },
  });
  return listenRaw(counts, async (body, header) => {
    await sync.processWebhook(body, header('stripe-signature'));
    counts.finished += 1;
    return 202;
  });
});
