-- As before, and told again where a session that has its verdict comes to be known as somebody's: whether that person is verified
-- turns with it, and nothing else would say so.
CREATE OR REPLACE FUNCTION note_changed_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
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
        and (o.state, o.verdict, o.verdict_at, o.reference_id) is distinct from
            (n.state, n.verdict, n.verdict_at, n.reference_id)),
      (2, 'session_confirmed', n.confirmation = 'confirmed' and o.confirmation <> 'confirmed'),
      (3, 'session_disputed', n.state = 'disputed'
        and (o.state, o.verdict, o.reference_id) is distinct from (n.state, n.verdict, n.reference_id)),
      (4, 'session_expired', n.state = 'expired' and o.state <> 'expired'),
      (5, 'session_unrecoverable', n.state = 'unrecoverable' and o.state <> 'unrecoverable')
    ) t (place, type, has_come)
    where t.has_come
    order by t.place
    returning session_id
  )
  select array_agg(session_name(session_id)) into names from noted;
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
COMMENT ON INDEX "face_matches_by_session" IS 'GET /v1/face-matches?session_id=, and ?reference_id= by way of the sessions.';--> statement-breakpoint
COMMENT ON INDEX "compliance_alerts_by_session" IS 'GET /v1/compliance-alerts?session_id=, and ?reference_id= by way of the sessions.';--> statement-breakpoint
COMMENT ON INDEX "fact_versions_by_reference" IS 'Subjects as they were known: what was said of one person''s facts. GET /v1/deliveries?reference_id=';
