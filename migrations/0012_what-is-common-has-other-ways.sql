-- outside a transaction
-- Most deliveries bring a session its first verdict, under one name. Those are not held here any more: such a session's are found by
-- way of its observations, and that name on the way through all. Each finished delivery was written to both.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "deliveries_of_a_session" ON "deliveries" USING hash ("session_id") WHERE session_id is not null and decision <> 'settle';--> statement-breakpoint
CREATE INDEX CONCURRENTLY IF NOT EXISTS "deliveries_by_rare_vendor_kind" ON "deliveries" USING btree ("vendor_kind","id") WHERE vendor_kind not in ('liveness.verdict', 'session.completed', 'liveness.session.completed', 'session_completed', 'liveness.completed');--> statement-breakpoint
COMMENT ON INDEX "deliveries_of_a_session" IS 'GET /v1/deliveries?session_id=, and ?reference_id= by way of the sessions: all but those that settled one.';--> statement-breakpoint
COMMENT ON INDEX "deliveries_by_rare_vendor_kind" IS 'GET /v1/deliveries?vendor_kind= of all but the names of a verdict.';--> statement-breakpoint
-- Versions before this one ask for a session's deliveries without a way to them: right, and slow, for as long as they run beside it.
DROP INDEX CONCURRENTLY IF EXISTS "deliveries_of_session";--> statement-breakpoint
DROP INDEX CONCURRENTLY IF EXISTS "deliveries_by_vendor_kind";
