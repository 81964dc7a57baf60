-- outside a transaction
-- Which session is asked about next was found by sorting all that are due, and after an outage all are: a core of Postgres sorted
-- while sessions ended unasked. Each of the ways to be urgent has its own order now.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "sessions_to_ask" ON "sessions" USING btree ("pull_attempts","next_pull_at") WHERE next_pull_at is not null;--> statement-breakpoint
CREATE INDEX CONCURRENTLY IF NOT EXISTS "sessions_ending" ON "sessions" USING btree ("expires_at") WHERE next_pull_at is not null;--> statement-breakpoint
CREATE INDEX CONCURRENTLY IF NOT EXISTS "sessions_waited_for" ON "sessions" USING btree ("waited_until") WHERE next_pull_at is not null and waited_until is not null;--> statement-breakpoint
COMMENT ON INDEX "sessions_to_ask" IS 'The pull: sessions to ask about, those asked least often first.';--> statement-breakpoint
COMMENT ON INDEX "sessions_ending" IS 'The pull: sessions of which the last chance to ask is near.';--> statement-breakpoint
COMMENT ON INDEX "sessions_waited_for" IS 'The pull: sessions whose verdict somebody waits for.';--> statement-breakpoint
-- Versions before this one read the whole of "sessions_to_ask" instead, and sort as they did.
DROP INDEX CONCURRENTLY IF EXISTS "sessions_due";
