CREATE TABLE "api_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"role" text NOT NULL,
	"sha256" "bytea" NOT NULL,
	"created_at" timestamp (6) with time zone NOT NULL,
	"created_by" text NOT NULL,
	"expires_at" timestamp (6) with time zone,
	"last_used_at" timestamp (6) with time zone,
	"revoked_at" timestamp (6) with time zone,
	CONSTRAINT "api_keys_once" UNIQUE("sha256"),
	CONSTRAINT "api_keys_role" CHECK (role in ('reader', 'operator', 'admin'))
);
--> statement-breakpoint
CREATE TABLE "audit_entries" (
	"seq" bigint PRIMARY KEY NOT NULL,
	"at" timestamp (6) with time zone NOT NULL,
	"actor" text NOT NULL,
	"role" text NOT NULL,
	"address" text NOT NULL,
	"action" text NOT NULL,
	"why" text NOT NULL,
	"details" text NOT NULL,
	"rows" integer NOT NULL,
	"outcome" text NOT NULL,
	"key_id" text,
	"previous_hash" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit_head" (
	"id" smallint PRIMARY KEY NOT NULL,
	"seq" bigint NOT NULL,
	"hash" "bytea" NOT NULL,
	CONSTRAINT "audit_head_single" CHECK (id = 1)
);
--> statement-breakpoint
CREATE TABLE "pauses" (
	"what" text PRIMARY KEY NOT NULL,
	"since" timestamp (6) with time zone NOT NULL,
	"by" text NOT NULL,
	"why" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "refusals" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"reason" text NOT NULL,
	"address" text NOT NULL,
	"received_at" timestamp (6) with time zone NOT NULL,
	"request_sha256" "bytea" NOT NULL,
	"times" integer DEFAULT 1 NOT NULL,
	"last_received_at" timestamp (6) with time zone NOT NULL,
	"headers" "bytea" NOT NULL,
	"body" "bytea" NOT NULL,
	"is_sealed" boolean NOT NULL,
	"body_bytes" integer NOT NULL,
	"stored_bytes" integer NOT NULL,
	"diagnosis" jsonb,
	"diagnosed_at" timestamp (6) with time zone,
	"delivery_id" uuid,
	"admission" text,
	"admitted_at" timestamp (6) with time zone,
	CONSTRAINT "refusals_once" UNIQUE("account","request_sha256"),
	CONSTRAINT "refusals_admitted" CHECK ((delivery_id is null) = (admission is null))
);
--> statement-breakpoint
CREATE TABLE "replays" (
	"id" uuid PRIMARY KEY NOT NULL,
	"state" text NOT NULL,
	"filter" jsonb NOT NULL,
	"created_at" timestamp (6) with time zone NOT NULL,
	"created_by" text NOT NULL,
	"why" text NOT NULL,
	"finished_at" timestamp (6) with time zone,
	"matching" integer NOT NULL,
	"up_to" uuid,
	"after" uuid,
	"replayed" integer DEFAULT 0 NOT NULL,
	"failed" integer DEFAULT 0 NOT NULL,
	"changes" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"outcomes" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"detail" text,
	"lease_until" timestamp (6) with time zone,
	CONSTRAINT "replays_state" CHECK (state in ('running', 'paused', 'cancelled', 'done'))
);
--> statement-breakpoint
CREATE TABLE "webhook_secrets" (
	"account" text NOT NULL,
	"fingerprint" text NOT NULL,
	"name" text NOT NULL,
	"origin" text NOT NULL,
	"sealed" "bytea",
	"added_at" timestamp (6) with time zone NOT NULL,
	"retiring_at" timestamp (6) with time zone,
	"retired_at" timestamp (6) with time zone,
	"last_matched_at" timestamp (6) with time zone,
	CONSTRAINT "webhook_secrets_account_fingerprint_pk" PRIMARY KEY("account","fingerprint"),
	CONSTRAINT "webhook_secrets_origin" CHECK (origin in ('environment', 'database'))
);
--> statement-breakpoint
ALTER TABLE "deliveries" ADD COLUMN "admission" text;--> statement-breakpoint
CREATE INDEX "refusals_by_source" ON "refusals" USING btree ("account","reason","address","id");--> statement-breakpoint
CREATE INDEX "refusals_undiagnosed" ON "refusals" USING btree ("id") WHERE diagnosed_at is null and delivery_id is null;--> statement-breakpoint
CREATE INDEX "replays_running" ON "replays" USING btree ("id") WHERE state = 'running';--> statement-breakpoint
ALTER TABLE "refusals" SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500, toast.autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_threshold = 500);--> statement-breakpoint
INSERT INTO "audit_head" ("id", "seq", "hash") VALUES (1, 0, '\x');--> statement-breakpoint
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;--> statement-breakpoint
CREATE TRIGGER "audit_entries_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "audit_entries" FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();--> statement-breakpoint
COMMENT ON INDEX "refusals_pkey" IS 'Operators: one refusal, and lists of them, newest first.';--> statement-breakpoint
COMMENT ON INDEX "refusals_once" IS 'Keeping a refusal: the same request again is counted on its row.';--> statement-breakpoint
COMMENT ON INDEX "refusals_by_source" IS 'Making room: the source that fills most of it, oldest first.';--> statement-breakpoint
COMMENT ON INDEX "refusals_undiagnosed" IS 'The diagnosis: refusals that have none yet, newest first.';--> statement-breakpoint
COMMENT ON INDEX "replays_pkey" IS 'Operators: one replay, and lists of them, newest first.';--> statement-breakpoint
COMMENT ON INDEX "replays_running" IS 'The worker: replays to go on with.';--> statement-breakpoint
COMMENT ON INDEX "api_keys_pkey" IS 'Operators: revoking a key.';--> statement-breakpoint
COMMENT ON INDEX "api_keys_once" IS 'No key is stored twice.';--> statement-breakpoint
COMMENT ON INDEX "webhook_secrets_account_fingerprint_pk" IS 'Receivers: when a secret last matched.';--> statement-breakpoint
COMMENT ON INDEX "pauses_pkey" IS 'One pause for each thing that can be paused.';--> statement-breakpoint
COMMENT ON INDEX "audit_entries_pkey" IS 'The audit, in its order.';--> statement-breakpoint
COMMENT ON INDEX "audit_head_pkey" IS 'The audit has one newest entry.';
