-- outside a transaction
ALTER TABLE "deliveries" ADD COLUMN IF NOT EXISTS "received_on" date;--> statement-breakpoint
-- Weaker than `deliveries_once`, which is still there: nothing that any version writes can break it.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "deliveries_once_a_day" ON "deliveries" USING btree ("received_on","webhook_id","body_sha256","account") NULLS NOT DISTINCT;--> statement-breakpoint
COMMENT ON INDEX "deliveries_once_a_day" IS 'Deduplication: the same bytes under the same webhook id are one delivery, within a day; also GET /v1/deliveries?webhook_id=, day by day.';
