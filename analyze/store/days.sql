-- Makes the days of athletes from their sessions and writes those that are not
-- there yet. Parameters: athletes Array(String).
INSERT INTO athlete_days_versions
(
    athlete_id, day, tail, day_number, sessions, hr_sessions, easy_sessions, moderate_sessions, hard_sessions, distance_sessions,
    pace_sessions, timer_ms, classified_ms, low_ms, moderate_ms, high_ms, pace_low_ms, pace_moderate_ms, pace_high_ms, distance_m,
    over_easy_sessions, drifted_sessions, moving_ms, rpe_sessions, trimp, edwards, lucia, foster, sessions_7d, hr_sessions_7d,
    easy_sessions_7d, moderate_sessions_7d, hard_sessions_7d, distance_sessions_7d, pace_sessions_7d, timer_ms_7d, classified_ms_7d,
    low_ms_7d, moderate_ms_7d, high_ms_7d, pace_low_ms_7d, pace_moderate_ms_7d, pace_high_ms_7d, distance_m_7d, sessions_28d,
    hr_sessions_28d, easy_sessions_28d, moderate_sessions_28d, hard_sessions_28d, distance_sessions_28d, pace_sessions_28d, timer_ms_28d,
    classified_ms_28d, low_ms_28d, moderate_ms_28d, high_ms_28d, pace_low_ms_28d, pace_moderate_ms_28d, pace_high_ms_28d, distance_m_28d,
    known_ms_7d, polarization_index_7d, label_7d, verdict_7d, reason_7d, pace_verdict_7d, pace_reason_7d, known_ms_28d,
    polarization_index_28d, label_28d, verdict_28d, reason_28d, pace_verdict_28d, pace_reason_28d, load_model, load, unknown_sessions,
    unknown_7d, unknown_42d, load_7d, ctl, atl, tsb, monotony, strain, acwr, near_vt1_ms_90d, near_vt1_m_90d, row_hash, is_deleted, version
)
WITH
facts AS
(
    SELECT
        s.athlete_id AS athlete_id,
        s.local_day AS day,
        s.elapsed_ms - s.paused_ms AS timer,
        s.moving_ms AS moving,
        s.distance_m AS distance,
        s.classified_ms AS classified,
        s.rpe AS rated,
        i.low_ms AS low,
        i.moderate_ms AS moderate,
        i.high_ms AS high,
        i.session_class AS class,
        i.efforts AS efforts,
        i.threshold_pace > 0 AS paced,
        i.pace_low_ms AS slow,
        i.pace_moderate_ms AS middling,
        i.pace_high_ms AS fast,
        i.near_vt1_ms AS near_ms,
        i.near_vt1_m AS near_m,
        i.trimp AS banister,
        i.edwards AS five,
        i.lucia AS three,
        toFloat64(s.rpe) * (s.elapsed_ms - s.paused_ms) / 60000 AS felt
    FROM
    (
        SELECT athlete_id, session_id, local_day, elapsed_ms, paused_ms, moving_ms, distance_m, classified_ms, rpe, duplicate_of
        FROM sessions_versions FINAL
        WHERE athlete_id IN {athletes:Array(String)}
    ) AS s
    LEFT JOIN
    (
        SELECT athlete_id, session_id, low_ms, moderate_ms, high_ms, session_class, efforts, threshold_pace, pace_low_ms,
            pace_moderate_ms, pace_high_ms, near_vt1_ms, near_vt1_m, trimp, edwards, lucia
        FROM intensity_versions FINAL
        WHERE athlete_id IN {athletes:Array(String)}
    ) AS i ON i.athlete_id = s.athlete_id AND i.session_id = s.session_id
    WHERE isNull(s.duplicate_of)
),
spans AS
(
    SELECT
        athlete_id,
        min(day) AS first_day,
        max(day) AS last_day,
        multiIf(
            count(banister) > 0 AND count(banister) >= greatest(count(five), count(three)), 'trimp',
            count(five) > 0 AND count(five) >= count(three), 'edwards',
            count(three) > 0, 'lucia',
            'none') AS model
    FROM facts
    GROUP BY athlete_id
),
summed AS
(
    SELECT
        athlete_id,
        day,
        toUInt32(count()) AS n_sessions,
        toUInt32(countIf(low + moderate + high > 0)) AS n_hr,
        toUInt32(countIf(class = 'easy')) AS n_easy,
        toUInt32(countIf(class = 'moderate')) AS n_moderate,
        toUInt32(countIf(class = 'hard')) AS n_hard,
        toUInt32(count(distance)) AS n_distance,
        toUInt32(countIf(paced)) AS n_pace,
        sum(timer) AS timer_ms,
        sum(classified) AS classified_ms,
        sum(low) AS low_ms,
        sum(moderate) AS moderate_ms,
        sum(high) AS high_ms,
        sum(slow) AS pace_low_ms,
        sum(middling) AS pace_moderate_ms,
        sum(fast) AS pace_high_ms,
        ifNull(sum(distance), 0) AS distance_m,
        toUInt32(countIf(class IN ('moderate', 'hard'))) AS n_over_easy,
        toUInt32(countIf(class = 'moderate' AND low * 2 >= low + moderate + high AND efforts < 3)) AS n_drifted,
        sum(moving) AS moving_ms,
        toUInt32(count(rated)) AS n_rpe,
        sum(banister) AS trimp,
        sum(five) AS edwards,
        sum(three) AS lucia,
        sum(felt) AS foster,
        toUInt32(count(banister)) AS n_trimp,
        toUInt32(count(five)) AS n_edwards,
        toUInt32(count(three)) AS n_lucia,
        sum(near_ms) AS near_ms,
        sum(near_m) AS near_m
    FROM facts
    GROUP BY athlete_id, day
),
calendar AS
(
    SELECT athlete_id, first_day, last_day, model, first_day + arrayJoin(range(toUInt32(dateDiff('day', first_day, last_day) + 29))) AS day
    FROM spans
),
days AS
(
    SELECT
        c.athlete_id AS athlete_id,
        c.day AS day,
        c.day > c.last_day AS tail,
        toUInt32(dateDiff('day', c.first_day, c.day) + 1) AS day_number,
        s.n_sessions AS sessions,
        s.n_hr AS hr_sessions,
        s.n_easy AS easy_sessions,
        s.n_moderate AS moderate_sessions,
        s.n_hard AS hard_sessions,
        s.n_distance AS distance_sessions,
        s.n_pace AS pace_sessions,
        s.timer_ms AS timer_ms,
        s.classified_ms AS classified_ms,
        s.low_ms AS low_ms,
        s.moderate_ms AS moderate_ms,
        s.high_ms AS high_ms,
        s.pace_low_ms AS pace_low_ms,
        s.pace_moderate_ms AS pace_moderate_ms,
        s.pace_high_ms AS pace_high_ms,
        s.distance_m AS distance_m,
        s.n_over_easy AS over_easy_sessions,
        s.n_drifted AS drifted_sessions,
        s.moving_ms AS moving_ms,
        s.n_rpe AS rpe_sessions,
        if(s.n_sessions = 0, 0, s.trimp) AS trimp,
        if(s.n_sessions = 0, 0, s.edwards) AS edwards,
        if(s.n_sessions = 0, 0, s.lucia) AS lucia,
        if(s.n_sessions = 0, 0, s.foster) AS foster,
        c.model AS load_model,
        multiIf(c.model = 'trimp', trimp, c.model = 'edwards', edwards, c.model = 'lucia', lucia, NULL) AS load,
        if(c.model = 'none', NULL, ifNull(load, 0)) AS known_load,
        s.n_sessions - multiIf(c.model = 'trimp', s.n_trimp, c.model = 'edwards', s.n_edwards, c.model = 'lucia', s.n_lucia, 0) AS unknown_sessions,
        s.near_ms AS near_ms,
        s.near_m AS near_m
    FROM calendar AS c
    LEFT JOIN summed AS s ON s.athlete_id = c.athlete_id AND s.day = c.day
    SETTINGS join_use_nulls = 0
)
,
windowed AS
(
    SELECT
        *,
        toUInt32(sum(sessions) OVER days_7) AS sessions_7d,
        toUInt32(sum(hr_sessions) OVER days_7) AS hr_sessions_7d,
        toUInt32(sum(easy_sessions) OVER days_7) AS easy_sessions_7d,
        toUInt32(sum(moderate_sessions) OVER days_7) AS moderate_sessions_7d,
        toUInt32(sum(hard_sessions) OVER days_7) AS hard_sessions_7d,
        toUInt32(sum(distance_sessions) OVER days_7) AS distance_sessions_7d,
        toUInt32(sum(pace_sessions) OVER days_7) AS pace_sessions_7d,
        sum(timer_ms) OVER days_7 AS timer_ms_7d,
        sum(classified_ms) OVER days_7 AS classified_ms_7d,
        sum(low_ms) OVER days_7 AS low_ms_7d,
        sum(moderate_ms) OVER days_7 AS moderate_ms_7d,
        sum(high_ms) OVER days_7 AS high_ms_7d,
        sum(pace_low_ms) OVER days_7 AS pace_low_ms_7d,
        sum(pace_moderate_ms) OVER days_7 AS pace_moderate_ms_7d,
        sum(pace_high_ms) OVER days_7 AS pace_high_ms_7d,
        sum(distance_m) OVER days_7 AS distance_m_7d,
        toUInt32(sum(sessions) OVER days_28) AS sessions_28d,
        toUInt32(sum(hr_sessions) OVER days_28) AS hr_sessions_28d,
        toUInt32(sum(easy_sessions) OVER days_28) AS easy_sessions_28d,
        toUInt32(sum(moderate_sessions) OVER days_28) AS moderate_sessions_28d,
        toUInt32(sum(hard_sessions) OVER days_28) AS hard_sessions_28d,
        toUInt32(sum(distance_sessions) OVER days_28) AS distance_sessions_28d,
        toUInt32(sum(pace_sessions) OVER days_28) AS pace_sessions_28d,
        sum(timer_ms) OVER days_28 AS timer_ms_28d,
        sum(classified_ms) OVER days_28 AS classified_ms_28d,
        sum(low_ms) OVER days_28 AS low_ms_28d,
        sum(moderate_ms) OVER days_28 AS moderate_ms_28d,
        sum(high_ms) OVER days_28 AS high_ms_28d,
        sum(pace_low_ms) OVER days_28 AS pace_low_ms_28d,
        sum(pace_moderate_ms) OVER days_28 AS pace_moderate_ms_28d,
        sum(pace_high_ms) OVER days_28 AS pace_high_ms_28d,
        sum(distance_m) OVER days_28 AS distance_m_28d,
        toUInt32(sum(unknown_sessions) OVER days_7) AS unknown_7d,
        toUInt32(sum(unknown_sessions) OVER days_42) AS unknown_42d,
        groupArray(ifNull(known_load, 0)) OVER days_7 AS loads,
        sum(ifNull(known_load, 0)) OVER days_28 AS load_28d,
        -- v += (load - v) / n from 0 is the sum of load / n times (1 - 1/n) to
        -- the power of its age in days: e to the minus age over 1 / ln(n / (n - 1)).
        exponentialTimeDecayedSum(41.49799189013652)(ifNull(known_load, 0), day_number) OVER so_far / 42 AS chronic,
        exponentialTimeDecayedSum(6.48715919463088)(ifNull(known_load, 0), day_number) OVER so_far / 7 AS acute,
        sum(near_ms) OVER before_90 AS near_vt1_ms_90d,
        sum(near_m) OVER before_90 AS near_vt1_m_90d
    FROM days
    WINDOW
        days_7 AS (PARTITION BY athlete_id ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW),
        days_28 AS (PARTITION BY athlete_id ORDER BY day ROWS BETWEEN 27 PRECEDING AND CURRENT ROW),
        days_42 AS (PARTITION BY athlete_id ORDER BY day ROWS BETWEEN 41 PRECEDING AND CURRENT ROW),
        before_90 AS (PARTITION BY athlete_id ORDER BY day ROWS BETWEEN 90 PRECEDING AND 1 PRECEDING),
        so_far AS (PARTITION BY athlete_id ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
loaded AS
(
    SELECT
        *,
        load_model = 'none' AS unloaded,
        if(unloaded, NULL, arraySum(loads)) AS load_7d,
        if(unloaded, NULL, chronic) AS ctl,
        if(unloaded, NULL, acute) AS atl,
        if(unloaded, NULL, lagInFrame(chronic - acute, 1, 0) OVER (PARTITION BY athlete_id ORDER BY day ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)) AS tsb,
        sqrt(arraySum(x -> pow(x - arraySum(loads) / 7, 2), loads) / 6) AS spread,
        if(unloaded OR length(loads) < 7 OR unknown_7d > 0 OR arrayMin(loads) = arrayMax(loads), NULL, arraySum(loads) / 7 / spread) AS monotony,
        load_7d * monotony AS strain,
        if(unloaded OR day_number < 28 OR load_28d = 0, NULL, arraySum(loads) / 7 / (load_28d / 28)) AS acwr,
        low_ms_7d + moderate_ms_7d + high_ms_7d AS known_ms_7d,
        low_ms_28d + moderate_ms_28d + high_ms_28d AS known_ms_28d,
        pace_low_ms_7d + pace_moderate_ms_7d + pace_high_ms_7d AS pace_ms_7d,
        pace_low_ms_28d + pace_moderate_ms_28d + pace_high_ms_28d AS pace_ms_28d
    FROM windowed
),
reasoned AS
(
    SELECT
        *,
        multiIf(sessions_7d = 0, 'no_sessions', classified_ms_7d = 0, 'no_hr', known_ms_7d = 0, 'no_hrmax', known_ms_7d * 5 < timer_ms_7d * 4, 'low_coverage', hr_sessions_7d < 3, 'few_sessions', known_ms_7d < 5400000, 'little_hr', '') AS reason_7d,
        multiIf(pace_sessions_7d = 0, 'no_pace', pace_sessions_7d < 3, 'few_sessions', pace_ms_7d < 5400000, 'little_pace', '') AS pace_reason_7d,
        multiIf(known_ms_7d = 0 OR high_ms_7d > low_ms_7d, NULL, high_ms_7d = 0, 0, moderate_ms_7d > 0, log10(low_ms_7d / moderate_ms_7d * high_ms_7d / known_ms_7d * 100), high_ms_7d * 100 <= known_ms_7d, 0, log10(low_ms_7d / known_ms_7d / 0.01 * (high_ms_7d / known_ms_7d - 0.01) * 100)) AS polarization_index_7d,
        multiIf(sessions_28d = 0, 'no_sessions', classified_ms_28d = 0, 'no_hr', known_ms_28d = 0, 'no_hrmax', known_ms_28d * 5 < timer_ms_28d * 4, 'low_coverage', hr_sessions_28d < 3, 'few_sessions', known_ms_28d < 5400000, 'little_hr', '') AS reason_28d,
        multiIf(pace_sessions_28d = 0, 'no_pace', pace_sessions_28d < 3, 'few_sessions', pace_ms_28d < 5400000, 'little_pace', '') AS pace_reason_28d,
        multiIf(known_ms_28d = 0 OR high_ms_28d > low_ms_28d, NULL, high_ms_28d = 0, 0, moderate_ms_28d > 0, log10(low_ms_28d / moderate_ms_28d * high_ms_28d / known_ms_28d * 100), high_ms_28d * 100 <= known_ms_28d, 0, log10(low_ms_28d / known_ms_28d / 0.01 * (high_ms_28d / known_ms_28d - 0.01) * 100)) AS polarization_index_28d
    FROM loaded
),
judged AS
(
    SELECT
        *,
        multiIf(reason_7d != '', 'insufficient_data', low_ms_7d * 5 >= known_ms_7d * 4, 'ok', low_ms_7d * 4 >= known_ms_7d * 3, 'borderline', 'too_hard') AS verdict_7d,
        multiIf(pace_reason_7d != '', 'insufficient_data', pace_low_ms_7d * 5 >= pace_ms_7d * 4, 'ok', pace_low_ms_7d * 4 >= pace_ms_7d * 3, 'borderline', 'too_hard') AS pace_verdict_7d,
        multiIf(known_ms_7d < 1800000, 'no_data', high_ms_7d = 0 AND low_ms_7d > moderate_ms_7d, 'base', low_ms_7d > moderate_ms_7d AND moderate_ms_7d > high_ms_7d, 'pyramidal', low_ms_7d > high_ms_7d AND high_ms_7d > moderate_ms_7d AND ifNull(polarization_index_7d, 0) >= 2.005, 'polarized', moderate_ms_7d > low_ms_7d AND moderate_ms_7d > high_ms_7d, 'threshold', high_ms_7d > low_ms_7d AND high_ms_7d > moderate_ms_7d, 'high_intensity', 'other') AS label_7d,
        multiIf(reason_28d != '', 'insufficient_data', low_ms_28d * 5 >= known_ms_28d * 4, 'ok', low_ms_28d * 4 >= known_ms_28d * 3, 'borderline', 'too_hard') AS verdict_28d,
        multiIf(pace_reason_28d != '', 'insufficient_data', pace_low_ms_28d * 5 >= pace_ms_28d * 4, 'ok', pace_low_ms_28d * 4 >= pace_ms_28d * 3, 'borderline', 'too_hard') AS pace_verdict_28d,
        multiIf(known_ms_28d < 1800000, 'no_data', high_ms_28d = 0 AND low_ms_28d > moderate_ms_28d, 'base', low_ms_28d > moderate_ms_28d AND moderate_ms_28d > high_ms_28d, 'pyramidal', low_ms_28d > high_ms_28d AND high_ms_28d > moderate_ms_28d AND ifNull(polarization_index_28d, 0) >= 2.005, 'polarized', moderate_ms_28d > low_ms_28d AND moderate_ms_28d > high_ms_28d, 'threshold', high_ms_28d > low_ms_28d AND high_ms_28d > moderate_ms_28d, 'high_intensity', 'other') AS label_28d
    FROM reasoned
)
SELECT
    athlete_id, day, tail, day_number, sessions, hr_sessions, easy_sessions, moderate_sessions, hard_sessions, distance_sessions,
    pace_sessions, timer_ms, classified_ms, low_ms, moderate_ms, high_ms, pace_low_ms, pace_moderate_ms, pace_high_ms, distance_m,
    over_easy_sessions, drifted_sessions, moving_ms, rpe_sessions, trimp, edwards, lucia, foster, sessions_7d, hr_sessions_7d,
    easy_sessions_7d, moderate_sessions_7d, hard_sessions_7d, distance_sessions_7d, pace_sessions_7d, timer_ms_7d, classified_ms_7d,
    low_ms_7d, moderate_ms_7d, high_ms_7d, pace_low_ms_7d, pace_moderate_ms_7d, pace_high_ms_7d, distance_m_7d, sessions_28d,
    hr_sessions_28d, easy_sessions_28d, moderate_sessions_28d, hard_sessions_28d, distance_sessions_28d, pace_sessions_28d, timer_ms_28d,
    classified_ms_28d, low_ms_28d, moderate_ms_28d, high_ms_28d, pace_low_ms_28d, pace_moderate_ms_28d, pace_high_ms_28d, distance_m_28d,
    known_ms_7d, polarization_index_7d, label_7d, verdict_7d, reason_7d, pace_verdict_7d, pace_reason_7d, known_ms_28d,
    polarization_index_28d, label_28d, verdict_28d, reason_28d, pace_verdict_28d, pace_reason_28d, load_model, load, unknown_sessions,
    unknown_7d, unknown_42d, load_7d, ctl, atl, tsb, monotony, strain, acwr, near_vt1_ms_90d, near_vt1_m_90d,
    row_hash,
    0 AS is_deleted,
    (
        SELECT greatest(toUInt64(toUnixTimestamp64Milli(now64(3))), max(version) + 1)
        FROM athlete_days_versions
        WHERE athlete_id IN {athletes:Array(String)}
    ) AS version
FROM
(
    SELECT
        *,
        cityHash64(
            athlete_id, day, tail, day_number, sessions, hr_sessions, easy_sessions, moderate_sessions, hard_sessions, distance_sessions,
            pace_sessions, timer_ms, classified_ms, low_ms, moderate_ms, high_ms, pace_low_ms, pace_moderate_ms, pace_high_ms, distance_m,
            over_easy_sessions, drifted_sessions, moving_ms, rpe_sessions, ifNull(toString(trimp), ''), ifNull(toString(edwards), ''),
            ifNull(toString(lucia), ''), ifNull(toString(foster), ''), sessions_7d, hr_sessions_7d, easy_sessions_7d, moderate_sessions_7d,
            hard_sessions_7d, distance_sessions_7d, pace_sessions_7d, timer_ms_7d, classified_ms_7d, low_ms_7d, moderate_ms_7d, high_ms_7d,
            pace_low_ms_7d, pace_moderate_ms_7d, pace_high_ms_7d, distance_m_7d, sessions_28d, hr_sessions_28d, easy_sessions_28d,
            moderate_sessions_28d, hard_sessions_28d, distance_sessions_28d, pace_sessions_28d, timer_ms_28d, classified_ms_28d, low_ms_28d,
            moderate_ms_28d, high_ms_28d, pace_low_ms_28d, pace_moderate_ms_28d, pace_high_ms_28d, distance_m_28d, known_ms_7d,
            ifNull(toString(polarization_index_7d), ''), label_7d, verdict_7d, reason_7d, pace_verdict_7d, pace_reason_7d, known_ms_28d,
            ifNull(toString(polarization_index_28d), ''), label_28d, verdict_28d, reason_28d, pace_verdict_28d, pace_reason_28d, load_model,
            ifNull(toString(load), ''), unknown_sessions, unknown_7d, unknown_42d, ifNull(toString(load_7d), ''), ifNull(toString(ctl), ''),
            ifNull(toString(atl), ''), ifNull(toString(tsb), ''), ifNull(toString(monotony), ''), ifNull(toString(strain), ''),
            ifNull(toString(acwr), ''), near_vt1_ms_90d, near_vt1_m_90d
        ) AS row_hash
    FROM judged
)
WHERE (athlete_id, day, row_hash) NOT IN
(
    SELECT athlete_id, day, row_hash
    FROM athlete_days_versions FINAL
    WHERE athlete_id IN {athletes:Array(String)}
)
