-- A delivery that failed waits longer each time before it is tried again, from its last failure on: one that is old when it is first
-- tried, as after a pause, would else spend all its tries at once. Null, as versions before this one leave it, is due at once.
ALTER TABLE "deliveries" ADD COLUMN "tried_at" timestamp (6) with time zone;