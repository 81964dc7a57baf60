CREATE TABLE "compliance_alerts" (
	"alert_id" text NOT NULL,
	"account" text NOT NULL,
	"delivery_id" uuid NOT NULL,
	"session_id" text,
	"reference_id" text,
	"severity" text,
	"category" text,
	"message" text,
	"details" jsonb,
	"occurred_at" timestamp (6) with time zone NOT NULL,
	"known_at" timestamp (6) with time zone NOT NULL,
	CONSTRAINT "compliance_alerts_alert_id_account_pk" PRIMARY KEY("alert_id","account")
);
--> statement-breakpoint
CREATE TABLE "deliveries" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"source" text NOT NULL,
	"webhook_id" text,
	"body_sha256" "bytea" NOT NULL,
	"received_at" timestamp (6) with time zone NOT NULL,
	"state" text DEFAULT 'received' NOT NULL,
	"kind" text,
	"vendor_kind" text,
	"session_id" text,
	"decision" text,
	"reason" text,
	"detail" text,
	"attempts" smallint DEFAULT 0 NOT NULL,
	"finished_at" timestamp (6) with time zone,
	"trace_id" text,
	CONSTRAINT "deliveries_once" UNIQUE NULLS NOT DISTINCT("webhook_id","body_sha256","account"),
	CONSTRAINT "deliveries_state" CHECK (state in ('received', 'done', 'ignored', 'parked')),
	CONSTRAINT "deliveries_source" CHECK (source in ('webhook', 'pull'))
);
--> statement-breakpoint
CREATE TABLE "delivery_bodies" (
	"delivery_id" uuid NOT NULL,
	"received_at" timestamp (6) with time zone NOT NULL,
	"headers" json NOT NULL,
	"body" "bytea" NOT NULL,
	CONSTRAINT "delivery_bodies_delivery_id_received_at_pk" PRIMARY KEY("delivery_id","received_at")
) PARTITION BY RANGE ("received_at");
--> statement-breakpoint
-- Days are added ahead by the upkeep; this one takes what no day takes, so that a late upkeep can never cost a delivery.
CREATE TABLE "delivery_bodies_default" PARTITION OF "delivery_bodies" DEFAULT;
--> statement-breakpoint
CREATE TABLE "face_matches" (
	"match_id" text NOT NULL,
	"account" text NOT NULL,
	"delivery_id" uuid NOT NULL,
	"session_id" text,
	"reference_id" text,
	"face_id" text,
	"external_face_id" text,
	"collection_id" text,
	"similarity" double precision,
	"threshold" double precision,
	"is_match" boolean,
	"occurred_at" timestamp (6) with time zone NOT NULL,
	"known_at" timestamp (6) with time zone NOT NULL,
	CONSTRAINT "face_matches_match_id_account_pk" PRIMARY KEY("match_id","account")
);
--> statement-breakpoint
CREATE TABLE "observations" (
	"session_id" text NOT NULL,
	"account" text NOT NULL,
	"delivery_id" uuid NOT NULL,
	"source" text NOT NULL,
	"verdict" text NOT NULL,
	"confidence" double precision,
	"reference_id" text,
	"occurred_at" timestamp (6) with time zone NOT NULL,
	"known_at" timestamp (6) with time zone NOT NULL,
	CONSTRAINT "observations_session_id_account_delivery_id_pk" PRIMARY KEY("session_id","account","delivery_id")
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"session_id" text NOT NULL,
	"account" text NOT NULL,
	"reference_id" text,
	"state" text NOT NULL,
	"verdict" text,
	"confidence" double precision,
	"verdict_at" timestamp (6) with time zone,
	"confirmation" text NOT NULL,
	"expected_at" timestamp (6) with time zone NOT NULL,
	"settled_at" timestamp (6) with time zone,
	"settled_by" uuid,
	CONSTRAINT "sessions_session_id_account_pk" PRIMARY KEY("session_id","account"),
	CONSTRAINT "sessions_state" CHECK (state in ('expected', 'settled', 'disputed')),
	CONSTRAINT "sessions_verdict" CHECK (verdict in ('pass', 'retry', 'fail')),
	CONSTRAINT "sessions_settled" CHECK ((state = 'expected') = (verdict is null))
);
--> statement-breakpoint
CREATE INDEX "compliance_alerts_by_delivery" ON "compliance_alerts" USING btree ("delivery_id");--> statement-breakpoint
CREATE INDEX "compliance_alerts_by_session" ON "compliance_alerts" USING btree ("session_id","delivery_id") WHERE session_id is not null;--> statement-breakpoint
CREATE INDEX "compliance_alerts_by_reference" ON "compliance_alerts" USING btree ("reference_id","delivery_id") WHERE reference_id is not null;--> statement-breakpoint
CREATE INDEX "deliveries_owed" ON "deliveries" USING btree ("id") WHERE state = 'received';--> statement-breakpoint
CREATE INDEX "deliveries_parked" ON "deliveries" USING btree ("id") WHERE state = 'parked';--> statement-breakpoint
CREATE INDEX "face_matches_by_delivery" ON "face_matches" USING btree ("delivery_id");--> statement-breakpoint
CREATE INDEX "face_matches_by_session" ON "face_matches" USING btree ("session_id","delivery_id") WHERE session_id is not null;--> statement-breakpoint
CREATE INDEX "face_matches_by_reference" ON "face_matches" USING btree ("reference_id","delivery_id") WHERE reference_id is not null;--> statement-breakpoint
CREATE INDEX "sessions_by_age" ON "sessions" USING btree ("expected_at","session_id","account");--> statement-breakpoint
CREATE INDEX "sessions_by_reference" ON "sessions" USING btree ("reference_id","expected_at","session_id","account") WHERE reference_id is not null;--> statement-breakpoint
COMMENT ON INDEX "deliveries_once" IS 'Deduplication: the same bytes under the same webhook id are one delivery; also look-ups by webhook id.';--> statement-breakpoint
COMMENT ON INDEX "deliveries_owed" IS 'The sweep: deliveries still received, oldest first.';--> statement-breakpoint
COMMENT ON INDEX "deliveries_parked" IS 'GET /v1/deliveries?state=parked: newest first.';--> statement-breakpoint
COMMENT ON INDEX "deliveries_pkey" IS 'GET /v1/deliveries/{id}; loading and finishing a batch; lists, newest first.';--> statement-breakpoint
COMMENT ON INDEX "delivery_bodies_delivery_id_received_at_pk" IS 'The body of one delivery; received_at finds the partition.';--> statement-breakpoint
COMMENT ON INDEX "sessions_session_id_account_pk" IS 'GET /v1/sessions/{session_id}; loading and writing a batch.';--> statement-breakpoint
COMMENT ON INDEX "sessions_by_age" IS 'GET /v1/sessions: newest first.';--> statement-breakpoint
COMMENT ON INDEX "sessions_by_reference" IS 'GET /v1/sessions?reference_id=: newest first.';--> statement-breakpoint
COMMENT ON INDEX "observations_session_id_account_delivery_id_pk" IS 'The observations of one session; one delivery observes once.';--> statement-breakpoint
COMMENT ON INDEX "face_matches_match_id_account_pk" IS 'One row a match, however often it is told.';--> statement-breakpoint
COMMENT ON INDEX "face_matches_by_delivery" IS 'GET /v1/face-matches: newest first.';--> statement-breakpoint
COMMENT ON INDEX "face_matches_by_session" IS 'GET /v1/face-matches?session_id=';--> statement-breakpoint
COMMENT ON INDEX "face_matches_by_reference" IS 'GET /v1/face-matches?reference_id=';--> statement-breakpoint
COMMENT ON INDEX "compliance_alerts_alert_id_account_pk" IS 'One row an alert, however often it is told.';--> statement-breakpoint
COMMENT ON INDEX "compliance_alerts_by_delivery" IS 'GET /v1/compliance-alerts: newest first.';--> statement-breakpoint
COMMENT ON INDEX "compliance_alerts_by_session" IS 'GET /v1/compliance-alerts?session_id=';--> statement-breakpoint
COMMENT ON INDEX "compliance_alerts_by_reference" IS 'GET /v1/compliance-alerts?reference_id=';
