-- outside a transaction
-- What is looked for by equality alone, and comes in at random: of a hash 20 bytes are kept, of the text and what it was sorted
-- by 80. With ten million rows each new one wrote a page of each that had not been written for long.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "deliveries_of_session" ON "deliveries" USING hash ("session_id") WHERE session_id is not null;--> statement-breakpoint
CREATE INDEX CONCURRENTLY IF NOT EXISTS "observations_of_reference" ON "observations" USING hash ("reference_id") WHERE reference_id is not null;--> statement-breakpoint
CREATE INDEX CONCURRENTLY IF NOT EXISTS "sessions_of_reference" ON "sessions" USING hash ("reference_id") WHERE reference_id is not null;--> statement-breakpoint
-- What is rare, in the orders in which it was looked for among all that had come since.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "sessions_by_confirmation_and_settled_at" ON "sessions" USING btree ("confirmation","settled_at","session_id","account") WHERE confirmation <> 'unconfirmed';--> statement-breakpoint
CREATE INDEX CONCURRENTLY IF NOT EXISTS "sessions_by_confirmation_and_verdict_at" ON "sessions" USING btree ("confirmation","verdict_at","session_id","account") WHERE confirmation <> 'unconfirmed';--> statement-breakpoint
CREATE INDEX CONCURRENTLY IF NOT EXISTS "sessions_pulled_by_settled_at" ON "sessions" USING btree ("settled_at","session_id","account") WHERE settled_source = 'pull';--> statement-breakpoint
CREATE INDEX CONCURRENTLY IF NOT EXISTS "sessions_pulled_by_verdict_at" ON "sessions" USING btree ("verdict_at","session_id","account") WHERE settled_source = 'pull';--> statement-breakpoint
COMMENT ON INDEX "deliveries_of_session" IS 'GET /v1/deliveries?session_id=, and ?reference_id= by way of the sessions.';--> statement-breakpoint
COMMENT ON INDEX "observations_of_reference" IS 'Subjects as they were known: sessions that were ever said to be of one person.';--> statement-breakpoint
COMMENT ON INDEX "sessions_of_reference" IS 'GET /v1/sessions?reference_id=.';--> statement-breakpoint
COMMENT ON INDEX "sessions_by_confirmation_and_settled_at" IS 'GET /v1/sessions?confirmation=&sort=settled_at of all but unconfirmed.';--> statement-breakpoint
COMMENT ON INDEX "sessions_by_confirmation_and_verdict_at" IS 'GET /v1/sessions?confirmation=&sort=verdict_at of all but unconfirmed.';--> statement-breakpoint
COMMENT ON INDEX "sessions_pulled_by_settled_at" IS 'GET /v1/sessions?settled_source=pull&sort=settled_at.';--> statement-breakpoint
COMMENT ON INDEX "sessions_pulled_by_verdict_at" IS 'GET /v1/sessions?settled_source=pull&sort=verdict_at.';--> statement-breakpoint
-- Versions before this one ask the same questions, and find their answers in the new ones.
DROP INDEX CONCURRENTLY IF EXISTS "deliveries_by_session";--> statement-breakpoint
DROP INDEX CONCURRENTLY IF EXISTS "observations_by_reference";--> statement-breakpoint
DROP INDEX CONCURRENTLY IF EXISTS "sessions_by_reference";
