CREATE TABLE "idempotency_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"request_sha256" "bytea" NOT NULL,
	"created_at" timestamp (6) with time zone NOT NULL,
	"session_id" text,
	"account" text,
	"session_url" text
);
--> statement-breakpoint
CREATE TABLE "rate_budgets" (
	"id" text PRIMARY KEY NOT NULL,
	"spent_until" timestamp (6) with time zone NOT NULL,
	"blocked_until" timestamp (6) with time zone NOT NULL,
	"learnt_per_minute" integer
);
--> statement-breakpoint
ALTER TABLE "sessions" DROP CONSTRAINT "sessions_state";--> statement-breakpoint
ALTER TABLE "sessions" DROP CONSTRAINT "sessions_settled";--> statement-breakpoint
ALTER TABLE "deliveries" ADD COLUMN "is_proven" boolean DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "settled_source" text;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "ended_reason" text;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "ended_at" timestamp (6) with time zone;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "registered_at" timestamp (6) with time zone;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "dialect" text;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "token" "bytea";--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "expires_at" timestamp (6) with time zone;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "next_pull_at" timestamp (6) with time zone;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "pull_attempts" smallint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "pull_lease_until" timestamp (6) with time zone;--> statement-breakpoint
CREATE INDEX "sessions_due" ON "sessions" USING btree ("next_pull_at") WHERE next_pull_at is not null;--> statement-breakpoint
CREATE INDEX "sessions_open" ON "sessions" USING btree ("expires_at") WHERE state = 'expected';--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_ended" CHECK ((state in ('expired', 'unrecoverable')) = (ended_reason is not null));--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_state" CHECK (state in ('expected', 'settled', 'disputed', 'expired', 'unrecoverable'));--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_settled" CHECK ((state in ('settled', 'disputed')) = (verdict is not null));--> statement-breakpoint
UPDATE "sessions" SET "settled_source" = 'webhook' WHERE "settled_by" IS NOT NULL;--> statement-breakpoint
COMMENT ON INDEX "sessions_due" IS 'The pull: sessions to ask about, most urgent first.';--> statement-breakpoint
COMMENT ON INDEX "sessions_open" IS 'The end of sessions that nobody can ask about.';--> statement-breakpoint
COMMENT ON INDEX "rate_budgets_pkey" IS 'Spending: one row an API key.';--> statement-breakpoint
COMMENT ON INDEX "idempotency_keys_pkey" IS 'POST /v1/sessions with an Idempotency-Key.';
