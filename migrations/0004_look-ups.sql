DROP INDEX "compliance_alerts_by_delivery";--> statement-breakpoint
DROP INDEX "face_matches_by_delivery";--> statement-breakpoint
CREATE INDEX "compliance_alerts_by_known_at" ON "compliance_alerts" USING btree ("known_at","delivery_id");--> statement-breakpoint
CREATE INDEX "compliance_alerts_by_occurred_at" ON "compliance_alerts" USING btree ("occurred_at","delivery_id");--> statement-breakpoint
CREATE INDEX "compliance_alerts_by_severity" ON "compliance_alerts" USING btree ("severity","known_at","delivery_id") WHERE severity is not null;--> statement-breakpoint
CREATE INDEX "compliance_alerts_by_category" ON "compliance_alerts" USING btree ("category","known_at","delivery_id") WHERE category is not null;--> statement-breakpoint
CREATE INDEX "compliance_alerts_by_status" ON "compliance_alerts" USING btree ("status","known_at","delivery_id");--> statement-breakpoint
CREATE INDEX "compliance_alerts_by_account" ON "compliance_alerts" USING btree ("account","known_at","delivery_id") WHERE account <> 'default';--> statement-breakpoint
CREATE INDEX "deliveries_by_session" ON "deliveries" USING btree ("session_id","id") WHERE session_id is not null;--> statement-breakpoint
CREATE INDEX "deliveries_ignored" ON "deliveries" USING btree ("id") WHERE state = 'ignored';--> statement-breakpoint
CREATE INDEX "deliveries_by_reason" ON "deliveries" USING btree ("reason","id") WHERE reason is not null;--> statement-breakpoint
CREATE INDEX "deliveries_by_kind" ON "deliveries" USING btree ("kind","id") WHERE kind <> 'session_completed';--> statement-breakpoint
CREATE INDEX "deliveries_by_vendor_kind" ON "deliveries" USING btree ("vendor_kind","id") WHERE vendor_kind is not null;--> statement-breakpoint
CREATE INDEX "deliveries_by_decision" ON "deliveries" USING btree ("decision","id") WHERE decision <> 'settle';--> statement-breakpoint
CREATE INDEX "deliveries_pulled" ON "deliveries" USING btree ("id") WHERE source = 'pull';--> statement-breakpoint
CREATE INDEX "deliveries_by_account" ON "deliveries" USING btree ("account","id") WHERE account <> 'default';--> statement-breakpoint
CREATE INDEX "deliveries_by_admission" ON "deliveries" USING btree ("admission","id") WHERE admission is not null;--> statement-breakpoint
CREATE INDEX "deliveries_by_trace" ON "deliveries" USING btree ("trace_id","id") WHERE trace_id is not null;--> statement-breakpoint
CREATE INDEX "face_matches_by_known_at" ON "face_matches" USING btree ("known_at","delivery_id");--> statement-breakpoint
CREATE INDEX "face_matches_by_occurred_at" ON "face_matches" USING btree ("occurred_at","delivery_id");--> statement-breakpoint
CREATE INDEX "face_matches_by_face" ON "face_matches" USING btree ("face_id","known_at","delivery_id") WHERE face_id is not null;--> statement-breakpoint
CREATE INDEX "face_matches_by_external_face" ON "face_matches" USING btree ("external_face_id","known_at","delivery_id") WHERE external_face_id is not null;--> statement-breakpoint
CREATE INDEX "face_matches_by_collection" ON "face_matches" USING btree ("collection_id","known_at","delivery_id") WHERE collection_id is not null;--> statement-breakpoint
CREATE INDEX "face_matches_by_account" ON "face_matches" USING btree ("account","known_at","delivery_id") WHERE account <> 'default';--> statement-breakpoint
CREATE INDEX "face_matches_that_match_not" ON "face_matches" USING btree ("known_at","delivery_id") WHERE not is_match;--> statement-breakpoint
CREATE INDEX "sessions_by_state" ON "sessions" USING btree ("state","expected_at","session_id","account") WHERE state <> 'settled';--> statement-breakpoint
CREATE INDEX "sessions_by_verdict" ON "sessions" USING btree ("verdict","expected_at","session_id","account") WHERE verdict <> 'pass';--> statement-breakpoint
CREATE INDEX "sessions_by_confirmation" ON "sessions" USING btree ("confirmation","expected_at","session_id","account") WHERE confirmation <> 'unconfirmed';--> statement-breakpoint
CREATE INDEX "sessions_pulled" ON "sessions" USING btree ("expected_at","session_id","account") WHERE settled_source = 'pull';--> statement-breakpoint
CREATE INDEX "sessions_by_account" ON "sessions" USING btree ("account","expected_at","session_id") WHERE account <> 'default';--> statement-breakpoint
CREATE INDEX "sessions_by_ended_reason" ON "sessions" USING btree ("ended_reason","expected_at","session_id","account") WHERE ended_reason is not null;--> statement-breakpoint
CREATE INDEX "sessions_by_settled_at" ON "sessions" USING btree ("settled_at","session_id","account") WHERE settled_at is not null;--> statement-breakpoint
CREATE INDEX "sessions_by_verdict_at" ON "sessions" USING btree ("verdict_at","session_id","account") WHERE verdict_at is not null;--> statement-breakpoint
COMMENT ON INDEX "deliveries_by_session" IS 'GET /v1/deliveries?session_id=, and ?reference_id= by way of the sessions: newest first.';--> statement-breakpoint
COMMENT ON INDEX "deliveries_ignored" IS 'GET /v1/deliveries?state=ignored: newest first.';--> statement-breakpoint
COMMENT ON INDEX "deliveries_by_reason" IS 'GET /v1/deliveries?reason=: newest first.';--> statement-breakpoint
COMMENT ON INDEX "deliveries_by_kind" IS 'GET /v1/deliveries?kind= of all but the most common kind: newest first.';--> statement-breakpoint
COMMENT ON INDEX "deliveries_by_vendor_kind" IS 'GET /v1/deliveries?vendor_kind=: newest first.';--> statement-breakpoint
COMMENT ON INDEX "deliveries_by_decision" IS 'GET /v1/deliveries?decision= of all but the most common decision: newest first.';--> statement-breakpoint
COMMENT ON INDEX "deliveries_pulled" IS 'GET /v1/deliveries?source=pull: newest first.';--> statement-breakpoint
COMMENT ON INDEX "deliveries_by_account" IS 'GET /v1/deliveries?account= of all but the default account: newest first.';--> statement-breakpoint
COMMENT ON INDEX "deliveries_by_admission" IS 'GET /v1/deliveries?admission=: newest first.';--> statement-breakpoint
COMMENT ON INDEX "deliveries_by_trace" IS 'GET /v1/deliveries?trace_id=';--> statement-breakpoint
COMMENT ON INDEX "sessions_by_state" IS 'GET /v1/sessions?state= of all but settled: newest first.';--> statement-breakpoint
COMMENT ON INDEX "sessions_by_verdict" IS 'GET /v1/sessions?verdict= of all but pass: newest first.';--> statement-breakpoint
COMMENT ON INDEX "sessions_by_confirmation" IS 'GET /v1/sessions?confirmation= of all but unconfirmed: newest first.';--> statement-breakpoint
COMMENT ON INDEX "sessions_pulled" IS 'GET /v1/sessions?settled_source=pull: newest first.';--> statement-breakpoint
COMMENT ON INDEX "sessions_by_account" IS 'GET /v1/sessions?account= of all but the default account: newest first.';--> statement-breakpoint
COMMENT ON INDEX "sessions_by_ended_reason" IS 'GET /v1/sessions?ended_reason=: newest first.';--> statement-breakpoint
COMMENT ON INDEX "sessions_by_settled_at" IS 'GET /v1/sessions?sort=settled_at, and settled_from and settled_to.';--> statement-breakpoint
COMMENT ON INDEX "sessions_by_verdict_at" IS 'GET /v1/sessions?sort=verdict_at, and verdict_from and verdict_to.';--> statement-breakpoint
COMMENT ON INDEX "sessions_open" IS 'The end of sessions that nobody can ask about; GET /v1/sessions?sort=expires_at, and expires_from and expires_to.';--> statement-breakpoint
COMMENT ON INDEX "face_matches_by_known_at" IS 'GET /v1/face-matches: newest first; known_from and known_to.';--> statement-breakpoint
COMMENT ON INDEX "face_matches_by_occurred_at" IS 'GET /v1/face-matches?sort=occurred_at, and occurred_from and occurred_to.';--> statement-breakpoint
COMMENT ON INDEX "face_matches_by_face" IS 'GET /v1/face-matches?face_id=: newest first.';--> statement-breakpoint
COMMENT ON INDEX "face_matches_by_external_face" IS 'GET /v1/face-matches?external_face_id=: newest first.';--> statement-breakpoint
COMMENT ON INDEX "face_matches_by_collection" IS 'GET /v1/face-matches?collection_id=: newest first.';--> statement-breakpoint
COMMENT ON INDEX "face_matches_by_account" IS 'GET /v1/face-matches?account= of all but the default account: newest first.';--> statement-breakpoint
COMMENT ON INDEX "face_matches_that_match_not" IS 'GET /v1/face-matches?is_match=false: newest first.';--> statement-breakpoint
COMMENT ON INDEX "compliance_alerts_by_known_at" IS 'GET /v1/compliance-alerts: newest first; known_from and known_to.';--> statement-breakpoint
COMMENT ON INDEX "compliance_alerts_by_occurred_at" IS 'GET /v1/compliance-alerts?sort=occurred_at, and occurred_from and occurred_to.';--> statement-breakpoint
COMMENT ON INDEX "compliance_alerts_by_severity" IS 'GET /v1/compliance-alerts?severity=: newest first.';--> statement-breakpoint
COMMENT ON INDEX "compliance_alerts_by_category" IS 'GET /v1/compliance-alerts?category=: newest first.';--> statement-breakpoint
COMMENT ON INDEX "compliance_alerts_by_status" IS 'GET /v1/compliance-alerts?status=: newest first.';--> statement-breakpoint
COMMENT ON INDEX "compliance_alerts_by_account" IS 'GET /v1/compliance-alerts?account= of all but the default account: newest first.';
