CREATE TABLE "change_feed" (
	"id" smallint PRIMARY KEY NOT NULL,
	"generation" integer NOT NULL,
	"dropped_generation" integer DEFAULT 0 NOT NULL,
	"dropped_xid" "xid8" DEFAULT '0' NOT NULL,
	"dropped_seq" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "change_feed_single" CHECK (id = 1)
);
--> statement-breakpoint
CREATE TABLE "changes" (
	"generation" integer NOT NULL,
	"xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "changes_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"type" text NOT NULL,
	"at" timestamp (6) with time zone DEFAULT clock_timestamp() NOT NULL,
	"account" text NOT NULL,
	"session_id" text,
	"reference_id" text,
	"data" jsonb NOT NULL,
	CONSTRAINT "changes_generation_xid_seq_pk" PRIMARY KEY("generation","xid","seq")
);
--> statement-breakpoint
CREATE TABLE "fact_versions" (
	"kind" text NOT NULL,
	"fact_id" text NOT NULL,
	"account" text NOT NULL,
	"delivery_id" uuid NOT NULL,
	"session_id" text,
	"reference_id" text,
	"known_at" timestamp (6) with time zone NOT NULL,
	"superseded_at" timestamp (6) with time zone NOT NULL,
	"row" jsonb NOT NULL,
	CONSTRAINT "fact_versions_kind_fact_id_account_delivery_id_pk" PRIMARY KEY("kind","fact_id","account","delivery_id")
);
--> statement-breakpoint
CREATE TABLE "session_endings" (
	"session_id" text NOT NULL,
	"account" text NOT NULL,
	"ended_at" timestamp (6) with time zone NOT NULL,
	"state" text NOT NULL,
	"reason" text NOT NULL,
	"reopened_at" timestamp (6) with time zone,
	CONSTRAINT "session_endings_session_id_account_ended_at_pk" PRIMARY KEY("session_id","account","ended_at")
);
--> statement-breakpoint
CREATE TABLE "session_versions" (
	"session_id" text NOT NULL,
	"account" text NOT NULL,
	"known_at" timestamp (6) with time zone NOT NULL,
	"expected_at" timestamp (6) with time zone NOT NULL,
	"expires_at" timestamp (6) with time zone,
	"registered_reference_id" text,
	CONSTRAINT "session_versions_session_id_account_known_at_pk" PRIMARY KEY("session_id","account","known_at")
);
--> statement-breakpoint
ALTER TABLE "compliance_alerts" ADD COLUMN "acknowledged_at" timestamp (6) with time zone;--> statement-breakpoint
ALTER TABLE "compliance_alerts" ADD COLUMN "acknowledged_by" text;--> statement-breakpoint
ALTER TABLE "compliance_alerts" ADD COLUMN "acknowledged_note" text;--> statement-breakpoint
ALTER TABLE "compliance_alerts" ADD COLUMN "resolved_at" timestamp (6) with time zone;--> statement-breakpoint
ALTER TABLE "compliance_alerts" ADD COLUMN "resolved_by" text;--> statement-breakpoint
ALTER TABLE "compliance_alerts" ADD COLUMN "resolved_note" text;--> statement-breakpoint
ALTER TABLE "compliance_alerts" ADD COLUMN "status" text GENERATED ALWAYS AS (case when resolved_at is not null then 'resolved' when acknowledged_at is not null then 'acknowledged' else 'open' end) STORED NOT NULL;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "waited_until" timestamp (6) with time zone;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "pulled_at" timestamp (6) with time zone;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "registered_reference_id" text;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "known_at" timestamp (6) with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
-- What is told of the past of rows that are older than this: as much as they say themselves.
UPDATE "sessions" SET "known_at" = "expected_at",
  "registered_reference_id" = CASE WHEN "registered_at" IS NOT NULL THEN "reference_id" END;--> statement-breakpoint
INSERT INTO "session_endings" ("session_id", "account", "ended_at", "state", "reason")
  SELECT "session_id", "account", "ended_at", "state", "ended_reason" FROM "sessions"
  WHERE "state" IN ('expired', 'unrecoverable') AND "ended_at" IS NOT NULL;--> statement-breakpoint
CREATE INDEX "observations_by_reference" ON "observations" USING btree ("reference_id") WHERE reference_id is not null;--> statement-breakpoint
CREATE INDEX "sessions_by_former_reference" ON "sessions" USING btree ("registered_reference_id") WHERE registered_reference_id <> reference_id;--> statement-breakpoint
CREATE INDEX "fact_versions_by_reference" ON "fact_versions" USING btree ("reference_id","known_at") WHERE reference_id is not null;--> statement-breakpoint
CREATE INDEX "fact_versions_by_session" ON "fact_versions" USING btree ("session_id","known_at") WHERE session_id is not null;--> statement-breakpoint
INSERT INTO "change_feed" ("id", "generation") VALUES (1, 1);
--> statement-breakpoint
COMMENT ON INDEX "changes_generation_xid_seq_pk" IS 'The change feed: what comes behind a position, in order; dropping the oldest.';
--> statement-breakpoint
COMMENT ON INDEX "change_feed_pkey" IS 'The one row.';
--> statement-breakpoint
COMMENT ON INDEX "session_endings_session_id_account_ended_at_pk" IS 'Sessions as they were known: how one had ended by a time.';
--> statement-breakpoint
COMMENT ON INDEX "session_versions_session_id_account_known_at_pk" IS 'Sessions as they were known: what a row said of itself.';
--> statement-breakpoint
COMMENT ON INDEX "observations_by_reference" IS 'Subjects as they were known: sessions that were ever said to be of one person.';
--> statement-breakpoint
COMMENT ON INDEX "sessions_by_former_reference" IS 'Subjects as they were known: sessions that a verdict has since given to somebody else.';
--> statement-breakpoint
COMMENT ON INDEX "fact_versions_kind_fact_id_account_delivery_id_pk" IS 'Face matches and alerts as they were known: all statements about one.';
--> statement-breakpoint
COMMENT ON INDEX "fact_versions_by_reference" IS 'Subjects as they were known: what was said of one person''s facts.';
--> statement-breakpoint
COMMENT ON INDEX "fact_versions_by_session" IS 'Sessions as they were known.';
--> statement-breakpoint
-- Whoever waits listens on ilive_changes. The payload names the sessions that changed, as the first 16 hex digits of
-- SHA-256 of the session's id, up to 400 in one; a payload without names says that something else changed.
CREATE FUNCTION announce_changes(session_names text[]) RETURNS void LANGUAGE sql AS $$
  select pg_notify('ilive_changes', '') where cardinality(session_names) = 0
  union all
  select pg_notify('ilive_changes', string_agg(name, ','))
  from (select name, (row_number() over () - 1) / 400 as part from unnest(session_names) name) named
  group by part;
$$;
--> statement-breakpoint
CREATE FUNCTION session_name(session_id text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  select left(encode(sha256(convert_to(session_id, 'UTF8')), 'hex'), 16);
$$;
--> statement-breakpoint
CREATE FUNCTION note_new_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  names text[];
BEGIN
  with noted as (
    insert into changes (generation, type, account, session_id, reference_id, data)
    select f.generation, t.type, n.account, n.session_id, n.reference_id,
           jsonb_build_object('state', n.state, 'verdict', n.verdict, 'confidence', n.confidence, 'verdict_at', n.verdict_at,
             'confirmation', n.confirmation, 'settled_by', n.settled_by, 'settled_source', n.settled_source,
             'ended_reason', n.ended_reason)
    from new_rows n
    cross join change_feed f
    cross join lateral (values
      (1, 'session_settled', n.state = 'settled'),
      (2, 'session_confirmed', n.confirmation = 'confirmed'),
      (3, 'session_disputed', n.state = 'disputed')
    ) t (place, type, has_come)
    where t.has_come
    order by n.session_id, n.account, t.place
    returning session_id
  )
  select array_agg(distinct session_name(session_id)) into names from noted;
  if names is not null then perform announce_changes(names); end if;
  return null;
END $$;
--> statement-breakpoint
CREATE FUNCTION note_changed_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  names text[];
BEGIN
  with noted as (
    insert into changes (generation, type, account, session_id, reference_id, data)
    select f.generation, t.type, n.account, n.session_id, n.reference_id,
           jsonb_build_object('state', n.state, 'verdict', n.verdict, 'confidence', n.confidence, 'verdict_at', n.verdict_at,
             'confirmation', n.confirmation, 'settled_by', n.settled_by, 'settled_source', n.settled_source,
             'ended_reason', n.ended_reason)
    from new_rows n
    join old_rows o on o.session_id = n.session_id and o.account = n.account
    cross join change_feed f
    cross join lateral (values
      (1, 'session_settled', n.state = 'settled'
        and (o.state, o.verdict, o.verdict_at) is distinct from (n.state, n.verdict, n.verdict_at)),
      (2, 'session_confirmed', n.confirmation = 'confirmed' and o.confirmation <> 'confirmed'),
      (3, 'session_disputed', n.state = 'disputed' and (o.state, o.verdict) is distinct from (n.state, n.verdict)),
      (4, 'session_expired', n.state = 'expired' and o.state <> 'expired'),
      (5, 'session_unrecoverable', n.state = 'unrecoverable' and o.state <> 'unrecoverable')
    ) t (place, type, has_come)
    where t.has_come
    order by n.session_id, n.account, t.place
    returning session_id
  )
  select array_agg(distinct session_name(session_id)) into names from noted;
  if names is not null then perform announce_changes(names); end if;
  -- Two that are known since one moment are as good as one: the later stands.
  insert into session_versions as v (session_id, account, known_at, expected_at, expires_at, registered_reference_id)
  select o.session_id, o.account, o.known_at, o.expected_at, o.expires_at, o.registered_reference_id
  from old_rows o join new_rows n on n.session_id = o.session_id and n.account = o.account
  where n.known_at <> o.known_at
  on conflict (session_id, account, known_at) do update set expected_at = excluded.expected_at,
    expires_at = excluded.expires_at, registered_reference_id = excluded.registered_reference_id;
  return null;
END $$;
--> statement-breakpoint
CREATE TRIGGER sessions_new AFTER INSERT ON sessions
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION note_new_sessions();
--> statement-breakpoint
CREATE TRIGGER sessions_changed AFTER UPDATE ON sessions
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION note_changed_sessions();
--> statement-breakpoint
CREATE FUNCTION note_face_matches() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  noted bigint;
BEGIN
  insert into changes (generation, type, account, session_id, reference_id, data)
  select f.generation, 'face_match_recorded', n.account, n.session_id, n.reference_id,
         to_jsonb(n) - '{account,session_id,reference_id}'::text[]
  from new_rows n cross join change_feed f
  order by n.match_id, n.account;
  get diagnostics noted = row_count;
  if noted > 0 then perform announce_changes('{}'); end if;
  if tg_op = 'UPDATE' then
    insert into fact_versions
      (kind, fact_id, account, delivery_id, session_id, reference_id, known_at, superseded_at, row)
    select 'face_match', o.match_id, o.account, o.delivery_id, o.session_id, o.reference_id, o.known_at, n.known_at, to_jsonb(o)
    from old_rows o join new_rows n on n.match_id = o.match_id and n.account = o.account
    where o.delivery_id <> n.delivery_id
    on conflict do nothing;
  end if;
  return null;
END $$;
--> statement-breakpoint
CREATE FUNCTION note_compliance_alerts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  noted bigint;
BEGIN
  if tg_op = 'INSERT' then
    insert into changes (generation, type, account, session_id, reference_id, data)
    select f.generation, 'compliance_alert_recorded', n.account, n.session_id, n.reference_id,
           to_jsonb(n) - '{account,session_id,reference_id,details}'::text[]
    from new_rows n cross join change_feed f
    order by n.alert_id, n.account;
  else
    insert into changes (generation, type, account, session_id, reference_id, data)
    select f.generation, t.type, n.account, n.session_id, n.reference_id,
           to_jsonb(n) - '{account,session_id,reference_id,details}'::text[]
    from new_rows n
    join old_rows o on o.alert_id = n.alert_id and o.account = n.account
    cross join change_feed f
    cross join lateral (values
      ('compliance_alert_recorded', o.delivery_id <> n.delivery_id or o.occurred_at <> n.occurred_at),
      ('compliance_alert_acknowledged', n.status = 'acknowledged' and o.status <> 'acknowledged'),
      ('compliance_alert_resolved', n.status = 'resolved' and o.status <> 'resolved')
    ) t (type, has_come)
    where t.has_come
    order by n.alert_id, n.account;
  end if;
  get diagnostics noted = row_count;
  if noted > 0 then perform announce_changes('{}'); end if;
  if tg_op = 'UPDATE' then
    insert into fact_versions
      (kind, fact_id, account, delivery_id, session_id, reference_id, known_at, superseded_at, row)
    select 'compliance_alert', o.alert_id, o.account, o.delivery_id, o.session_id, o.reference_id, o.known_at, n.known_at, to_jsonb(o)
    from old_rows o join new_rows n on n.alert_id = o.alert_id and n.account = o.account
    where o.delivery_id <> n.delivery_id
    on conflict do nothing;
  end if;
  return null;
END $$;
--> statement-breakpoint
CREATE TRIGGER face_matches_new AFTER INSERT ON face_matches
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION note_face_matches();
--> statement-breakpoint
CREATE TRIGGER face_matches_changed AFTER UPDATE ON face_matches
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION note_face_matches();
--> statement-breakpoint
CREATE TRIGGER compliance_alerts_new AFTER INSERT ON compliance_alerts
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION note_compliance_alerts();
--> statement-breakpoint
CREATE TRIGGER compliance_alerts_changed AFTER UPDATE ON compliance_alerts
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION note_compliance_alerts();
