CREATE INDEX "idempotency_keys_by_age" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
COMMENT ON INDEX "idempotency_keys_by_age" IS 'Upkeep: keys that are older than a day.';--> statement-breakpoint
-- When autovacuum comes. Postgres' own settings are shares of a table: with ten million rows it would come after two
-- million changes, and be felt. Here it comes after a number of rows that stays the same as the tables grow.
ALTER TABLE "deliveries" SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_vacuum_insert_threshold = 50000, autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 10000);--> statement-breakpoint
ALTER TABLE "sessions" SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_vacuum_insert_threshold = 50000, autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 10000);--> statement-breakpoint
-- Appended at one end and deleted at the other: what is dead lies together, and the pages are used again.
ALTER TABLE "changes" SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000, autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000, autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 10000);--> statement-breakpoint
-- Written once and never again: frozen on the first visit, so that no later one has to write these pages anew.
ALTER TABLE "observations" SET (autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_vacuum_insert_threshold = 50000, autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 10000);--> statement-breakpoint
ALTER TABLE "delivery_bodies_default" SET (autovacuum_freeze_min_age = 0, toast.autovacuum_freeze_min_age = 0);--> statement-breakpoint
ALTER TABLE "idempotency_keys" SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);--> statement-breakpoint
-- One row a key, updated for every call to iLive: its page has room for the versions in between.
ALTER TABLE "rate_budgets" SET (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);--> statement-breakpoint
-- The days that are there already; `db/partitions` sets the coming ones as it makes them, since no partition inherits this.
DO $$
DECLARE day regclass;
BEGIN
  FOR day IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'delivery_bodies'::regclass LOOP
    EXECUTE format('ALTER TABLE %s SET (autovacuum_freeze_min_age = 0, toast.autovacuum_freeze_min_age = 0)', day);
  END LOOP;
END
$$;
