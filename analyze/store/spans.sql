-- Marks the days of athletes as whole. Parameters: athletes Array(String), inputs
-- Array(UInt64) (their fingerprints, in the same order), version UInt32.
INSERT INTO athlete_spans_versions
(
    athlete_id, first_day, last_day, last_session_id, last_started_at, sessions, sessions_28d, timer_ms_28d, low_share_28d,
    easy_session_share_28d, hard_sessions_28d, verdict_28d, reason_28d, ctl, atl, tsb, monotony, doubtful_day, doubtful_over_easy,
    doubtful_drifted, inputs, days_version, version
)
SELECT
    span.athlete_id,
    span.first_day,
    span.last_day,
    span.last_session_id,
    span.last_started_at,
    span.sessions,
    arrayMap(d -> d.2, state.ahead),
    arrayMap(d -> d.3, state.ahead),
    arrayMap(d -> d.4, state.ahead),
    arrayMap(d -> d.5, state.ahead),
    arrayMap(d -> d.6, state.ahead),
    arrayMap(d -> d.7, state.ahead),
    arrayMap(d -> d.8, state.ahead),
    arrayMap(d -> d.9, state.ahead),
    arrayMap(d -> d.10, state.ahead),
    arrayMap(d -> d.11, state.ahead),
    arrayMap(d -> d.12, state.ahead),
    arrayMap(d -> d.1, state.doubtful),
    arrayMap(d -> d.2, state.doubtful),
    arrayMap(d -> d.3, state.doubtful),
    transform(span.athlete_id, {athletes:Array(String)}, {inputs:Array(UInt64)}, toUInt64(0)),
    {version:UInt32},
    (
        SELECT greatest(toUInt64(toUnixTimestamp64Milli(now64(3))), max(version) + 1)
        FROM athlete_spans_versions
        WHERE athlete_id IN {athletes:Array(String)}
    )
FROM
(
    SELECT
        athlete_id,
        min(local_day) AS first_day,
        max(local_day) AS last_day,
        argMax(session_id, started_at) AS last_session_id,
        max(started_at) AS last_started_at,
        count() AS sessions
    FROM sessions_versions FINAL
    WHERE athlete_id IN {athletes:Array(String)} AND isNull(duplicate_of)
    GROUP BY athlete_id
) AS span
LEFT JOIN
(
    SELECT
        athlete_id,
        arraySort(d -> d.1, groupArrayIf((
            day, sessions_28d, timer_ms_28d, low_ms_28d / nullIf(known_ms_28d, 0),
            easy_sessions_28d / nullIf(easy_sessions_28d + moderate_sessions_28d + hard_sessions_28d, 0), hard_sessions_28d, verdict_28d,
            reason_28d, ctl, atl, tsb, monotony), day >= final_day)) AS ahead,
        arraySort(d -> d.1, groupArrayIf((day, over_easy_sessions, drifted_sessions),
            day > final_day - 28 AND over_easy_sessions + drifted_sessions > 0)) AS doubtful
    FROM
    (
        SELECT *, max(if(tail, toDate32('1900-01-01'), day)) OVER (PARTITION BY athlete_id) AS final_day
        FROM athlete_days_versions FINAL
        WHERE athlete_id IN {athletes:Array(String)}
    )
    GROUP BY athlete_id
) AS state ON state.athlete_id = span.athlete_id
SETTINGS join_use_nulls = 0
