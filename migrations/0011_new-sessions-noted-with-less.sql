-- As before, without a sort, a row for what has not come, and a second walk over what was noted. Of one session the order is
-- still that of the parts. `offset 0` keeps the columns' names, which become those in `data`.
CREATE OR REPLACE FUNCTION note_new_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  names text[];
BEGIN
  insert into changes (generation, type, account, session_id, reference_id, data)
  select f.generation, t.type, t.account, t.session_id, t.reference_id, to_jsonb(d)
  from (
    select 'session_settled' as type, n.* from new_rows n where n.state = 'settled'
    union all
    select 'session_confirmed', n.* from new_rows n where n.confirmation = 'confirmed'
    union all
    select 'session_disputed', n.* from new_rows n where n.state = 'disputed'
  ) t
  cross join change_feed f
  cross join lateral (
    select t.state, t.verdict, t.confidence, t.verdict_at, t.confirmation, t.settled_by, t.settled_source, t.ended_reason offset 0
  ) d;
  select array_agg(session_name(session_id)) into names
  from new_rows where state in ('settled', 'disputed') or confirmation = 'confirmed';
  if names is not null then perform announce_changes(names); end if;
  return null;
END $$;
