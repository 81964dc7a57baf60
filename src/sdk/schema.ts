// Generated from docs/openapi.json by `npm run generate`; do not edit by hand.
// The shapes that the API takes and answers, and each operation's method and path.

export type Change =
  | {
      /**
       * The place of this change: ask for what comes after it.
       */
      cursor: string;
      /**
       * When it was written down here.
       */
      at: string;
      account: string;
      session_id: string;
      reference_id: string | null;
      type:
        | 'session_settled'
        | 'session_confirmed'
        | 'session_disputed'
        | 'session_expired'
        | 'session_unrecoverable';
      /**
       * What was said of the session then.
       */
      session: {
        state: 'expected' | 'settled' | 'disputed' | 'expired' | 'unrecoverable';
        verdict: 'pass' | 'retry' | 'fail' | null;
        confidence: number | null;
        verdict_at: string | null;
        confirmation: 'unconfirmed' | 'confirmed' | 'contradicted';
        settled_by: string | null;
        settled_source: 'webhook' | 'pull' | null;
        ended_reason:
          | 'never_finished'
          | 'token_refused'
          | 'not_found'
          | 'unreadable_answer'
          | 'no_token'
          | 'not_answered'
          | 'not_asked'
          | null;
      };
    }
  | {
      /**
       * The place of this change: ask for what comes after it.
       */
      cursor: string;
      /**
       * When it was written down here.
       */
      at: string;
      account: string;
      session_id: string | null;
      reference_id: string | null;
      type: 'face_match_recorded';
      face_match: {
        match_id: string;
        delivery_id: string;
        face_id: string | null;
        external_face_id: string | null;
        collection_id: string | null;
        similarity: number | null;
        threshold: number | null;
        is_match: boolean | null;
        /**
         * By iLive.
         */
        occurred_at: string;
        /**
         * By us.
         */
        known_at: string;
      };
    }
  | {
      /**
       * The place of this change: ask for what comes after it.
       */
      cursor: string;
      /**
       * When it was written down here.
       */
      at: string;
      account: string;
      session_id: string | null;
      reference_id: string | null;
      type: 'compliance_alert_recorded' | 'compliance_alert_acknowledged' | 'compliance_alert_resolved';
      /**
       * Without its details, which may be large; the alert itself has them.
       */
      compliance_alert: {
        alert_id: string;
        delivery_id: string;
        severity: string | null;
        category: string | null;
        message: string | null;
        /**
         * By iLive.
         */
        occurred_at: string;
        /**
         * By us.
         */
        known_at: string;
        /**
         * A newer statement about it opens it again.
         */
        status: 'open' | 'acknowledged' | 'resolved';
        acknowledged_at: string | null;
        /**
         * The key's name.
         */
        acknowledged_by: string | null;
        acknowledged_note: string | null;
        resolved_at: string | null;
        /**
         * The key's name.
         */
        resolved_by: string | null;
        resolved_note: string | null;
      };
    };

export interface Operations {
  listSessions: {
    query?: {
      reference_id?: string;
      /**
       * Of this account alone.
       */
      account?: string;
      state?: 'expected' | 'settled' | 'disputed' | 'expired' | 'unrecoverable';
      verdict?: 'pass' | 'retry' | 'fail';
      confirmation?: 'unconfirmed' | 'confirmed' | 'contradicted';
      settled_source?: 'webhook' | 'pull';
      ended_reason?:
        | 'never_finished'
        | 'token_refused'
        | 'not_found'
        | 'unreadable_answer'
        | 'no_token'
        | 'not_answered'
        | 'not_asked';
      /**
       * From then on.
       */
      expected_from?: string;
      /**
       * Before then.
       */
      expected_to?: string;
      /**
       * From then on.
       */
      settled_from?: string;
      /**
       * Before then.
       */
      settled_to?: string;
      /**
       * From then on.
       */
      verdict_from?: string;
      /**
       * Before then.
       */
      verdict_to?: string;
      /**
       * From then on.
       */
      expires_from?: string;
      /**
       * Before then.
       */
      expires_to?: string;
      /**
       * The order: by this time, the newest first where a minus stands before it.
       */
      sort?:
        | '-expected_at'
        | 'expected_at'
        | '-settled_at'
        | 'settled_at'
        | '-verdict_at'
        | 'verdict_at'
        | '-expires_at'
        | 'expires_at';
      /**
       * How many at most.
       */
      limit?: number;
      /**
       * The next_cursor of the page before.
       */
      cursor?: string;
    };
    answer: {
      data: Session[];
      /**
       * Send it as ?cursor= for the next page; null on the last one.
       */
      next_cursor: string | null;
    };
  };
  createSession: {
    body: {
      /**
       * Your own id of the person.
       */
      reference_id: string;
      /**
       * Default: iLive's.
       */
      mode?: 'passive' | 'active';
      /**
       * Where iLive sends the user afterwards.
       */
      redirect_url?: string;
    };
    answer: CreatedSession;
  };
  lookupSessions: {
    body: {
      /**
       * @minItems 1
       * @maxItems 500
       */
      session_ids: [string, ...string[]];
      /**
       * Of this account alone. Default: of all.
       */
      account?: string;
    };
    answer: {
      /**
       * In the order of the ids; where accounts share an id, one for each.
       */
      data: Session[];
      /**
       * The ids that no session here has.
       */
      missing: string[];
    };
  };
  getSession: {
    path: {
      session_id: string;
    };
    query?: {
      /**
       * The iLive account, as it is named here. Where two accounts have the id, it has to be said.
       */
      account?: string;
      /**
       * What had happened by then, by iLive's clock, as far as we know.
       */
      as_of?: string;
      /**
       * What was known here by then; not in the future.
       */
      known_at?: string;
    };
    answer: DetailedSession;
  };
  registerSession: {
    path: {
      session_id: string;
    };
    body: {
      /**
       * Your own id of the person.
       */
      reference_id?: string;
      /**
       * With which the result is read: kept encrypted, never shown. The managed dialect cannot pull without it.
       */
      token?: string;
      /**
       * When iLive forgets the session: ahead, and within 24 hours from now. Default: SESSION_TTL_SECONDS from now.
       */
      expires_at?: string;
      /**
       * The iLive account that it was created with, as it is named here. Default: default.
       */
      account?: string;
    };
    answer: RegisteredSession;
  };
  getSessionVerdict: {
    path: {
      session_id: string;
    };
    query?: {
      /**
       * The iLive account, as it is named here. Where two accounts have the id, it has to be said.
       */
      account?: string;
      /**
       * How long to wait, such as 30s; at most WAIT_MAX_SECONDS. Default: not at all.
       */
      wait?: string;
      /**
       * confirmed: wait until webhook and pull agree.
       */
      assurance?: 'any' | 'confirmed';
    };
    answer: Verdict;
  };
  listChanges: {
    query?: {
      /**
       * A cursor; "latest" for what comes from now on. Default: everything that is kept.
       */
      after?: string;
      /**
       * How long to wait, such as 30s; at most WAIT_MAX_SECONDS. Default: not at all.
       */
      wait?: string;
      /**
       * How many at most.
       */
      limit?: number;
      /**
       * Only these.
       */
      types?: (
        | 'session_settled'
        | 'session_confirmed'
        | 'session_disputed'
        | 'session_expired'
        | 'session_unrecoverable'
        | 'face_match_recorded'
        | 'compliance_alert_recorded'
        | 'compliance_alert_acknowledged'
        | 'compliance_alert_resolved'
      )[];
    };
    answer: {
      data: Change[];
      /**
       * Ask again with ?after= this.
       */
      next_cursor: string;
      /**
       * Whether there is more now; ask at once.
       */
      has_more: boolean;
    };
  };
  getCompleteness: {
    query?: {
      /**
       * Default: a day before to.
       */
      from?: string;
      /**
       * Default: now.
       */
      to?: string;
    };
    answer: Completeness;
  };
  listFaceMatches: {
    query?: {
      session_id?: string;
      /**
       * Its own, or that of the session that it names.
       */
      reference_id?: string;
      /**
       * Of this account alone.
       */
      account?: string;
      /**
       * From then on.
       */
      known_from?: string;
      /**
       * Before then.
       */
      known_to?: string;
      /**
       * From then on.
       */
      occurred_from?: string;
      /**
       * Before then.
       */
      occurred_to?: string;
      face_id?: string;
      external_face_id?: string;
      collection_id?: string;
      is_match?: 'true' | 'false';
      /**
       * The order: by this time, the newest first where a minus stands before it.
       */
      sort?: '-known_at' | 'known_at' | '-occurred_at' | 'occurred_at';
      /**
       * How many at most.
       */
      limit?: number;
      /**
       * The next_cursor of the page before.
       */
      cursor?: string;
    };
    answer: {
      data: FaceMatch[];
      /**
       * Send it as ?cursor= for the next page; null on the last one.
       */
      next_cursor: string | null;
    };
  };
  listComplianceAlerts: {
    query?: {
      session_id?: string;
      /**
       * Its own, or that of the session that it names.
       */
      reference_id?: string;
      /**
       * Of this account alone.
       */
      account?: string;
      /**
       * From then on.
       */
      known_from?: string;
      /**
       * Before then.
       */
      known_to?: string;
      /**
       * From then on.
       */
      occurred_from?: string;
      /**
       * Before then.
       */
      occurred_to?: string;
      severity?: string;
      category?: string;
      status?: 'open' | 'acknowledged' | 'resolved';
      /**
       * The order: by this time, the newest first where a minus stands before it.
       */
      sort?: '-known_at' | 'known_at' | '-occurred_at' | 'occurred_at';
      /**
       * How many at most.
       */
      limit?: number;
      /**
       * The next_cursor of the page before.
       */
      cursor?: string;
    };
    answer: {
      data: ComplianceAlert[];
      /**
       * Send it as ?cursor= for the next page; null on the last one.
       */
      next_cursor: string | null;
    };
  };
  getComplianceAlert: {
    path: {
      alert_id: string;
    };
    query?: {
      /**
       * The iLive account, as it is named here. Where two accounts have the id, it has to be said.
       */
      account?: string;
    };
    answer: ComplianceAlert;
  };
  acknowledgeComplianceAlert: {
    path: {
      alert_id: string;
    };
    query?: {
      /**
       * The iLive account, as it is named here. Where two accounts have the id, it has to be said.
       */
      account?: string;
    };
    body: {
      /**
       * What was found or done; it is kept with the alert and in the audit.
       */
      note: string;
      /**
       * The statement that you have seen; where a newer one has come since, nothing is done (409).
       */
      delivery_id?: string;
    };
    answer: ComplianceAlert;
  };
  resolveComplianceAlert: {
    path: {
      alert_id: string;
    };
    query?: {
      /**
       * The iLive account, as it is named here. Where two accounts have the id, it has to be said.
       */
      account?: string;
    };
    body: {
      /**
       * What was found or done; it is kept with the alert and in the audit.
       */
      note: string;
      /**
       * The statement that you have seen; where a newer one has come since, nothing is done (409).
       */
      delivery_id?: string;
    };
    answer: ComplianceAlert;
  };
  getSubject: {
    path: {
      reference_id: string;
    };
    query?: {
      /**
       * The iLive account, as it is named here. Where two accounts have the id, it has to be said.
       */
      account?: string;
      /**
       * What had happened by then, by iLive's clock, as far as we know.
       */
      as_of?: string;
      /**
       * What was known here by then; not in the future.
       */
      known_at?: string;
    };
    answer: Subject;
  };
  listDeliveries: {
    query?: {
      state?: 'received' | 'done' | 'ignored' | 'parked';
      reason?: string;
      kind?: 'session_completed' | 'face_matched' | 'compliance_alert' | 'unknown';
      vendor_kind?: string;
      source?: 'webhook' | 'pull';
      decision?: 'settle' | 'confirm' | 'repeat' | 'dispute' | 'record' | 'ignore' | 'park';
      /**
       * Of this account alone.
       */
      account?: string;
      session_id?: string;
      reference_id?: string;
      admission?: 'signature' | 'pull';
      webhook_id?: string;
      trace_id?: string;
      /**
       * From then on.
       */
      from?: string;
      /**
       * Before then.
       */
      to?: string;
      /**
       * The order: by this time, the newest first where a minus stands before it.
       */
      sort?: '-received_at' | 'received_at';
      /**
       * How many at most.
       */
      limit?: number;
      /**
       * The next_cursor of the page before.
       */
      cursor?: string;
    };
    answer: {
      data: Delivery[];
      /**
       * Send it as ?cursor= for the next page; null on the last one.
       */
      next_cursor: string | null;
    };
  };
  getDelivery: {
    path: {
      delivery_id: string;
    };
    answer: Delivery;
  };
  getStatus: {
    answer: Status;
  };
  runDoctor: {
    body: {
      probe?: boolean;
      /**
       * Why it is done; it goes into the audit.
       */
      why: string;
    };
    answer: Findings;
  };
  pause: {
    body: {
      what: 'processing' | 'pulling';
      /**
       * Why it is done; it goes into the audit.
       */
      why: string;
    };
    answer: Pauses;
  };
  resume: {
    body: {
      what: 'processing' | 'pulling';
      /**
       * Why it is done; it goes into the audit.
       */
      why: string;
    };
    answer: Pauses;
  };
  getDeliveryBody: {
    path: {
      delivery_id: string;
    };
    query: {
      /**
       * Why it is done; it goes into the audit.
       */
      why: string;
    };
    answer: DeliveryWithBody;
  };
  listReplays: {
    query?: {
      state?: 'running' | 'paused' | 'cancelled' | 'done';
      /**
       * How many at most.
       */
      limit?: number;
      /**
       * The next_cursor of the page before.
       */
      cursor?: string;
    };
    answer: {
      data: Replay[];
      /**
       * Send it as ?cursor= for the next page; null on the last one.
       */
      next_cursor: string | null;
    };
  };
  createReplay: {
    body: {
      /**
       * @minItems 1
       * @maxItems 1000
       */
      ids?: [string, ...string[]];
      filter?: {
        state?: 'received' | 'done' | 'ignored' | 'parked';
        reason?: string;
        kind?: 'session_completed' | 'face_matched' | 'compliance_alert' | 'unknown';
        vendor_kind?: string;
        source?: 'webhook' | 'pull';
        decision?: 'settle' | 'confirm' | 'repeat' | 'dispute' | 'record' | 'ignore' | 'park';
        /**
         * Of this account alone.
         */
        account?: string;
        session_id?: string;
        reference_id?: string;
        admission?: 'signature' | 'pull';
        webhook_id?: string;
        trace_id?: string;
        /**
         * From then on.
         */
        from?: string;
        /**
         * Before then.
         */
        to?: string;
      };
      /**
       * Why it is done; it goes into the audit.
       */
      why: string;
      dry_run?: boolean;
      /**
       * How many are agreed to be replayed; "all" agrees to any number.
       */
      confirm?: number | 'all';
    };
    answer: ReplayRehearsal | Replay;
  };
  getReplay: {
    path: {
      replay_id: string;
    };
    answer: Replay;
  };
  pauseReplay: {
    path: {
      replay_id: string;
    };
    body: {
      /**
       * Why it is done; it goes into the audit.
       */
      why: string;
    };
    answer: Replay;
  };
  resumeReplay: {
    path: {
      replay_id: string;
    };
    body: {
      /**
       * Why it is done; it goes into the audit.
       */
      why: string;
    };
    answer: Replay;
  };
  cancelReplay: {
    path: {
      replay_id: string;
    };
    body: {
      /**
       * Why it is done; it goes into the audit.
       */
      why: string;
    };
    answer: Replay;
  };
  listRefusals: {
    query?: {
      state?: 'refused' | 'admitted';
      /**
       * Why it was refused: missing_signature, malformed_signature, missing_timestamp, malformed_timestamp, missing_webhook_id, unknown_account, signature_mismatch, timestamp_too_old, timestamp_too_new, secret_unopened.
       */
      reason?: string;
      account?: string;
      address?: string;
      /**
       * Last received then or later.
       */
      from?: string;
      /**
       * Last received before then.
       */
      to?: string;
      /**
       * How many at most.
       */
      limit?: number;
      /**
       * The next_cursor of the page before.
       */
      cursor?: string;
    };
    answer: {
      data: Refusal[];
      /**
       * Send it as ?cursor= for the next page; null on the last one.
       */
      next_cursor: string | null;
    };
  };
  reverifyRefusals: {
    body: {
      /**
       * @minItems 1
       * @maxItems 1000
       */
      ids?: [string, ...string[]];
      account?: string;
      /**
       * Why it was refused: missing_signature, malformed_signature, missing_timestamp, malformed_timestamp, missing_webhook_id, unknown_account, signature_mismatch, timestamp_too_old, timestamp_too_new, secret_unopened.
       */
      reason?: string;
      address?: string;
      /**
       * Last received then or later.
       */
      from?: string;
      /**
       * Last received before then.
       */
      to?: string;
      dry_run?: boolean;
      /**
       * Why it is done; it goes into the audit.
       */
      why: string;
      after?: string;
      clock_offset_seconds?: number;
    };
    answer: ReverifiedRefusals;
  };
  admitRefusals: {
    body: {
      /**
       * @minItems 1
       * @maxItems 1000
       */
      ids?: [string, ...string[]];
      account?: string;
      /**
       * Why it was refused: missing_signature, malformed_signature, missing_timestamp, malformed_timestamp, missing_webhook_id, unknown_account, signature_mismatch, timestamp_too_old, timestamp_too_new, secret_unopened.
       */
      reason?: string;
      address?: string;
      /**
       * Last received then or later.
       */
      from?: string;
      /**
       * Last received before then.
       */
      to?: string;
      dry_run?: boolean;
      /**
       * Why it is done; it goes into the audit.
       */
      why: string;
      after?: string;
    };
    answer: AdmittedRefusals;
  };
  purgeRefusals: {
    body: {
      /**
       * @minItems 1
       * @maxItems 1000
       */
      ids?: [string, ...string[]];
      account?: string;
      /**
       * Why it was refused: missing_signature, malformed_signature, missing_timestamp, malformed_timestamp, missing_webhook_id, unknown_account, signature_mismatch, timestamp_too_old, timestamp_too_new, secret_unopened.
       */
      reason?: string;
      address?: string;
      /**
       * Last received then or later.
       */
      from?: string;
      /**
       * Last received before then.
       */
      to?: string;
      dry_run?: boolean;
      /**
       * Why it is done; it goes into the audit.
       */
      why: string;
      all?: true;
    };
    answer: {
      dry_run: boolean;
      purged: number;
    };
  };
  getRefusal: {
    path: {
      refusal_id: string;
    };
    answer: Refusal;
  };
  getRefusalBody: {
    path: {
      refusal_id: string;
    };
    query: {
      /**
       * Why it is done; it goes into the audit.
       */
      why: string;
    };
    answer: RefusalWithBody;
  };
  listSecrets: {
    answer: {
      data: SigningSecret[];
      /**
       * Send it as ?cursor= for the next page; null on the last one.
       */
      next_cursor: string | null;
    };
  };
  beginSecretRotation: {
    body: {
      account?: string;
      name: string;
      /**
       * A new one, with which those that count are to go; or, with `reinstate`, one that is retired, which counts again beside them and is itself to go.
       */
      secret: string;
      /**
       * Has one that is retired count again: only where it was not retired because it leaked, and iLive says that it still signs with it.
       */
      reinstate?: boolean;
      /**
       * Why it is done; it goes into the audit.
       */
      why: string;
    };
    answer: SigningSecret;
  };
  finishSecretRotation: {
    body: {
      account?: string;
      quiet_seconds?: number;
      /**
       * Why it is done; it goes into the audit.
       */
      why: string;
    };
    answer: {
      retired: string[];
    };
  };
  testSecret: {
    body: {
      account?: string;
      name?: string;
      /**
       * Why it is done; it goes into the audit.
       */
      why: string;
    };
    answer: Probe;
  };
  listAuditEntries: {
    query?: {
      actor?: string;
      action?: string;
      from?: string;
      to?: string;
      /**
       * How many at most.
       */
      limit?: number;
      /**
       * The next_cursor of the page before.
       */
      cursor?: string;
    };
    answer: {
      data: AuditEntry[];
      /**
       * Send it as ?cursor= for the next page; null on the last one.
       */
      next_cursor: string | null;
    };
  };
  getAuditVerification: {
    answer: AuditVerification;
  };
  listKeys: {
    query?: {
      /**
       * How many at most.
       */
      limit?: number;
      /**
       * The next_cursor of the page before.
       */
      cursor?: string;
    };
    answer: {
      data: ApiKey[];
      /**
       * Send it as ?cursor= for the next page; null on the last one.
       */
      next_cursor: string | null;
    };
  };
  createKey: {
    body: {
      name: string;
      role: 'reader' | 'operator' | 'admin';
      expires_at?: string;
      /**
       * Why it is done; it goes into the audit.
       */
      why: string;
    };
    answer: MadeApiKey;
  };
  revokeKey: {
    path: {
      key_id: string;
    };
    body: {
      /**
       * Why it is done; it goes into the audit.
       */
      why: string;
    };
    answer: ApiKey;
  };
}
export interface Session {
  session_id: string;
  account: string;
  /**
   * Your own id of the person, as given when the session was made.
   */
  reference_id: string | null;
  /**
   * How it stands with this session. Whether the person may come in, `standing.is_verified` of the subject says, and that alone.
   */
  state: 'expected' | 'settled' | 'disputed' | 'expired' | 'unrecoverable';
  verdict: 'pass' | 'retry' | 'fail' | null;
  /**
   * 0 to 1, as iLive gave it; the verdict is what counts.
   */
  confidence: number | null;
  /**
   * When the verdict came to be, by iLive.
   */
  verdict_at: string | null;
  /**
   * confirmed: webhook and pull agree.
   */
  confirmation: 'unconfirmed' | 'confirmed' | 'contradicted';
  /**
   * From when on the verdict has been expected.
   */
  expected_at: string;
  /**
   * Since when it has been known here.
   */
  settled_at: string | null;
  /**
   * The delivery that told it.
   */
  settled_by: string | null;
  settled_source: 'webhook' | 'pull' | null;
  /**
   * Why it ended without a verdict.
   */
  ended_reason:
    | 'never_finished'
    | 'token_refused'
    | 'not_found'
    | 'unreadable_answer'
    | 'no_token'
    | 'not_answered'
    | 'not_asked'
    | null;
  ended_at: string | null;
  /**
   * When iLive forgets the session.
   */
  expires_at: string | null;
  /**
   * When iLive is asked next; null of the past, which nobody can tell.
   */
  next_pull_at: string | null;
  /**
   * How often iLive was asked and answered about it; null of the past.
   */
  pull_attempts: number | null;
}
export interface CreatedSession {
  session_id: string;
  account: string;
  reference_id: string | null;
  expires_at: string | null;
  /**
   * Where to send the user; null where iLive gave none.
   */
  session_url: string | null;
}
export interface DetailedSession {
  session_id: string;
  account: string;
  /**
   * Your own id of the person, as given when the session was made.
   */
  reference_id: string | null;
  /**
   * How it stands with this session. Whether the person may come in, `standing.is_verified` of the subject says, and that alone.
   */
  state: 'expected' | 'settled' | 'disputed' | 'expired' | 'unrecoverable';
  verdict: 'pass' | 'retry' | 'fail' | null;
  /**
   * 0 to 1, as iLive gave it; the verdict is what counts.
   */
  confidence: number | null;
  /**
   * When the verdict came to be, by iLive.
   */
  verdict_at: string | null;
  /**
   * confirmed: webhook and pull agree.
   */
  confirmation: 'unconfirmed' | 'confirmed' | 'contradicted';
  /**
   * From when on the verdict has been expected.
   */
  expected_at: string;
  /**
   * Since when it has been known here.
   */
  settled_at: string | null;
  /**
   * The delivery that told it.
   */
  settled_by: string | null;
  settled_source: 'webhook' | 'pull' | null;
  /**
   * Why it ended without a verdict.
   */
  ended_reason:
    | 'never_finished'
    | 'token_refused'
    | 'not_found'
    | 'unreadable_answer'
    | 'no_token'
    | 'not_answered'
    | 'not_asked'
    | null;
  ended_at: string | null;
  /**
   * When iLive forgets the session.
   */
  expires_at: string | null;
  /**
   * When iLive is asked next; null of the past, which nobody can tell.
   */
  next_pull_at: string | null;
  /**
   * How often iLive was asked and answered about it; null of the past.
   */
  pull_attempts: number | null;
  observations: Observation[];
  /**
   * As asked; null for no limit.
   */
  as_of: string | null;
  /**
   * As asked; null for all that is known now.
   */
  known_at: string | null;
}
/**
 * One source's statement of a session's verdict.
 */
export interface Observation {
  delivery_id: string;
  source: 'webhook' | 'pull';
  verdict: 'pass' | 'retry' | 'fail';
  confidence: number | null;
  reference_id: string | null;
  /**
   * By iLive.
   */
  occurred_at: string;
  /**
   * By us.
   */
  known_at: string;
}
export interface RegisteredSession {
  session_id: string;
  account: string;
  reference_id: string | null;
  expires_at: string | null;
}
export interface Verdict {
  session_id: string;
  account: string | null;
  reference_id: string | null;
  /**
   * pending: there is not yet what you asked for; ask again. final: there will be no more.
   */
  status: 'pending' | 'final';
  /**
   * Null while it is pending, and where the session ended without one.
   */
  verdict: 'pass' | 'retry' | 'fail' | null;
  /**
   * Null for a session that nobody here has heard of yet. Whether the person may come in, `standing.is_verified` of the subject says, and that alone.
   */
  state: 'expected' | 'settled' | 'disputed' | 'expired' | 'unrecoverable' | null;
  confirmation: 'unconfirmed' | 'confirmed' | 'contradicted' | null;
  confidence: number | null;
  verdict_at: string | null;
  settled_at: string | null;
  settled_by: string | null;
  settled_source: 'webhook' | 'pull' | null;
  ended_reason:
    | 'never_finished'
    | 'token_refused'
    | 'not_found'
    | 'unreadable_answer'
    | 'no_token'
    | 'not_answered'
    | 'not_asked'
    | null;
}
export interface Completeness {
  from: string;
  to: string;
  expected: number;
  settled_by_webhook: number;
  settled_by_pull: number;
  disputed: number;
  expired: number;
  unrecoverable: number;
  /**
   * Still expected.
   */
  open: number;
  /**
   * Whether the counts above sum up to expected.
   */
  adds_up: boolean;
  settle_delay_ms: {
    p50: number | null;
    p99: number | null;
  };
  oldest_open_at: string | null;
  /**
   * The newest that a pull settled because their webhook never came.
   */
  repaired_session_ids: string[];
}
export interface FaceMatch {
  match_id: string;
  account: string;
  delivery_id: string;
  session_id: string | null;
  reference_id: string | null;
  face_id: string | null;
  external_face_id: string | null;
  collection_id: string | null;
  similarity: number | null;
  threshold: number | null;
  is_match: boolean | null;
  /**
   * By iLive.
   */
  occurred_at: string;
  /**
   * By us.
   */
  known_at: string;
}
export interface ComplianceAlert {
  alert_id: string;
  account: string;
  delivery_id: string;
  session_id: string | null;
  reference_id: string | null;
  severity: string | null;
  category: string | null;
  message: string | null;
  /**
   * Whatever else iLive attached: any JSON value; whole numbers past 2^53 as text.
   */
  details: {
    [k: string]: unknown;
  };
  /**
   * By iLive.
   */
  occurred_at: string;
  /**
   * By us.
   */
  known_at: string;
  /**
   * A newer statement about it opens it again.
   */
  status: 'open' | 'acknowledged' | 'resolved';
  acknowledged_at: string | null;
  /**
   * The key's name.
   */
  acknowledged_by: string | null;
  acknowledged_note: string | null;
  resolved_at: string | null;
  /**
   * The key's name.
   */
  resolved_by: string | null;
  resolved_note: string | null;
}
export interface Subject {
  reference_id: string;
  account: string;
  /**
   * As asked; null for no limit.
   */
  as_of: string | null;
  /**
   * As asked; null for all that is known now.
   */
  known_at: string | null;
  standing: SubjectStanding;
  sessions: {
    /**
     * The newest, 200 at most.
     */
    data: Session[];
    /**
     * False where there are more; /v1/sessions?reference_id= has them all, as they are now.
     */
    is_complete: boolean;
  };
  face_matches: {
    /**
     * The newest, 200 at most.
     */
    data: FaceMatch[];
    /**
     * False where there are more; /v1/face-matches?reference_id= has them all, as they are now.
     */
    is_complete: boolean;
  };
  compliance_alerts: {
    /**
     * The newest, 200 at most.
     */
    data: ComplianceAlert[];
    /**
     * False where there are more; /v1/compliance-alerts?reference_id= has them all, as they are now.
     */
    is_complete: boolean;
  };
}
export interface SubjectStanding {
  /**
   * True only where the latest verdict of theirs is a pass, its session is settled and not disputed, and no compliance alert about them is unresolved. Let somebody in on this field alone.
   */
  is_verified: boolean;
  /**
   * All that keeps is_verified from being true.
   */
  obstacles: ('no_verdict' | 'not_passed' | 'disputed' | 'unresolved_alert' | 'incomplete')[];
  /**
   * Of all their sessions the one whose verdict is the latest; null where none has one.
   */
  latest_verdict: {
    session_id: string;
    verdict: 'pass' | 'retry' | 'fail';
    state: 'expected' | 'settled' | 'disputed' | 'expired' | 'unrecoverable';
    confirmation: 'unconfirmed' | 'confirmed' | 'contradicted';
    /**
     * By iLive.
     */
    verdict_at: string | null;
  } | null;
  /**
   * Sessions whose verdict is expected still.
   */
  open_sessions_count: number;
  open_alerts_count: number;
  /**
   * Seen by somebody here, and not resolved.
   */
  acknowledged_alerts_count: number;
}
export interface Delivery {
  delivery_id: string;
  account: string;
  source: 'webhook' | 'pull';
  /**
   * iLive's, with `unproven:` before it where the delivery proved nothing; of a pull `pull:` and the session's id, and behind them a time where iLive has gone back to what it answered before.
   */
  webhook_id: string | null;
  body_sha256: string;
  state: 'received' | 'done' | 'ignored' | 'parked';
  /**
   * What it says, in our words.
   */
  kind: 'session_completed' | 'face_matched' | 'compliance_alert' | 'unknown' | null;
  /**
   * What it says, in iLive's words.
   */
  vendor_kind: string | null;
  session_id: string | null;
  /**
   * What was done with it.
   */
  decision: string | null;
  /**
   * Why it is parked.
   */
  reason: string | null;
  detail: string | null;
  attempts: number;
  /**
   * What let it in after it had been refused.
   */
  admission: 'signature' | 'pull' | null;
  received_at: string;
  finished_at: string | null;
  trace_id: string | null;
}
export interface Status {
  version: string;
  schema: string;
  role: string;
  /**
   * error: somebody has to do something now.
   */
  level: 'ok' | 'warning' | 'error';
  now: string;
  problems: {
    level: 'warning' | 'error';
    message: string;
    advice: string;
  }[];
  deliveries: {
    /**
     * Counted up to 100,000.
     */
    owed: number;
    /**
     * Those of the owed that have failed and are tried again.
     */
    failing: number;
    /**
     * Of those that have not failed.
     */
    oldest_owed_at: string | null;
    oldest_owed_age_seconds: number | null;
    /**
     * Counted up to 100,000.
     */
    parked: number;
    parked_by_reason: {
      [k: string]: number;
    };
  };
  refusals: {
    refused: number;
    by_reason: {
      [k: string]: number;
    };
    newest_at: string | null;
    stored_bytes: number;
    max_bytes: number;
    max_count: number;
    diagnoses: {
      finding: string;
      count: number;
    }[];
    /**
     * Those that were not looked at yet.
     */
    undiagnosed: number;
  };
  sessions: {
    /**
     * Counted up to 100,000.
     */
    open: number;
    near_deadline: number;
    next_deadline_at: string | null;
    overdue: number;
    /**
     * Those that became disputed in the last day, of those expected in the last 14.
     */
    disputed_last_day: number;
    /**
     * Those that ended so in the last day, of those expected in the last 14.
     */
    unrecoverable_last_day: number;
  };
  queue: {
    kind: 'redis' | 'postgres';
    /**
     * It takes rings.
     */
    is_up: boolean;
    trouble:
      | 'away'
      | 'read_only'
      | 'full'
      | 'credentials_refused'
      | 'certificate_refused'
      | 'refused'
      | 'crowded'
      | null;
    waiting: number | null;
    active: number | null;
    delayed: number | null;
  };
  database: {
    version: string;
    size_bytes: number;
    ms: number;
    connections: number;
    max_connections: number;
  };
  replicas: {
    /**
     * Host and port.
     */
    name: string;
    /**
     * usable: it is asked.
     */
    state:
      | 'usable'
      | 'unchecked'
      | 'unreachable'
      | 'lagging'
      | 'not_a_replica'
      | 'other_database'
      | 'other_schema';
    /**
     * How old what it answers may be, at most; null while not known.
     */
    lag_ms: number | null;
  }[];
  /**
   * Of the process that answers; each receiver has one.
   */
  outage_store: {
    /**
     * ready: nothing needs it. taking: deliveries go there. full, failing: they are turned away.
     */
    state: 'off' | 'ready' | 'taking' | 'full' | 'failing';
    /**
     * Since when Postgres could not commit.
     */
    since: string | null;
    held_deliveries: number;
    held_bytes: number;
    max_bytes: number;
    /**
     * Parts that are no records any more, and were set aside.
     */
    damaged: number;
    /**
     * Records that no key of ENCRYPTION_KEYS opens.
     */
    unopened: number;
  };
  clock: {
    ahead_of_database_ms: number;
    ahead_of_ilive_ms: number | null;
  };
  ilive: {
    is_configured: boolean;
    is_reachable: boolean | null;
    ms: number | null;
  };
  secrets: {
    account: string;
    name: string;
    state: string;
    /**
     * The id of the encryption key for want of which it does not open; null where it does.
     */
    missing_key: string | null;
    last_matched_at: string | null;
  }[];
  replays: {
    running: number;
    paused: number;
  };
  pauses: Pause[];
}
export interface Pause {
  what: 'processing' | 'pulling';
  since: string;
  by: string;
  why: string;
}
export interface Findings {
  /**
   * Whether there is no error among them.
   */
  ok: boolean;
  findings: {
    check: string;
    level: 'ok' | 'warning' | 'error';
    message: string;
    /**
     * How to mend it.
     */
    advice: string | null;
  }[];
}
export interface Pauses {
  /**
   * False when it was so already.
   */
  is_changed: boolean;
  /**
   * All that is paused now.
   */
  pauses: Pause[];
}
export interface DeliveryWithBody {
  delivery_id: string;
  account: string;
  source: 'webhook' | 'pull';
  /**
   * iLive's, with `unproven:` before it where the delivery proved nothing; of a pull `pull:` and the session's id, and behind them a time where iLive has gone back to what it answered before.
   */
  webhook_id: string | null;
  body_sha256: string;
  state: 'received' | 'done' | 'ignored' | 'parked';
  /**
   * What it says, in our words.
   */
  kind: 'session_completed' | 'face_matched' | 'compliance_alert' | 'unknown' | null;
  /**
   * What it says, in iLive's words.
   */
  vendor_kind: string | null;
  session_id: string | null;
  /**
   * What was done with it.
   */
  decision: string | null;
  /**
   * Why it is parked.
   */
  reason: string | null;
  detail: string | null;
  attempts: number;
  /**
   * What let it in after it had been refused.
   */
  admission: 'signature' | 'pull' | null;
  received_at: string;
  finished_at: string | null;
  trace_id: string | null;
  headers: {
    [k: string]: string;
  } | null;
  /**
   * The exact bytes; null once they were dropped.
   */
  body_base64: string | null;
}
export interface Replay {
  replay_id: string;
  state: 'running' | 'paused' | 'cancelled' | 'done';
  filter: {
    [k: string]: unknown;
  };
  why: string;
  created_at: string;
  created_by: string;
  finished_at: string | null;
  /**
   * Deliveries that matched when it was begun.
   */
  matching: number;
  replayed: number;
  failed: number;
  /**
   * Rows, by table.
   */
  changes: {
    [k: string]: {
      created: number;
      updated: number;
    };
  };
  /**
   * Deliveries, by the state that they are in now.
   */
  outcomes: {
    [k: string]: number;
  };
  /**
   * The last thing that went wrong.
   */
  detail: string | null;
}
export interface ReplayRehearsal {
  dry_run: true;
  matching: number;
  tried: number;
  /**
   * Whether all that match were tried.
   */
  is_complete: boolean;
  outcomes: {
    [k: string]: number;
  };
  failed: number;
  detail: string | null;
  changes_count: number;
  changes: {
    table: string;
    key: {
      [k: string]: unknown;
    };
    change: 'created' | 'updated';
    columns: {
      [k: string]: {
        before: unknown;
        after: unknown;
      };
    };
  }[];
}
export interface Refusal {
  refusal_id: string;
  account: string;
  reason: string;
  /**
   * Where the request came from.
   */
  address: string;
  received_at: string;
  /**
   * How often the very same request came.
   */
  times: number;
  last_received_at: string;
  body_bytes: number;
  /**
   * What would have matched.
   */
  diagnosis: {
    findings: string[];
    /**
     * False when a limit, or a seal that no key opens, kept the search from trying everything.
     */
    is_complete: boolean;
  } | null;
  /**
   * The delivery that it became.
   */
  delivery_id: string | null;
  admission: 'signature' | 'pull' | null;
  admitted_at: string | null;
}
export interface ReverifiedRefusals {
  dry_run: boolean;
  checked: number;
  /**
   * Refusals that became deliveries.
   */
  admitted: number;
  /**
   * Of these, those whose bytes had come in another way before.
   */
  already_stored: number;
  /**
   * Send it as "after" to go on; null when nothing is left to look at.
   */
  next_after: string | null;
  refused: number;
  refused_by_reason: {
    [k: string]: number;
  };
  /**
   * How far our clock was ahead when the newest came whose signature is right and whose time is not: what to send as clock_offset_seconds. Null when there is none.
   */
  clock_offset_seconds: number | null;
}
export interface AdmittedRefusals {
  dry_run: boolean;
  checked: number;
  /**
   * Refusals that became deliveries.
   */
  admitted: number;
  /**
   * Of these, those whose bytes had come in another way before.
   */
  already_stored: number;
  /**
   * Send it as "after" to go on; null when nothing is left to look at.
   */
  next_after: string | null;
  not_proven_by_reason: {
    [k: string]: number;
  };
}
export interface RefusalWithBody {
  refusal_id: string;
  account: string;
  reason: string;
  /**
   * Where the request came from.
   */
  address: string;
  received_at: string;
  /**
   * How often the very same request came.
   */
  times: number;
  last_received_at: string;
  body_bytes: number;
  /**
   * What would have matched.
   */
  diagnosis: {
    findings: string[];
    /**
     * False when a limit, or a seal that no key opens, kept the search from trying everything.
     */
    is_complete: boolean;
  } | null;
  /**
   * The delivery that it became.
   */
  delivery_id: string | null;
  admission: 'signature' | 'pull' | null;
  admitted_at: string | null;
  headers: {
    [k: string]: string;
  };
  body_base64: string;
}
export interface SigningSecret {
  account: string;
  name: string;
  fingerprint: string;
  origin: string;
  /**
   * active; retiring: it counts, and is to go; retired: it proves nothing, and only explains.
   */
  state: string;
  /**
   * The id of the encryption key for want of which it does not open; null where it does.
   */
  missing_key: string | null;
  added_at: string;
  retiring_at: string | null;
  retired_at: string | null;
  last_matched_at: string | null;
}
export interface Probe {
  ok: boolean;
  secret: string | null;
  url: string;
  status: number | null;
  delivery_id: string | null;
  state: string | null;
  ms: number | null;
  problem: string | null;
}
export interface AuditEntry {
  seq: number;
  at: string;
  actor: string;
  role: string;
  address: string;
  action: string;
  why: string;
  details: unknown;
  /**
   * How many it changed or showed.
   */
  rows: number;
  /**
   * done, or the code of what went wrong.
   */
  outcome: string;
  hash: string;
}
export interface AuditVerification {
  is_whole: boolean;
  entries: number;
  flaws: {
    seq: number;
    flaw: 'missing' | 'changed' | 'out_of_order' | 'unknown_key';
  }[];
  /**
   * Encryption keys that are not configured, and how many entries cannot be verified without each.
   */
  missing_keys: {
    key: string;
    entries: number;
  }[];
  /**
   * The first entry whose hash hangs on an encryption key.
   */
  keyed_from: number | null;
  head: {
    seq: number;
    hash: string;
  };
}
export interface ApiKey {
  key_id: string;
  name: string;
  role: 'reader' | 'operator' | 'admin';
  expires_at: string | null;
  state: 'usable' | 'revoked' | 'expired';
  created_at: string;
  created_by: string;
  last_used_at: string | null;
  revoked_at: string | null;
}
export interface MadeApiKey {
  key_id: string;
  name: string;
  role: 'reader' | 'operator' | 'admin';
  expires_at: string | null;
  /**
   * The key itself; it is shown here and never again.
   */
  key: string;
}

export const operations = {
  listSessions: { method: 'GET', path: '/v1/sessions' },
  createSession: { method: 'POST', path: '/v1/sessions' },
  lookupSessions: { method: 'POST', path: '/v1/sessions/lookup' },
  getSession: { method: 'GET', path: '/v1/sessions/{session_id}' },
  registerSession: { method: 'PUT', path: '/v1/sessions/{session_id}' },
  getSessionVerdict: { method: 'GET', path: '/v1/sessions/{session_id}/verdict' },
  listChanges: { method: 'GET', path: '/v1/changes' },
  getCompleteness: { method: 'GET', path: '/v1/completeness' },
  listFaceMatches: { method: 'GET', path: '/v1/face-matches' },
  listComplianceAlerts: { method: 'GET', path: '/v1/compliance-alerts' },
  getComplianceAlert: { method: 'GET', path: '/v1/compliance-alerts/{alert_id}' },
  acknowledgeComplianceAlert: { method: 'POST', path: '/v1/compliance-alerts/{alert_id}/acknowledge' },
  resolveComplianceAlert: { method: 'POST', path: '/v1/compliance-alerts/{alert_id}/resolve' },
  getSubject: { method: 'GET', path: '/v1/subjects/{reference_id}' },
  listDeliveries: { method: 'GET', path: '/v1/deliveries' },
  getDelivery: { method: 'GET', path: '/v1/deliveries/{delivery_id}' },
  getStatus: { method: 'GET', path: '/v1/ops/status' },
  runDoctor: { method: 'POST', path: '/v1/ops/doctor' },
  pause: { method: 'POST', path: '/v1/ops/pause' },
  resume: { method: 'POST', path: '/v1/ops/resume' },
  getDeliveryBody: { method: 'GET', path: '/v1/ops/deliveries/{delivery_id}/body' },
  listReplays: { method: 'GET', path: '/v1/ops/replays' },
  createReplay: { method: 'POST', path: '/v1/ops/replays' },
  getReplay: { method: 'GET', path: '/v1/ops/replays/{replay_id}' },
  pauseReplay: { method: 'POST', path: '/v1/ops/replays/{replay_id}/pause' },
  resumeReplay: { method: 'POST', path: '/v1/ops/replays/{replay_id}/resume' },
  cancelReplay: { method: 'POST', path: '/v1/ops/replays/{replay_id}/cancel' },
  listRefusals: { method: 'GET', path: '/v1/ops/refusals' },
  reverifyRefusals: { method: 'POST', path: '/v1/ops/refusals/reverify' },
  admitRefusals: { method: 'POST', path: '/v1/ops/refusals/admit' },
  purgeRefusals: { method: 'POST', path: '/v1/ops/refusals/purge' },
  getRefusal: { method: 'GET', path: '/v1/ops/refusals/{refusal_id}' },
  getRefusalBody: { method: 'GET', path: '/v1/ops/refusals/{refusal_id}/body' },
  listSecrets: { method: 'GET', path: '/v1/ops/secrets' },
  beginSecretRotation: { method: 'POST', path: '/v1/ops/secrets/begin-rotation' },
  finishSecretRotation: { method: 'POST', path: '/v1/ops/secrets/finish-rotation' },
  testSecret: { method: 'POST', path: '/v1/ops/secrets/test' },
  listAuditEntries: { method: 'GET', path: '/v1/ops/audit' },
  getAuditVerification: { method: 'GET', path: '/v1/ops/audit/verification' },
  listKeys: { method: 'GET', path: '/v1/ops/keys' },
  createKey: { method: 'POST', path: '/v1/ops/keys' },
  revokeKey: { method: 'POST', path: '/v1/ops/keys/{key_id}/revoke' },
} as const;
