-- Reads by one athlete open one file a part instead of one a column; the texts of warnings repeat and are kept once a block; views that
-- stand on views are planned slowly, so those that are asked most stand on tables. Programs that set join_use_nulls get the same rows.

ALTER TABLE sessions_versions
    MODIFY SETTING min_bytes_for_wide_part = 2147483648, enable_vertical_merge_algorithm = 0;

ALTER TABLE intensity_versions
    MODIFY SETTING min_bytes_for_wide_part = 2147483648, enable_vertical_merge_algorithm = 0;

ALTER TABLE athlete_days_versions
    MODIFY SETTING min_bytes_for_wide_part = 2147483648, enable_vertical_merge_algorithm = 0;

ALTER TABLE signal_days_versions
    MODIFY SETTING min_bytes_for_wide_part = 2147483648, enable_vertical_merge_algorithm = 0;

ALTER TABLE warnings_versions
    MODIFY COLUMN pattern LowCardinality(String) COMMENT 'what was seen, in words' CODEC(ZSTD(1)),
    MODIFY COLUMN inputs Map(LowCardinality(String), Float64) COMMENT 'the other figures it was made from, by name' CODEC(ZSTD(1)),
    MODIFY COLUMN missing Array(LowCardinality(String)) COMMENT 'what could not be looked at, in words' CODEC(ZSTD(1));

CREATE OR REPLACE VIEW warnings
(
    athlete_id String COMMENT 'athlete',
    day        Date32 COMMENT 'local calendar day',
    signal     LowCardinality(String) COMMENT 'resting_hr, energy, same_effort_pace, efficiency, decoupling, monotony, or plods (several at once for days)',
    pattern    LowCardinality(String) COMMENT 'what was seen, in words: a pattern, not a diagnosis',
    value      Nullable(Float64) COMMENT 'what is looked at, in unit',
    baseline   Nullable(Float64) COMMENT 'what it is compared with, in unit',
    change     Nullable(Float64) COMMENT 'from the baseline, in unit or as unit says',
    unit       LowCardinality(String) COMMENT 'unit of value, baseline and change',
    threshold  LowCardinality(String) COMMENT 'when the signal is adverse, in words',
    inputs     Map(LowCardinality(String), Float64) COMMENT 'the other figures it was made from, by name',
    missing    Array(LowCardinality(String)) COMMENT 'what could not be looked at, in words'
)
AS SELECT
    athlete_id,
    day,
    signal,
    pattern,
    value,
    baseline,
    change,
    unit,
    threshold,
    inputs,
    missing
FROM warnings_versions FINAL
COMMENT 'a row is a signal of an athlete that is adverse on a day: a pattern to look at, not a diagnosis';

CREATE OR REPLACE VIEW sessions
(
    session_id        UUID COMMENT 'session',
    athlete_id        String COMMENT 'athlete',
    export_id         String COMMENT 'export the session came in, SHA-256',
    sport             LowCardinality(String) COMMENT 'sport, FIT name in snake case',
    sub_sport         LowCardinality(String) COMMENT 'sub sport, empty when not given',
    started_at        DateTime64(3, 'UTC') COMMENT 'start, UTC',
    ended_at          DateTime64(3, 'UTC') COMMENT 'end, UTC',
    utc_offset_s      Int32 COMMENT 'local time less UTC, s',
    utc_offset_source LowCardinality(String) COMMENT 'file, position (time zone at the first position), athlete (time zone set for the athlete) or empty (taken as UTC)',
    local_day         Date32 COMMENT 'calendar day of the start in local time',
    elapsed_s         Float64 COMMENT 'start to end, s; = paused_s + gap_s + no_hr_s + rejected_hr_s + classified_s',
    timer_s           Float64 COMMENT 'timer running, s',
    moving_s          Float64 COMMENT 'timer running and moving, s',
    paused_s          Float64 COMMENT 'timer stopped, s',
    gap_s             Float64 COMMENT 'no samples for longer than the gap limit, s',
    no_hr_s           Float64 COMMENT 'samples without heart rate, s',
    rejected_hr_s     Float64 COMMENT 'heart rate out of range or a spike, s',
    classified_s      Float64 COMMENT 'heart rate that counts, s',
    hr_coverage       Float64 COMMENT 'classified_s / timer_s, 0 to 1',
    distance_m        Nullable(Float64) COMMENT 'distance by device, else by positions, m',
    ascent_m          Float64 COMMENT 'ascent, m',
    hr_avg            Nullable(Float64) COMMENT 'time-weighted mean heart rate, bpm',
    hr_max            Nullable(UInt8) COMMENT 'highest accepted heart rate, bpm',
    observed_hr_max   Nullable(Float64) COMMENT 'highest 5 s mean of clean heart rate, bpm',
    pace_s_per_km     Nullable(Float64) COMMENT 'moving time over distance, s/km',
    hr_seconds        Array(Float64) COMMENT 'seconds at each heart rate: hr_seconds[150] is at 150 bpm; 255 elements',
    speed_seconds     Array(Float64) COMMENT 'seconds of moving time per 0.1 m/s: speed_seconds[31] is from 3.0 to 3.1 m/s; the last one is open',
    watch_zone_s      Array(Float64) COMMENT 'time in zones by the watch, s; first cell below zone 1',
    watch_zone_bounds Array(UInt8) COMMENT 'lower bounds of the zones of the watch, bpm',
    watch_delta_s     Array(Float64) COMMENT 'our time less that of the watch, per cell of watch_zone_s, s',
    watch_inferred    Bool COMMENT 'the file has no bounds for watch_zone_s; the usual shares of max heart rate were taken',
    watch_elapsed_s   Nullable(Float64) COMMENT 'elapsed time by the watch, s',
    watch_timer_s     Nullable(Float64) COMMENT 'timer time by the watch, s',
    watch_distance_m  Nullable(Float64) COMMENT 'distance by the watch, m',
    watch_hr_avg      Nullable(UInt8) COMMENT 'mean heart rate by the watch, bpm',
    watch_hr_max      Nullable(UInt8) COMMENT 'highest heart rate by the watch, bpm',
    laps              Array(Tuple(started_at DateTime64(3, 'UTC'), elapsed_s Float64, timer_s Float64, distance_m Float64, hr_avg Nullable(UInt8), hr_max Nullable(UInt8))) COMMENT 'laps as the watch wrote them: start, s, s, m, bpm, bpm',
    rpe               Nullable(Float32) COMMENT 'perceived exertion 0 to 10',
    feel              Nullable(Int16) COMMENT 'feeling 0 to 100',
    device            String COMMENT 'manufacturer and product, empty when not given',
    flags             Array(LowCardinality(String)) COMMENT 'oddities of the file and of the signals',
    samples           UInt32 COMMENT 'number of samples',
    format            LowCardinality(String) COMMENT 'format it was decoded from',
    salvaged          Bool COMMENT 'the file was damaged',
    duplicate_of      Nullable(UUID) COMMENT 'the better copy of the same activity, always null here: copies are in the view duplicates',
    decoder_version   UInt32 COMMENT 'version of the decoder',
    rules_version     UInt32 COMMENT 'version of the arithmetic',
    analyzed_at       DateTime64(3, 'UTC') COMMENT 'when this row was written, UTC'
)
AS SELECT
    session_id,
    athlete_id,
    export_id,
    sport,
    sub_sport,
    started_at,
    ended_at,
    utc_offset_s,
    utc_offset_source,
    local_day,
    elapsed_ms / 1000 AS elapsed_s,
    (elapsed_ms - paused_ms) / 1000 AS timer_s,
    moving_ms / 1000 AS moving_s,
    paused_ms / 1000 AS paused_s,
    gap_ms / 1000 AS gap_s,
    no_hr_ms / 1000 AS no_hr_s,
    rejected_hr_ms / 1000 AS rejected_hr_s,
    classified_ms / 1000 AS classified_s,
    if(elapsed_ms > paused_ms, classified_ms / (elapsed_ms - paused_ms), 0) AS hr_coverage,
    distance_m,
    ascent_m,
    hr_avg,
    hr_max,
    nullIf(observed_hr_max, 0) AS observed_hr_max,
    if(distance_m > 0 AND moving_ms > 0, moving_ms / distance_m, NULL) AS pace_s_per_km,
    arrayMap(x -> x / 1000, hr_ms) AS hr_seconds,
    arrayMap(x -> x / 1000, speed_ms) AS speed_seconds,
    arrayMap(x -> x / 1000, watch_zone_ms) AS watch_zone_s,
    watch_zone_bounds,
    arrayMap(x -> x / 1000, watch_delta_ms) AS watch_delta_s,
    watch_inferred,
    nullIf(watch_elapsed_ms, 0) / 1000 AS watch_elapsed_s,
    nullIf(watch_timer_ms, 0) / 1000 AS watch_timer_s,
    nullIf(watch_distance_cm, 0) / 100 AS watch_distance_m,
    nullIf(watch_hr_avg, 0) AS watch_hr_avg,
    nullIf(watch_hr_max, 0) AS watch_hr_max,
    arrayMap((s, e, m, d, a, h) -> (fromUnixTimestamp64Milli(s, 'UTC'), e / 1000, m / 1000, d / 100, nullIf(a, 0), nullIf(h, 0)),
        lap_start_ms, lap_elapsed_ms, lap_timer_ms, lap_distance_cm, lap_hr_avg, lap_hr_max) AS laps,
    rpe,
    feel,
    device,
    arraySort(arrayDistinct(arrayConcat(decoder_flags, signal_flags))) AS flags,
    samples,
    format,
    salvaged,
    duplicate_of,
    decoder_version,
    rules_version,
    analyzed_at
FROM sessions_versions FINAL
WHERE isNull(duplicate_of)
COMMENT 'a row is a workout in one sport; of copies of the same activity only the best one';

CREATE OR REPLACE VIEW athlete_weeks
(
    athlete_id         String COMMENT 'athlete',
    week               String COMMENT 'ISO year and week of its fourth day',
    week_start         Date32 COMMENT 'first local day; see report_settings',
    week_end           Date32 COMMENT 'last local day',
    training_days      UInt64 COMMENT 'days with a session',
    sessions           UInt64 COMMENT 'sessions',
    hours              Float64 COMMENT 'timer running, h',
    distance_km        Nullable(Float64) COMMENT 'distance of all sports, km; null when no session has one',
    hr_coverage        Nullable(Float64) COMMENT 'time whose intensity is known as a share of the timer time, 0 to 1',
    low_share          Nullable(Float64) COMMENT 'by time: low share of the time whose intensity is known, 0 to 1',
    easy_sessions      UInt64 COMMENT 'sessions of class easy',
    hard_sessions      UInt64 COMMENT 'sessions of class hard',
    easy_session_share Nullable(Float64) COMMENT 'by sessions: easy ones as a share of those that could be judged, 0 to 1',
    label              String COMMENT 'no_data (below 30 min), base, pyramidal, polarized, threshold, high_intensity or other',
    polarization_index Nullable(Float64) COMMENT 'polarization index (Treff 2019) of the summed time; polarized above 2.00',
    verdict            String COMMENT 'by time: ok from a low share of 0.80, borderline from 0.75, too_hard, or insufficient_data',
    reason             String COMMENT 'why there is insufficient_data: no_sessions, no_hr, no_hrmax, low_coverage (below 0.80), few_sessions (below 3), little_hr (below 90 min); else empty',
    violations         UInt64 COMMENT 'sessions meant easy that were not, see easy_day_violations',
    verdict_28d        LowCardinality(String) COMMENT 'of the 28 days that end with the last day of the week that has a row in rolling_intensity',
    load_model         LowCardinality(String) COMMENT 'load that the columns below are made of',
    load               Nullable(Float64) COMMENT 'load of the week',
    monotony           Nullable(Float64) COMMENT 'at the end of the week (Foster)',
    strain             Nullable(Float64) COMMENT 'at the end of the week (Foster)',
    ctl                Nullable(Float64) COMMENT 'chronic load at the end of the week',
    atl                Nullable(Float64) COMMENT 'acute load at the end of the week',
    tsb                Nullable(Float64) COMMENT 'tsb at the end of the week'
)
AS WITH (SELECT mapFromArrays(groupArray(athlete_id), groupArray(week_starts_on)) FROM report_settings_versions FINAL) AS starts
SELECT
    athlete_id,
    concat(toString(toISOYear(week_start + 3)), '-W', leftPad(toString(toISOWeek(week_start + 3)), 2, '0')) AS week,
    week_start,
    week_start + 6 AS week_end,
    training_days,
    n.1 AS sessions,
    timer_ms / 3600000 AS hours,
    if(sessions > 0 AND n.6 = 0, NULL, distance_m / 1000) AS distance_km,
    known_ms / nullIf(timer_ms, 0) AS hr_coverage,
    low_ms / nullIf(known_ms, 0) AS low_share,
    n.3 AS easy_sessions,
    n.5 AS hard_sessions,
    easy_sessions / nullIf(easy_sessions + n.4 + hard_sessions, 0) AS easy_session_share,
    multiIf(known_ms < 1800000, 'no_data', high_ms = 0 AND low_ms > moderate_ms, 'base', low_ms > moderate_ms AND moderate_ms > high_ms, 'pyramidal', low_ms > high_ms AND high_ms > moderate_ms AND ifNull(polarization_index, 0) >= 2.005, 'polarized', moderate_ms > low_ms AND moderate_ms > high_ms, 'threshold', high_ms > low_ms AND high_ms > moderate_ms, 'high_intensity', 'other') AS label,
    multiIf(known_ms = 0 OR high_ms > low_ms, NULL, high_ms = 0, 0, moderate_ms > 0, log10(low_ms / moderate_ms * high_ms / known_ms * 100), high_ms * 100 <= known_ms, 0, log10(low_ms / known_ms / 0.01 * (high_ms / known_ms - 0.01) * 100)) AS polarization_index,
    multiIf(reason != '', 'insufficient_data', low_ms * 5 >= known_ms * 4, 'ok', low_ms * 4 >= known_ms * 3, 'borderline', 'too_hard') AS verdict,
    multiIf(sessions = 0, 'no_sessions', classified_ms = 0, 'no_hr', known_ms = 0, 'no_hrmax', known_ms * 5 < timer_ms * 4, 'low_coverage', n.2 < 3, 'few_sessions', known_ms < 5400000, 'little_hr', '') AS reason,
    n.7 AS violations,
    last.1 AS verdict_28d,
    last.2 AS load_model,
    load_of_week AS load,
    last.3 AS monotony,
    last.4 AS strain,
    last.5 AS ctl,
    last.6 AS atl,
    last.7 AS tsb
FROM
(
    SELECT
        days.athlete_id AS athlete_id,
        toDate32(days.day - (toDayOfWeek(days.day) - multiIf(starts[days.athlete_id] > 0, starts[days.athlete_id], starts[''] > 0, starts[''], 1) + 7) % 7) AS week_start,
        countIf(days.sessions > 0) AS training_days,
        sumTuple((days.sessions, days.hr_sessions, days.easy_sessions, days.moderate_sessions, days.hard_sessions, days.distance_sessions,
            multiIf(p.intent = 'easy', days.over_easy_sessions, p.intent != '', 0, days.drifted_sessions))) AS n,
        sum(days.timer_ms) AS timer_ms,
        sum(days.classified_ms) AS classified_ms,
        sum(days.low_ms) AS low_ms,
        sum(days.moderate_ms) AS moderate_ms,
        sum(days.high_ms) AS high_ms,
        low_ms + moderate_ms + high_ms AS known_ms,
        sum(days.distance_m) AS distance_m,
        sum(days.load) AS load_of_week,
        argMax((days.verdict_28d, days.load_model, days.monotony, days.strain, days.ctl, days.atl, days.tsb), days.day) AS last
    FROM athlete_days_versions AS days FINAL
    LEFT JOIN (SELECT athlete_id, day, intent FROM session_plans_versions FINAL) AS p ON p.athlete_id = days.athlete_id AND p.day = days.day
    WHERE NOT days.tail OR days.day <= toDate32(now('UTC'))
    GROUP BY days.athlete_id, week_start
)
COMMENT 'a row is a week of an athlete as a coach looks at it: amount, intensity, discipline and load';

CREATE OR REPLACE VIEW who_needs_a_call
(
    athlete_id             String COMMENT 'athlete',
    needs_a_call           Bool COMMENT 'there is a reason',
    reasons                Array(String) COMMENT 'no_data (no session for 10 days or ever), too_hard (28-day verdict), easy_days_too_hard (3 violations or more in 28 days), plods (pattern of the plods in the last 7 days), signs_of_decline (2 other signals or more in the last 7 days)',
    why                    String COMMENT 'the reasons in words',
    last_session_day       Nullable(Date32) COMMENT 'local day of the last session, null when there is none',
    last_session_id        Nullable(UUID) COMMENT 'the last session',
    days_without_data      Nullable(Int32) COMMENT 'days since the last session, 0 when it was today',
    sessions_28d           UInt32 COMMENT '28 days to today: sessions',
    hours_28d              Float64 COMMENT '28 days to today: timer running, h',
    low_share_28d          Nullable(Float64) COMMENT '28 days to today, by time: low share, 0 to 1',
    easy_session_share_28d Nullable(Float64) COMMENT '28 days to today, by sessions: easy ones as a share of those judged, 0 to 1',
    hard_sessions_28d      UInt32 COMMENT '28 days to today: sessions of class hard',
    verdict_28d            LowCardinality(String) COMMENT '28 days to today: ok, borderline, too_hard or insufficient_data',
    reason_28d             LowCardinality(String) COMMENT 'why there is insufficient_data, see rolling_intensity',
    violations_28d         UInt64 COMMENT '28 days to today: sessions meant easy that were not',
    warnings_7d            UInt64 COMMENT '7 days to today: rows of warnings',
    signals_7d             Array(String) COMMENT '7 days to today: the signals they are about',
    last_warning           Nullable(String) COMMENT 'the latest of them in words, null when there is none',
    ctl                    Nullable(Float64) COMMENT 'chronic load, see load_daily',
    atl                    Nullable(Float64) COMMENT 'acute load',
    tsb                    Nullable(Float64) COMMENT 'ctl less atl of the day before',
    monotony               Nullable(Float64) COMMENT 'monotony of the last 7 days'
)
AS SELECT
    n.athlete_id AS athlete_id,
    CAST(notEmpty(reasons), 'Bool') AS needs_a_call,
    arrayFilter(r -> r != '', [
        if(isNull(days_without_data) OR days_without_data >= 10, 'no_data', ''),
        if(verdict_28d = 'too_hard', 'too_hard', ''),
        if(violations_28d >= 3, 'easy_days_too_hard', ''),
        multiIf(has(signals_7d, 'plods'), 'plods', length(signals_7d) >= 2, 'signs_of_decline', '')]) AS reasons,
    trimRight(concat(
        multiIf(days_without_data >= 10, concat('no session for ', ifNull(days_without_data, 0), ' days; '), isNotNull(days_without_data), '',
            n.athlete_id IN (SELECT athlete_id FROM signal_spans_versions), 'no session yet, only entries in the daily log; ', 'no session yet; '),
        if(verdict_28d = 'too_hard', concat('28 days too hard, ', ifNull(round(100 * low_share_28d), 0), ' % low; '), ''),
        if(violations_28d >= 3, concat(violations_28d, ' easy days of 28 days were not easy; '), ''),
        multiIf(has(signals_7d, 'plods'), 'pattern of the plods in 7 days; ',
            length(signals_7d) >= 2, concat('signs of decline in 7 days: ', arrayStringConcat(signals_7d, ', '), '; '), '')), '; ') AS why,
    if(span.sessions = 0, NULL, span.last_day) AS last_session_day,
    if(span.sessions = 0, NULL, span.last_session_id) AS last_session_id,
    if(span.sessions = 0, NULL, span.as_of - 1) AS days_without_data,
    span.today.1 AS sessions_28d,
    span.today.2 / 3600000 AS hours_28d,
    span.today.3 AS low_share_28d,
    span.today.4 AS easy_session_share_28d,
    span.today.5 AS hard_sessions_28d,
    if(sessions_28d = 0, 'insufficient_data', span.today.6) AS verdict_28d,
    if(sessions_28d = 0, 'no_sessions', span.today.7) AS reason_28d,
    ifNull(broken.violations, 0) AS violations_28d,
    length(warned.rows) AS warnings_7d,
    arraySort(arrayDistinct(warned.rows.3)) AS signals_7d,
    nullIf(warned.rows.4[-1], '') AS last_warning,
    span.today.8 AS ctl,
    span.today.9 AS atl,
    span.today.10 AS tsb,
    span.today.11 AS monotony
FROM
(
    SELECT athlete_id FROM athlete_spans_versions
    UNION DISTINCT
    SELECT athlete_id FROM athlete_settings_versions
    UNION DISTINCT
    SELECT athlete_id FROM signal_spans_versions
) AS n
LEFT JOIN
(
    -- what holds today, out of the arrays, as one column: each costs planning at every step
    SELECT
        athlete_id,
        last_day,
        last_session_id,
        sessions,
        toInt32(greatest(dateDiff('day', last_day, toDate32(now('UTC'))), 0)) + 1 AS as_of,
        (sessions_28d[as_of], timer_ms_28d[as_of], low_share_28d[as_of], easy_session_share_28d[as_of], hard_sessions_28d[as_of],
            verdict_28d[as_of], reason_28d[as_of], ctl[as_of], atl[as_of], tsb[as_of], monotony[as_of]) AS today
    FROM athlete_spans_versions FINAL
) AS span ON span.athlete_id = n.athlete_id
LEFT JOIN
(
    SELECT days.athlete_id AS athlete_id, sum(multiIf(p.intent = 'easy', days.over_easy_sessions, p.intent != '', 0, days.drifted_sessions)) AS violations
    FROM
    (
        SELECT athlete_id, day, over_easy_sessions, drifted_sessions
        FROM athlete_spans_versions FINAL
        ARRAY JOIN doubtful_day AS day, doubtful_over_easy AS over_easy_sessions, doubtful_drifted AS drifted_sessions
        WHERE day > toDate32(now('UTC')) - 28
    ) AS days
    LEFT JOIN (SELECT athlete_id, day, intent FROM session_plans_versions FINAL WHERE day > toDate32(now('UTC')) - 28) AS p
        ON p.athlete_id = days.athlete_id AND p.day = days.day
    GROUP BY days.athlete_id
) AS broken ON broken.athlete_id = n.athlete_id
LEFT JOIN
(
    SELECT athlete_id, arraySort(groupArray((day, signal = 'plods', toString(signal), toString(pattern)))) AS rows
    FROM warnings_versions FINAL
    WHERE day > toDate32(now('UTC')) - 7
    GROUP BY athlete_id
) AS warned ON warned.athlete_id = n.athlete_id
SETTINGS join_use_nulls = 0
COMMENT 'a row is an athlete: whether the coach should call, and why';

CREATE OR REPLACE VIEW athlete_now
(
    athlete_id             String COMMENT 'athlete',
    last_session_day       Nullable(Date32) COMMENT 'local day of the last session, null when there is none',
    last_session_id        Nullable(UUID) COMMENT 'the last session',
    days_without_data      Nullable(Int32) COMMENT 'days since the last session, 0 when it was today',
    sessions_28d           UInt32 COMMENT '28 days to today: sessions',
    hours_28d              Float64 COMMENT '28 days to today: timer running, h',
    low_share_28d          Nullable(Float64) COMMENT '28 days to today, by time: low share, 0 to 1',
    easy_session_share_28d Nullable(Float64) COMMENT '28 days to today, by sessions: easy ones as a share of those judged, 0 to 1',
    hard_sessions_28d      UInt32 COMMENT '28 days to today: sessions of class hard',
    verdict_28d            LowCardinality(String) COMMENT '28 days to today: ok, borderline, too_hard or insufficient_data',
    reason_28d             LowCardinality(String) COMMENT 'why there is insufficient_data, see rolling_intensity',
    violations_28d         UInt64 COMMENT '28 days to today: sessions meant easy that were not',
    ctl                    Nullable(Float64) COMMENT 'chronic load, see load_daily',
    atl                    Nullable(Float64) COMMENT 'acute load',
    tsb                    Nullable(Float64) COMMENT 'ctl less atl of the day before',
    monotony               Nullable(Float64) COMMENT 'monotony of the last 7 days'
)
AS SELECT
    athlete_id,
    last_session_day,
    last_session_id,
    days_without_data,
    sessions_28d,
    hours_28d,
    low_share_28d,
    easy_session_share_28d,
    hard_sessions_28d,
    verdict_28d,
    reason_28d,
    violations_28d,
    ctl,
    atl,
    tsb,
    monotony
FROM who_needs_a_call
COMMENT 'a row is an athlete as of today; the figures of who_needs_a_call without its judgement';

CREATE OR REPLACE VIEW daily_log
(
    athlete_id         String COMMENT 'athlete',
    day                Date32 COMMENT 'local calendar day',
    resting_hr         Nullable(Float64) COMMENT 'resting heart rate of the day, bpm',
    resting_hr_source  LowCardinality(String) COMMENT 'log, file (profile in a watch file) or empty',
    resting_hr_7d      Nullable(Float64) COMMENT 'its mean over 7 days, bpm',
    resting_hr_base    Nullable(Float64) COMMENT 'its mean over the 28 days before those 7, bpm',
    resting_hr_base_sd Nullable(Float64) COMMENT 'standard deviation (n - 1) over those 28 days, bpm',
    resting_hr_change  Nullable(Float64) COMMENT 'resting_hr_7d less resting_hr_base, bpm',
    resting_hr_flag    Nullable(Bool) COMMENT 'resting heart rate is up: 7-day mean 5 bpm or more above the baseline, or more than one standard deviation above on 3 or more of 7 days; null below 3 values in 7 days or 14 in 28',
    hrv                Nullable(Float64) COMMENT 'heart rate variability of the day, ms',
    hrv_7d             Nullable(Float64) COMMENT 'its mean over 7 days, ms',
    hrv_base           Nullable(Float64) COMMENT 'its mean over the 28 days before those 7, ms',
    hrv_change         Nullable(Float64) COMMENT 'hrv_7d less hrv_base, ms',
    sleep_h            Nullable(Float64) COMMENT 'sleep of the night before, h',
    sleep_7d_h         Nullable(Float64) COMMENT 'sleep, mean over 7 days, h',
    sleep_base_h       Nullable(Float64) COMMENT 'sleep, mean over the 28 days before those 7, h',
    energy             Nullable(UInt8) COMMENT 'energy of the day, 1 (exhausted) to 5',
    energy_as_written  String COMMENT 'energy as it was written',
    energy_7d          Nullable(Float64) COMMENT 'its mean over 7 days, level',
    energy_base        Nullable(Float64) COMMENT 'its mean over the 28 days before those 7, level',
    energy_change      Nullable(Float64) COMMENT 'energy_7d less energy_base, level',
    energy_flag        Nullable(Bool) COMMENT 'energy is down: 7-day mean half a level or more below the baseline; null below 3 values in 7 days or 14 in 28',
    note               String COMMENT 'free text',
    verdict            String COMMENT 'ok, or what the flags lack: insufficient_data with the days that have a value'
)
AS SELECT
    l.athlete_id AS athlete_id,
    l.day AS day,
    l.resting_hr AS resting_hr,
    l.resting_hr_source AS resting_hr_source,
    d.resting_hr_7d AS resting_hr_7d,
    d.resting_hr_base AS resting_hr_base,
    d.resting_hr_base_sd AS resting_hr_base_sd,
    d.resting_hr_7d - d.resting_hr_base AS resting_hr_change,
    d.resting_hr_adverse AS resting_hr_flag,
    l.hrv AS hrv,
    d.hrv_7d AS hrv_7d,
    d.hrv_base AS hrv_base,
    d.hrv_7d - d.hrv_base AS hrv_change,
    l.sleep_h AS sleep_h,
    d.sleep_7d_h AS sleep_7d_h,
    d.sleep_base_h AS sleep_base_h,
    l.energy AS energy,
    l.energy_as_written AS energy_as_written,
    d.energy_7d AS energy_7d,
    d.energy_base AS energy_base,
    d.energy_7d - d.energy_base AS energy_change,
    d.energy_adverse AS energy_flag,
    l.note AS note,
    if(isNotNull(d.resting_hr_adverse) AND isNotNull(d.energy_adverse), 'ok', concat('insufficient_data: ', arrayStringConcat(arrayFilter(t -> t != '', [
        if(isNull(d.resting_hr_adverse), concat('resting HR on ', toString(d.resting_hr_7d_n), ' of 7 and ', toString(d.resting_hr_base_n), ' of the 28 days before'), ''),
        if(isNull(d.energy_adverse), concat('energy on ', toString(d.energy_7d_n), ' of 7 and ', toString(d.energy_base_n), ' of the 28 days before'), '')]), ', '))) AS verdict
FROM log_days AS l
LEFT JOIN signal_days AS d ON d.athlete_id = l.athlete_id AND d.day = l.day
SETTINGS join_use_nulls = 0
COMMENT 'a row is a day of an athlete with something in the log or a resting heart rate in a file, beside the baselines';
