ALTER TABLE "change_feed" ADD COLUMN "timeline" text;
--> statement-breakpoint
-- A failover begins one, and so does a recovery to an earlier time. Null where the server names none: then all is as before.
CREATE FUNCTION current_timeline() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  return left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
EXCEPTION WHEN others THEN
  return null;
END $$;
--> statement-breakpoint
UPDATE "change_feed" SET "timeline" = current_timeline();
--> statement-breakpoint
-- A server that takes over may lack commits that readers have seen, and gives the ids of their transactions to others. So what
-- is first written on a new timeline begins a new generation; who writes beside it waits for that.
CREATE FUNCTION begin_generation_on_new_timeline() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  timeline_now text := current_timeline();
BEGIN
  if timeline_now is not null and not exists (select from change_feed f where f.timeline = timeline_now) then
    update change_feed f
    set generation = f.generation + case when f.timeline is null then 0 else 1 end, timeline = timeline_now
    where f.timeline is distinct from timeline_now;
  end if;
  return null;
END $$;
--> statement-breakpoint
CREATE TRIGGER sessions_timeline BEFORE INSERT OR UPDATE ON sessions
  FOR EACH STATEMENT EXECUTE FUNCTION begin_generation_on_new_timeline();
--> statement-breakpoint
CREATE TRIGGER face_matches_timeline BEFORE INSERT OR UPDATE ON face_matches
  FOR EACH STATEMENT EXECUTE FUNCTION begin_generation_on_new_timeline();
--> statement-breakpoint
CREATE TRIGGER compliance_alerts_timeline BEFORE INSERT OR UPDATE ON compliance_alerts
  FOR EACH STATEMENT EXECUTE FUNCTION begin_generation_on_new_timeline();
