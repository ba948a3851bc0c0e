-- Training over days and weeks. The sessions stay the truth: athlete_days and
-- athlete_spans are made from them by the store whenever sessions change, and
-- can be thrown away at any time. decisions.md says why there are such tables.

ALTER TABLE intensity_versions
    ADD COLUMN IF NOT EXISTS longest_over_vt1_ms Int64 COMMENT 'longest stretch at or over vt1, ms' CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS efforts UInt32 COMMENT 'rises from 10 bpm below vt1 to vt1 that stay there for a minute in all' CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS near_vt1_ms Int64 COMMENT 'runs: moving within 5 bpm below vt1, first five minutes left out, ms' CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS near_vt1_m Float64 COMMENT 'runs: distance in that time, m' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS over_vt1_moving_ms Int64 COMMENT 'runs: moving at or over vt1, ms' CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS over_vt1_m Float64 COMMENT 'runs: distance in that time, m' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS threshold_pace Float64 COMMENT 'runs: threshold pace used, s/km, 0 when none is set' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS pace_low_ms Int64 COMMENT 'runs: moving slower than 114 percent of the threshold pace, ms' CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS pace_moderate_ms Int64 COMMENT 'runs: moving between, ms' CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS pace_high_ms Int64 COMMENT 'runs: moving at the threshold pace and faster, ms' CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS same_effort_ms Int64 COMMENT 'runs: moving at 65 to 75 percent of max heart rate, first five minutes left out, ms' CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS same_effort_pace Nullable(Float64) COMMENT 'runs: median pace over that time, s/km, null below five minutes' CODEC(ZSTD(1));

ALTER TABLE athlete_settings_versions
    ADD COLUMN IF NOT EXISTS threshold_pace Float64 COMMENT 'running pace at the anaerobic threshold, s/km, 0 when not set' CODEC(ZSTD(1));

CREATE TABLE IF NOT EXISTS session_plans_versions
(
    athlete_id String COMMENT 'athlete' CODEC(ZSTD(1)),
    day        Date32 COMMENT 'local day of the plan' CODEC(Delta, ZSTD(1)),
    intent     LowCardinality(String) COMMENT 'easy, moderate, hard, race, rest; empty when the plan was withdrawn',
    source     LowCardinality(String) COMMENT 'command, csv or http',
    version    UInt64 COMMENT 'time of writing, Unix ms; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (athlete_id, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'every version of what was planned; query the view session_plans';

CREATE TABLE IF NOT EXISTS report_settings_versions
(
    athlete_id     String COMMENT 'athlete, empty for everybody who has no row' CODEC(ZSTD(1)),
    week_starts_on UInt8 COMMENT 'first day of the week, 1 = Monday to 7 = Sunday' CODEC(ZSTD(1)),
    version        UInt64 COMMENT 'time of writing, Unix ms; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY athlete_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'every version of how reports are cut; query the view report_settings';

CREATE TABLE IF NOT EXISTS athlete_days_versions
(
    athlete_id             String COMMENT 'athlete',
    day                    Date32 COMMENT 'local calendar day',
    tail                   Bool COMMENT 'after the last session',
    day_number             UInt32 COMMENT 'days since the first session, which is on day 1',
    sessions               UInt32 COMMENT 'sessions',
    hr_sessions            UInt32 COMMENT 'sessions whose intensity is known for at least a second',
    easy_sessions          UInt32 COMMENT 'sessions of class easy',
    moderate_sessions      UInt32 COMMENT 'sessions of class moderate',
    hard_sessions          UInt32 COMMENT 'sessions of class hard',
    distance_sessions      UInt32 COMMENT 'sessions with a distance',
    pace_sessions          UInt32 COMMENT 'runs judged by the threshold pace',
    timer_ms               Int64 COMMENT 'timer running, ms',
    classified_ms          Int64 COMMENT 'heart rate that counts, ms',
    low_ms                 Int64 COMMENT 'below vt1, ms',
    moderate_ms            Int64 COMMENT 'from vt1 to below vt2, ms',
    high_ms                Int64 COMMENT 'at or above vt2, ms',
    pace_low_ms            Int64 COMMENT 'runs slower than 114 percent of the threshold pace, ms',
    pace_moderate_ms       Int64 COMMENT 'runs between, ms',
    pace_high_ms           Int64 COMMENT 'runs at the threshold pace and faster, ms',
    distance_m             Float64 COMMENT 'distance, m',
    over_easy_sessions     UInt32 COMMENT 'sessions of class moderate or hard: violations where the day was planned easy',
    drifted_sessions       UInt32 COMMENT 'sessions of class moderate, at least half of it low, without intervals: violations where nothing was planned',
    moving_ms              Int64 COMMENT 'timer running and moving, ms',
    rpe_sessions           UInt32 COMMENT 'sessions with a perceived exertion',
    trimp                  Nullable(Float64) COMMENT 'TRIMP (Banister) of the sessions that have one, null when none has',
    edwards                Nullable(Float64) COMMENT 'load by five zones (Edwards), null when no session has one',
    lucia                  Nullable(Float64) COMMENT 'load by three zones (Lucia), null when no session has one',
    foster                 Nullable(Float64) COMMENT 'perceived exertion times timer minutes (Foster), null when no session has one',
    sessions_7d            UInt32 COMMENT 'sessions of the last 7 days, this one included',
    hr_sessions_7d         UInt32 COMMENT 'hr_sessions of the last 7 days, this one included',
    easy_sessions_7d       UInt32 COMMENT 'easy_sessions of the last 7 days, this one included',
    moderate_sessions_7d   UInt32 COMMENT 'moderate_sessions of the last 7 days, this one included',
    hard_sessions_7d       UInt32 COMMENT 'hard_sessions of the last 7 days, this one included',
    distance_sessions_7d   UInt32 COMMENT 'distance_sessions of the last 7 days, this one included',
    pace_sessions_7d       UInt32 COMMENT 'pace_sessions of the last 7 days, this one included',
    timer_ms_7d            Int64 COMMENT 'timer_ms of the last 7 days, this one included',
    classified_ms_7d       Int64 COMMENT 'classified_ms of the last 7 days, this one included',
    low_ms_7d              Int64 COMMENT 'low_ms of the last 7 days, this one included',
    moderate_ms_7d         Int64 COMMENT 'moderate_ms of the last 7 days, this one included',
    high_ms_7d             Int64 COMMENT 'high_ms of the last 7 days, this one included',
    pace_low_ms_7d         Int64 COMMENT 'pace_low_ms of the last 7 days, this one included',
    pace_moderate_ms_7d    Int64 COMMENT 'pace_moderate_ms of the last 7 days, this one included',
    pace_high_ms_7d        Int64 COMMENT 'pace_high_ms of the last 7 days, this one included',
    distance_m_7d          Float64 COMMENT 'distance_m of the last 7 days, this one included',
    sessions_28d           UInt32 COMMENT 'sessions of the last 28 days, this one included',
    hr_sessions_28d        UInt32 COMMENT 'hr_sessions of the last 28 days, this one included',
    easy_sessions_28d      UInt32 COMMENT 'easy_sessions of the last 28 days, this one included',
    moderate_sessions_28d  UInt32 COMMENT 'moderate_sessions of the last 28 days, this one included',
    hard_sessions_28d      UInt32 COMMENT 'hard_sessions of the last 28 days, this one included',
    distance_sessions_28d  UInt32 COMMENT 'distance_sessions of the last 28 days, this one included',
    pace_sessions_28d      UInt32 COMMENT 'pace_sessions of the last 28 days, this one included',
    timer_ms_28d           Int64 COMMENT 'timer_ms of the last 28 days, this one included',
    classified_ms_28d      Int64 COMMENT 'classified_ms of the last 28 days, this one included',
    low_ms_28d             Int64 COMMENT 'low_ms of the last 28 days, this one included',
    moderate_ms_28d        Int64 COMMENT 'moderate_ms of the last 28 days, this one included',
    high_ms_28d            Int64 COMMENT 'high_ms of the last 28 days, this one included',
    pace_low_ms_28d        Int64 COMMENT 'pace_low_ms of the last 28 days, this one included',
    pace_moderate_ms_28d   Int64 COMMENT 'pace_moderate_ms of the last 28 days, this one included',
    pace_high_ms_28d       Int64 COMMENT 'pace_high_ms of the last 28 days, this one included',
    distance_m_28d         Float64 COMMENT 'distance_m of the last 28 days, this one included',
    known_ms_7d            Int64 COMMENT 'time whose intensity is known of the last 7 days',
    polarization_index_7d  Nullable(Float64) COMMENT 'polarization index of the last 7 days',
    label_7d               LowCardinality(String) COMMENT 'shape of the distribution of the last 7 days',
    verdict_7d             LowCardinality(String) COMMENT 'verdict of the last 7 days',
    reason_7d              LowCardinality(String) COMMENT 'why there is insufficient_data of the last 7 days',
    pace_verdict_7d        LowCardinality(String) COMMENT 'verdict by pace of the last 7 days',
    pace_reason_7d         LowCardinality(String) COMMENT 'why there is insufficient_data by pace of the last 7 days',
    known_ms_28d           Int64 COMMENT 'time whose intensity is known of the last 28 days',
    polarization_index_28d Nullable(Float64) COMMENT 'polarization index of the last 28 days',
    label_28d              LowCardinality(String) COMMENT 'shape of the distribution of the last 28 days',
    verdict_28d            LowCardinality(String) COMMENT 'verdict of the last 28 days',
    reason_28d             LowCardinality(String) COMMENT 'why there is insufficient_data of the last 28 days',
    pace_verdict_28d       LowCardinality(String) COMMENT 'verdict by pace of the last 28 days',
    pace_reason_28d        LowCardinality(String) COMMENT 'why there is insufficient_data by pace of the last 28 days',
    load_model             LowCardinality(String) COMMENT 'load that ctl and all below are made of: trimp, edwards, lucia or none',
    load                   Nullable(Float64) COMMENT 'that load of the day, 0 on rest days',
    unknown_sessions       UInt32 COMMENT 'sessions of the day without that load',
    unknown_7d             UInt32 COMMENT 'sessions of the last 7 days without that load',
    unknown_42d            UInt32 COMMENT 'sessions of the last 42 days without that load',
    load_7d                Nullable(Float64) COMMENT 'load of the last 7 days',
    ctl                    Nullable(Float64) COMMENT 'chronic load: v += (load - v) / 42 for each day, from 0',
    atl                    Nullable(Float64) COMMENT 'acute load: v += (load - v) / 7 for each day, from 0',
    tsb                    Nullable(Float64) COMMENT 'ctl less atl of the day before, 0 on the first day',
    monotony               Nullable(Float64) COMMENT 'mean over standard deviation (n - 1) of the last 7 daily loads (Foster)',
    strain                 Nullable(Float64) COMMENT 'load_7d times monotony (Foster)',
    acwr                   Nullable(Float64) COMMENT 'mean daily load of 7 days over that of 28 days',
    near_vt1_ms_90d        Int64 COMMENT 'runs of the 90 days before: moving within 5 bpm below vt1, ms',
    near_vt1_m_90d         Float64 COMMENT 'the distance in that time, m',
    row_hash               UInt64 COMMENT 'fingerprint of all columns above; rows that would not change are not written',
    is_deleted             UInt8 COMMENT '1 where the day has no row any more',
    version                UInt64 COMMENT 'time of writing, Unix ms, or one above that of the row it replaces'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (athlete_id, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 512
COMMENT 'every version of the days of the athletes; query the views load_daily, rolling_intensity and weekly_intensity';

CREATE TABLE IF NOT EXISTS athlete_spans_versions
(
    athlete_id             String COMMENT 'athlete' CODEC(ZSTD(1)),
    first_day              Date32 COMMENT 'local day of the first session',
    last_day               Date32 COMMENT 'local day of the last session',
    last_session_id        UUID COMMENT 'the last session',
    last_started_at        DateTime64(3, 'UTC') COMMENT 'its start, UTC',
    sessions               UInt64 COMMENT 'sessions in all',
    sessions_28d           Array(UInt32) COMMENT 'sessions_28d of rolling_intensity from the last day on: the first of 29 elements is that day itself',
    timer_ms_28d           Array(Int64) COMMENT 'timer_ms_28d of rolling_intensity from the last day on: the first of 29 elements is that day itself',
    low_share_28d          Array(Nullable(Float64)) COMMENT 'low_share_28d of rolling_intensity from the last day on: the first of 29 elements is that day itself',
    easy_session_share_28d Array(Nullable(Float64)) COMMENT 'easy_session_share_28d of rolling_intensity from the last day on: the first of 29 elements is that day itself',
    hard_sessions_28d      Array(UInt32) COMMENT 'hard_sessions_28d of rolling_intensity from the last day on: the first of 29 elements is that day itself',
    verdict_28d            Array(LowCardinality(String)) COMMENT 'verdict_28d of rolling_intensity from the last day on: the first of 29 elements is that day itself',
    reason_28d             Array(LowCardinality(String)) COMMENT 'reason_28d of rolling_intensity from the last day on: the first of 29 elements is that day itself',
    ctl                    Array(Nullable(Float64)) COMMENT 'ctl of athlete_days from the last day on, likewise',
    atl                    Array(Nullable(Float64)) COMMENT 'atl of athlete_days from the last day on, likewise',
    tsb                    Array(Nullable(Float64)) COMMENT 'tsb of athlete_days from the last day on, likewise',
    monotony               Array(Nullable(Float64)) COMMENT 'monotony of athlete_days from the last day on, likewise',
    doubtful_day           Array(Date32) COMMENT 'days of the 28 that end with the last day on which a session may have been a violation',
    doubtful_over_easy     Array(UInt32) COMMENT 'over_easy_sessions on each doubtful_day',
    doubtful_drifted       Array(UInt32) COMMENT 'drifted_sessions on each doubtful_day',
    inputs                 UInt64 COMMENT 'fingerprint of the sessions that athlete_days was made from',
    days_version           UInt32 COMMENT 'version of the rules athlete_days was made by',
    version                UInt64 COMMENT 'time of writing, Unix ms; the highest counts'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY athlete_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 512
COMMENT 'every version of what athlete_days covers: written after the days, so that a row means they are whole';

CREATE OR REPLACE VIEW athlete_settings
(
    athlete_id    String COMMENT 'athlete',
    valid_from    Date32 COMMENT 'first local day these settings hold for, until the next row of the athlete',
    hr_max        Nullable(Float64) COMMENT 'max heart rate, bpm',
    hr_rest       Nullable(Float64) COMMENT 'resting heart rate, bpm',
    lthr          Nullable(Float64) COMMENT 'lactate threshold heart rate, bpm',
    vt1           Nullable(Float64) COMMENT 'first ventilatory threshold, bpm',
    vt2           Nullable(Float64) COMMENT 'second ventilatory threshold, bpm',
    birth_year    Nullable(Int32) COMMENT 'year of birth',
    sex           LowCardinality(Nullable(String)) COMMENT 'female or male',
    zone_model    LowCardinality(Nullable(String)) COMMENT 'hrmax5, hrr5, friel7 or custom; hrmax5 when null',
    custom_bounds Array(Float64) COMMENT 'lower bounds of the custom zones, bpm',
    time_zone     LowCardinality(Nullable(String)) COMMENT 'IANA name',
    threshold_pace_s_per_km Nullable(Float64) COMMENT 'running pace at the anaerobic threshold, s/km',
    set_at        DateTime64(3, 'UTC') COMMENT 'when they were written, UTC'
)
AS SELECT
    athlete_id,
    valid_from,
    nullIf(hr_max, 0) AS hr_max,
    nullIf(hr_rest, 0) AS hr_rest,
    nullIf(lthr, 0) AS lthr,
    nullIf(vt1, 0) AS vt1,
    nullIf(vt2, 0) AS vt2,
    nullIf(birth_year, 0) AS birth_year,
    nullIf(sex, '') AS sex,
    nullIf(zone_model, '') AS zone_model,
    custom_bounds,
    nullIf(time_zone, '') AS time_zone,
    nullIf(threshold_pace, 0) AS threshold_pace_s_per_km,
    fromUnixTimestamp64Milli(toInt64(version), 'UTC') AS set_at
FROM athlete_settings_versions FINAL
COMMENT 'dated settings of the athletes; a change re-analyses the sessions it covers';

CREATE OR REPLACE VIEW session_plans
(
    athlete_id String COMMENT 'athlete',
    day        Date32 COMMENT 'local day of the plan',
    intent     LowCardinality(String) COMMENT 'easy, moderate, hard, race or rest',
    source     LowCardinality(String) COMMENT 'command, csv or http',
    planned_at DateTime64(3, 'UTC') COMMENT 'when it was written, UTC'
)
AS SELECT athlete_id, day, intent, source, fromUnixTimestamp64Milli(toInt64(version), 'UTC') AS planned_at
FROM session_plans_versions FINAL
WHERE intent != ''
COMMENT 'what was planned for a day';

CREATE OR REPLACE VIEW report_settings
(
    athlete_id     String COMMENT 'athlete, empty for everybody who has no row',
    week_starts_on UInt8 COMMENT 'first day of the week, 1 = Monday to 7 = Sunday',
    set_at         DateTime64(3, 'UTC') COMMENT 'when it was written, UTC'
)
AS SELECT athlete_id, week_starts_on, fromUnixTimestamp64Milli(toInt64(version), 'UTC') AS set_at
FROM report_settings_versions FINAL
COMMENT 'how reports are cut; weeks start on Monday where nothing is set';

CREATE OR REPLACE VIEW athlete_days
(
    athlete_id             String COMMENT 'athlete',
    day                    Date32 COMMENT 'local calendar day',
    day_number             UInt32 COMMENT 'days since the first session, which is on day 1',
    sessions               UInt32 COMMENT 'sessions',
    hr_sessions            UInt32 COMMENT 'sessions whose intensity is known for at least a second',
    easy_sessions          UInt32 COMMENT 'sessions of class easy',
    moderate_sessions      UInt32 COMMENT 'sessions of class moderate',
    hard_sessions          UInt32 COMMENT 'sessions of class hard',
    distance_sessions      UInt32 COMMENT 'sessions with a distance',
    pace_sessions          UInt32 COMMENT 'runs judged by the threshold pace',
    timer_ms               Int64 COMMENT 'timer running, ms',
    classified_ms          Int64 COMMENT 'heart rate that counts, ms',
    low_ms                 Int64 COMMENT 'below vt1, ms',
    moderate_ms            Int64 COMMENT 'from vt1 to below vt2, ms',
    high_ms                Int64 COMMENT 'at or above vt2, ms',
    pace_low_ms            Int64 COMMENT 'runs slower than 114 percent of the threshold pace, ms',
    pace_moderate_ms       Int64 COMMENT 'runs between, ms',
    pace_high_ms           Int64 COMMENT 'runs at the threshold pace and faster, ms',
    distance_m             Float64 COMMENT 'distance, m',
    over_easy_sessions     UInt32 COMMENT 'sessions of class moderate or hard: violations where the day was planned easy',
    drifted_sessions       UInt32 COMMENT 'sessions of class moderate, at least half of it low, without intervals: violations where nothing was planned',
    moving_ms              Int64 COMMENT 'timer running and moving, ms',
    rpe_sessions           UInt32 COMMENT 'sessions with a perceived exertion',
    trimp                  Nullable(Float64) COMMENT 'TRIMP (Banister) of the sessions that have one, null when none has',
    edwards                Nullable(Float64) COMMENT 'load by five zones (Edwards), null when no session has one',
    lucia                  Nullable(Float64) COMMENT 'load by three zones (Lucia), null when no session has one',
    foster                 Nullable(Float64) COMMENT 'perceived exertion times timer minutes (Foster), null when no session has one',
    sessions_7d            UInt32 COMMENT 'sessions of the last 7 days, this one included',
    hr_sessions_7d         UInt32 COMMENT 'hr_sessions of the last 7 days, this one included',
    easy_sessions_7d       UInt32 COMMENT 'easy_sessions of the last 7 days, this one included',
    moderate_sessions_7d   UInt32 COMMENT 'moderate_sessions of the last 7 days, this one included',
    hard_sessions_7d       UInt32 COMMENT 'hard_sessions of the last 7 days, this one included',
    distance_sessions_7d   UInt32 COMMENT 'distance_sessions of the last 7 days, this one included',
    pace_sessions_7d       UInt32 COMMENT 'pace_sessions of the last 7 days, this one included',
    timer_ms_7d            Int64 COMMENT 'timer_ms of the last 7 days, this one included',
    classified_ms_7d       Int64 COMMENT 'classified_ms of the last 7 days, this one included',
    low_ms_7d              Int64 COMMENT 'low_ms of the last 7 days, this one included',
    moderate_ms_7d         Int64 COMMENT 'moderate_ms of the last 7 days, this one included',
    high_ms_7d             Int64 COMMENT 'high_ms of the last 7 days, this one included',
    pace_low_ms_7d         Int64 COMMENT 'pace_low_ms of the last 7 days, this one included',
    pace_moderate_ms_7d    Int64 COMMENT 'pace_moderate_ms of the last 7 days, this one included',
    pace_high_ms_7d        Int64 COMMENT 'pace_high_ms of the last 7 days, this one included',
    distance_m_7d          Float64 COMMENT 'distance_m of the last 7 days, this one included',
    sessions_28d           UInt32 COMMENT 'sessions of the last 28 days, this one included',
    hr_sessions_28d        UInt32 COMMENT 'hr_sessions of the last 28 days, this one included',
    easy_sessions_28d      UInt32 COMMENT 'easy_sessions of the last 28 days, this one included',
    moderate_sessions_28d  UInt32 COMMENT 'moderate_sessions of the last 28 days, this one included',
    hard_sessions_28d      UInt32 COMMENT 'hard_sessions of the last 28 days, this one included',
    distance_sessions_28d  UInt32 COMMENT 'distance_sessions of the last 28 days, this one included',
    pace_sessions_28d      UInt32 COMMENT 'pace_sessions of the last 28 days, this one included',
    timer_ms_28d           Int64 COMMENT 'timer_ms of the last 28 days, this one included',
    classified_ms_28d      Int64 COMMENT 'classified_ms of the last 28 days, this one included',
    low_ms_28d             Int64 COMMENT 'low_ms of the last 28 days, this one included',
    moderate_ms_28d        Int64 COMMENT 'moderate_ms of the last 28 days, this one included',
    high_ms_28d            Int64 COMMENT 'high_ms of the last 28 days, this one included',
    pace_low_ms_28d        Int64 COMMENT 'pace_low_ms of the last 28 days, this one included',
    pace_moderate_ms_28d   Int64 COMMENT 'pace_moderate_ms of the last 28 days, this one included',
    pace_high_ms_28d       Int64 COMMENT 'pace_high_ms of the last 28 days, this one included',
    distance_m_28d         Float64 COMMENT 'distance_m of the last 28 days, this one included',
    known_ms_7d            Int64 COMMENT 'time whose intensity is known of the last 7 days',
    polarization_index_7d  Nullable(Float64) COMMENT 'polarization index of the last 7 days',
    label_7d               LowCardinality(String) COMMENT 'shape of the distribution of the last 7 days',
    verdict_7d             LowCardinality(String) COMMENT 'verdict of the last 7 days',
    reason_7d              LowCardinality(String) COMMENT 'why there is insufficient_data of the last 7 days',
    pace_verdict_7d        LowCardinality(String) COMMENT 'verdict by pace of the last 7 days',
    pace_reason_7d         LowCardinality(String) COMMENT 'why there is insufficient_data by pace of the last 7 days',
    known_ms_28d           Int64 COMMENT 'time whose intensity is known of the last 28 days',
    polarization_index_28d Nullable(Float64) COMMENT 'polarization index of the last 28 days',
    label_28d              LowCardinality(String) COMMENT 'shape of the distribution of the last 28 days',
    verdict_28d            LowCardinality(String) COMMENT 'verdict of the last 28 days',
    reason_28d             LowCardinality(String) COMMENT 'why there is insufficient_data of the last 28 days',
    pace_verdict_28d       LowCardinality(String) COMMENT 'verdict by pace of the last 28 days',
    pace_reason_28d        LowCardinality(String) COMMENT 'why there is insufficient_data by pace of the last 28 days',
    load_model             LowCardinality(String) COMMENT 'load that ctl and all below are made of: trimp, edwards, lucia or none',
    load                   Nullable(Float64) COMMENT 'that load of the day, 0 on rest days',
    unknown_sessions       UInt32 COMMENT 'sessions of the day without that load',
    unknown_7d             UInt32 COMMENT 'sessions of the last 7 days without that load',
    unknown_42d            UInt32 COMMENT 'sessions of the last 42 days without that load',
    load_7d                Nullable(Float64) COMMENT 'load of the last 7 days',
    ctl                    Nullable(Float64) COMMENT 'chronic load: v += (load - v) / 42 for each day, from 0',
    atl                    Nullable(Float64) COMMENT 'acute load: v += (load - v) / 7 for each day, from 0',
    tsb                    Nullable(Float64) COMMENT 'ctl less atl of the day before, 0 on the first day',
    monotony               Nullable(Float64) COMMENT 'mean over standard deviation (n - 1) of the last 7 daily loads (Foster)',
    strain                 Nullable(Float64) COMMENT 'load_7d times monotony (Foster)',
    acwr                   Nullable(Float64) COMMENT 'mean daily load of 7 days over that of 28 days',
    near_vt1_ms_90d        Int64 COMMENT 'runs of the 90 days before: moving within 5 bpm below vt1, ms',
    near_vt1_m_90d         Float64 COMMENT 'the distance in that time, m'
)
AS SELECT
    athlete_id,
    day,
    day_number,
    sessions,
    hr_sessions,
    easy_sessions,
    moderate_sessions,
    hard_sessions,
    distance_sessions,
    pace_sessions,
    timer_ms,
    classified_ms,
    low_ms,
    moderate_ms,
    high_ms,
    pace_low_ms,
    pace_moderate_ms,
    pace_high_ms,
    distance_m,
    over_easy_sessions,
    drifted_sessions,
    moving_ms,
    rpe_sessions,
    trimp,
    edwards,
    lucia,
    foster,
    sessions_7d,
    hr_sessions_7d,
    easy_sessions_7d,
    moderate_sessions_7d,
    hard_sessions_7d,
    distance_sessions_7d,
    pace_sessions_7d,
    timer_ms_7d,
    classified_ms_7d,
    low_ms_7d,
    moderate_ms_7d,
    high_ms_7d,
    pace_low_ms_7d,
    pace_moderate_ms_7d,
    pace_high_ms_7d,
    distance_m_7d,
    sessions_28d,
    hr_sessions_28d,
    easy_sessions_28d,
    moderate_sessions_28d,
    hard_sessions_28d,
    distance_sessions_28d,
    pace_sessions_28d,
    timer_ms_28d,
    classified_ms_28d,
    low_ms_28d,
    moderate_ms_28d,
    high_ms_28d,
    pace_low_ms_28d,
    pace_moderate_ms_28d,
    pace_high_ms_28d,
    distance_m_28d,
    known_ms_7d,
    polarization_index_7d,
    label_7d,
    verdict_7d,
    reason_7d,
    pace_verdict_7d,
    pace_reason_7d,
    known_ms_28d,
    polarization_index_28d,
    label_28d,
    verdict_28d,
    reason_28d,
    pace_verdict_28d,
    pace_reason_28d,
    load_model,
    load,
    unknown_sessions,
    unknown_7d,
    unknown_42d,
    load_7d,
    ctl,
    atl,
    tsb,
    monotony,
    strain,
    acwr,
    near_vt1_ms_90d,
    near_vt1_m_90d
FROM athlete_days_versions FINAL
WHERE NOT tail OR day <= toDate32(now('UTC'))
COMMENT 'a row is a calendar day of an athlete, from the first session to 28 days after the last, but not into the future; what the other views are made of';

CREATE OR REPLACE VIEW load_daily
(
    athlete_id       String COMMENT 'athlete',
    day              Date32 COMMENT 'local calendar day',
    sessions         UInt32 COMMENT 'sessions',
    trimp            Nullable(Float64) COMMENT 'TRIMP (Banister) of the sessions that have one, null when none has, 0 on rest days',
    edwards          Nullable(Float64) COMMENT 'load by five zones (Edwards), likewise',
    lucia            Nullable(Float64) COMMENT 'load by three zones (Lucia), likewise',
    foster           Nullable(Float64) COMMENT 'perceived exertion times timer minutes (Foster) of the rated sessions, likewise',
    rated_sessions   UInt32 COMMENT 'sessions with a perceived exertion',
    load_model       LowCardinality(String) COMMENT 'load that the columns below are made of, one for an athlete: the first of trimp, edwards, lucia that most sessions have; none',
    load             Nullable(Float64) COMMENT 'that load of the day, 0 on rest days; sessions without it count nothing, see unknown_sessions',
    unknown_sessions UInt32 COMMENT 'sessions of the day without that load',
    ctl              Nullable(Float64) COMMENT 'chronic load: v += (load - v) / 42 for each calendar day, from 0',
    atl              Nullable(Float64) COMMENT 'acute load: v += (load - v) / 7 for each calendar day, from 0',
    tsb              Nullable(Float64) COMMENT 'ctl less atl of the day before',
    load_7d          Nullable(Float64) COMMENT 'load of the last 7 days',
    monotony         Nullable(Float64) COMMENT 'mean over standard deviation (n - 1) of the last 7 daily loads (Foster); null in the first 6 days, when all loads are equal, and when a session lacks the load',
    strain           Nullable(Float64) COMMENT 'load_7d times monotony (Foster)',
    acwr             Nullable(Float64) COMMENT 'mean daily load of 7 days over that of 28; it describes and predicts nothing; null in the first 27 days',
    warm_up          Bool COMMENT 'one of the first 42 days: ctl has not settled',
    unknown_42d      UInt32 COMMENT 'sessions of the last 42 days without the load',
    verdict          String COMMENT 'ok, no_load (no session has any load), warm_up, or incomplete (unknown_42d above 0: ctl and atl are too low)'
)
AS SELECT
    athlete_id,
    day,
    sessions,
    trimp,
    edwards,
    lucia,
    foster,
    rpe_sessions AS rated_sessions,
    load_model,
    load,
    unknown_sessions,
    ctl,
    atl,
    tsb,
    load_7d,
    monotony,
    strain,
    acwr,
    CAST(day_number <= 42, 'Bool') AS warm_up,
    unknown_42d,
    multiIf(load_model = 'none', 'no_load', day_number <= 42, 'warm_up', unknown_42d > 0, 'incomplete', 'ok') AS verdict
FROM athlete_days
COMMENT 'a row is a calendar day of an athlete: training load, from the first session to 28 days after the last, but not into the future';

CREATE OR REPLACE VIEW rolling_intensity
(
    athlete_id             String COMMENT 'athlete',
    day                    Date32 COMMENT 'last local day of the windows',
    sessions_28d           UInt32 COMMENT '28 days: sessions',
    hours_28d              Float64 COMMENT '28 days: timer running, h',
    distance_km_28d        Nullable(Float64) COMMENT '28 days: distance of all sports, km; null when no session has one',
    hr_coverage_28d        Nullable(Float64) COMMENT '28 days: time whose intensity is known as a share of the timer time, 0 to 1',
    low_s_28d              Nullable(Float64) COMMENT '28 days: below vt1, s',
    moderate_s_28d         Nullable(Float64) COMMENT '28 days: from vt1 to below vt2, s',
    high_s_28d             Nullable(Float64) COMMENT '28 days: at or above vt2, s',
    low_share_28d          Nullable(Float64) COMMENT '28 days: by time: low share of the time whose intensity is known, 0 to 1',
    moderate_share_28d     Nullable(Float64) COMMENT '28 days: moderate share of it, 0 to 1',
    high_share_28d         Nullable(Float64) COMMENT '28 days: high share of it, 0 to 1',
    easy_sessions_28d      UInt32 COMMENT '28 days: sessions of class easy',
    moderate_sessions_28d  UInt32 COMMENT '28 days: sessions of class moderate',
    hard_sessions_28d      UInt32 COMMENT '28 days: sessions of class hard',
    easy_session_share_28d Nullable(Float64) COMMENT '28 days: by sessions: easy ones as a share of those that could be judged, 0 to 1',
    label_28d              LowCardinality(String) COMMENT '28 days: no_data (below 30 min), base, pyramidal, polarized, threshold, high_intensity or other',
    polarization_index_28d Nullable(Float64) COMMENT '28 days: polarization index (Treff 2019) of the summed time; polarized above 2.00',
    verdict_28d            LowCardinality(String) COMMENT '28 days: by time: ok from a low share of 0.80, borderline from 0.75, too_hard, or insufficient_data',
    reason_28d             LowCardinality(String) COMMENT '28 days: why there is insufficient_data: no_sessions, no_hr, no_hrmax, low_coverage (below 0.80), few_sessions (below 3), little_hr (below 90 min); else empty',
    pace_low_s_28d         Nullable(Float64) COMMENT '28 days: runs: slower than 114 percent of the threshold pace, s',
    pace_moderate_s_28d    Nullable(Float64) COMMENT '28 days: runs: between, s',
    pace_high_s_28d        Nullable(Float64) COMMENT '28 days: runs: at the threshold pace and faster, s',
    pace_low_share_28d     Nullable(Float64) COMMENT '28 days: by pace: low share of the moving time of runs, 0 to 1',
    pace_verdict_28d       LowCardinality(String) COMMENT '28 days: as verdict, by pace',
    pace_reason_28d        LowCardinality(String) COMMENT '28 days: why there is insufficient_data by pace: no_pace (no run, or no threshold pace set), few_sessions (below 3), little_pace (below 90 min); else empty',
    sessions_7d            UInt32 COMMENT '7 days: sessions',
    hours_7d               Float64 COMMENT '7 days: timer running, h',
    distance_km_7d         Nullable(Float64) COMMENT '7 days: distance of all sports, km; null when no session has one',
    hr_coverage_7d         Nullable(Float64) COMMENT '7 days: time whose intensity is known as a share of the timer time, 0 to 1',
    low_s_7d               Nullable(Float64) COMMENT '7 days: below vt1, s',
    moderate_s_7d          Nullable(Float64) COMMENT '7 days: from vt1 to below vt2, s',
    high_s_7d              Nullable(Float64) COMMENT '7 days: at or above vt2, s',
    low_share_7d           Nullable(Float64) COMMENT '7 days: by time: low share of the time whose intensity is known, 0 to 1',
    moderate_share_7d      Nullable(Float64) COMMENT '7 days: moderate share of it, 0 to 1',
    high_share_7d          Nullable(Float64) COMMENT '7 days: high share of it, 0 to 1',
    easy_sessions_7d       UInt32 COMMENT '7 days: sessions of class easy',
    moderate_sessions_7d   UInt32 COMMENT '7 days: sessions of class moderate',
    hard_sessions_7d       UInt32 COMMENT '7 days: sessions of class hard',
    easy_session_share_7d  Nullable(Float64) COMMENT '7 days: by sessions: easy ones as a share of those that could be judged, 0 to 1',
    label_7d               LowCardinality(String) COMMENT '7 days: no_data (below 30 min), base, pyramidal, polarized, threshold, high_intensity or other',
    polarization_index_7d  Nullable(Float64) COMMENT '7 days: polarization index (Treff 2019) of the summed time; polarized above 2.00',
    verdict_7d             LowCardinality(String) COMMENT '7 days: by time: ok from a low share of 0.80, borderline from 0.75, too_hard, or insufficient_data',
    reason_7d              LowCardinality(String) COMMENT '7 days: why there is insufficient_data: no_sessions, no_hr, no_hrmax, low_coverage (below 0.80), few_sessions (below 3), little_hr (below 90 min); else empty',
    pace_low_s_7d          Nullable(Float64) COMMENT '7 days: runs: slower than 114 percent of the threshold pace, s',
    pace_moderate_s_7d     Nullable(Float64) COMMENT '7 days: runs: between, s',
    pace_high_s_7d         Nullable(Float64) COMMENT '7 days: runs: at the threshold pace and faster, s',
    pace_low_share_7d      Nullable(Float64) COMMENT '7 days: by pace: low share of the moving time of runs, 0 to 1',
    pace_verdict_7d        LowCardinality(String) COMMENT '7 days: as verdict, by pace',
    pace_reason_7d         LowCardinality(String) COMMENT '7 days: why there is insufficient_data by pace: no_pace (no run, or no threshold pace set), few_sessions (below 3), little_pace (below 90 min); else empty'
)
AS SELECT
    athlete_id,
    day,
    sessions_28d,
    timer_ms_28d / 3600000 AS hours_28d,
    if(sessions_28d > 0 AND distance_sessions_28d = 0, NULL, distance_m_28d / 1000) AS distance_km_28d,
    known_ms_28d / nullIf(timer_ms_28d, 0) AS hr_coverage_28d,
    if(known_ms_28d = 0, NULL, low_ms_28d / 1000) AS low_s_28d,
    if(known_ms_28d = 0, NULL, moderate_ms_28d / 1000) AS moderate_s_28d,
    if(known_ms_28d = 0, NULL, high_ms_28d / 1000) AS high_s_28d,
    low_ms_28d / nullIf(known_ms_28d, 0) AS low_share_28d,
    moderate_ms_28d / nullIf(known_ms_28d, 0) AS moderate_share_28d,
    high_ms_28d / nullIf(known_ms_28d, 0) AS high_share_28d,
    easy_sessions_28d,
    moderate_sessions_28d,
    hard_sessions_28d,
    easy_sessions_28d / nullIf(easy_sessions_28d + moderate_sessions_28d + hard_sessions_28d, 0) AS easy_session_share_28d,
    label_28d,
    polarization_index_28d,
    verdict_28d,
    reason_28d,
    if(pace_sessions_28d = 0, NULL, pace_low_ms_28d / 1000) AS pace_low_s_28d,
    if(pace_sessions_28d = 0, NULL, pace_moderate_ms_28d / 1000) AS pace_moderate_s_28d,
    if(pace_sessions_28d = 0, NULL, pace_high_ms_28d / 1000) AS pace_high_s_28d,
    pace_low_ms_28d / nullIf(pace_low_ms_28d + pace_moderate_ms_28d + pace_high_ms_28d, 0) AS pace_low_share_28d,
    pace_verdict_28d,
    pace_reason_28d,
    sessions_7d,
    timer_ms_7d / 3600000 AS hours_7d,
    if(sessions_7d > 0 AND distance_sessions_7d = 0, NULL, distance_m_7d / 1000) AS distance_km_7d,
    known_ms_7d / nullIf(timer_ms_7d, 0) AS hr_coverage_7d,
    if(known_ms_7d = 0, NULL, low_ms_7d / 1000) AS low_s_7d,
    if(known_ms_7d = 0, NULL, moderate_ms_7d / 1000) AS moderate_s_7d,
    if(known_ms_7d = 0, NULL, high_ms_7d / 1000) AS high_s_7d,
    low_ms_7d / nullIf(known_ms_7d, 0) AS low_share_7d,
    moderate_ms_7d / nullIf(known_ms_7d, 0) AS moderate_share_7d,
    high_ms_7d / nullIf(known_ms_7d, 0) AS high_share_7d,
    easy_sessions_7d,
    moderate_sessions_7d,
    hard_sessions_7d,
    easy_sessions_7d / nullIf(easy_sessions_7d + moderate_sessions_7d + hard_sessions_7d, 0) AS easy_session_share_7d,
    label_7d,
    polarization_index_7d,
    verdict_7d,
    reason_7d,
    if(pace_sessions_7d = 0, NULL, pace_low_ms_7d / 1000) AS pace_low_s_7d,
    if(pace_sessions_7d = 0, NULL, pace_moderate_ms_7d / 1000) AS pace_moderate_s_7d,
    if(pace_sessions_7d = 0, NULL, pace_high_ms_7d / 1000) AS pace_high_s_7d,
    pace_low_ms_7d / nullIf(pace_low_ms_7d + pace_moderate_ms_7d + pace_high_ms_7d, 0) AS pace_low_share_7d,
    pace_verdict_7d,
    pace_reason_7d
FROM athlete_days
COMMENT 'a row is a calendar day of an athlete: intensity of the 28 and of the 7 days that end with it, from summed seconds; verdict_28d is the one to go by';

CREATE OR REPLACE VIEW weekly_intensity
(
    athlete_id         String COMMENT 'athlete',
    week               String COMMENT 'ISO year and week of its fourth day: 2026-W53',
    week_start         Date32 COMMENT 'first local day; see report_settings',
    week_end           Date32 COMMENT 'last local day',
    training_days      UInt64 COMMENT 'days with a session',
    sessions           UInt64 COMMENT 'sessions',
    hours              Float64 COMMENT 'timer running, h',
    distance_km        Nullable(Float64) COMMENT 'distance of all sports, km; null when no session has one',
    hr_coverage        Nullable(Float64) COMMENT 'time whose intensity is known as a share of the timer time, 0 to 1',
    low_s              Nullable(Float64) COMMENT 'below vt1, s',
    moderate_s         Nullable(Float64) COMMENT 'from vt1 to below vt2, s',
    high_s             Nullable(Float64) COMMENT 'at or above vt2, s',
    low_share          Nullable(Float64) COMMENT 'by time: low share of the time whose intensity is known, 0 to 1',
    moderate_share     Nullable(Float64) COMMENT 'moderate share of it, 0 to 1',
    high_share         Nullable(Float64) COMMENT 'high share of it, 0 to 1',
    easy_sessions      UInt64 COMMENT 'sessions of class easy',
    moderate_sessions  UInt64 COMMENT 'sessions of class moderate',
    hard_sessions      UInt64 COMMENT 'sessions of class hard',
    easy_session_share Nullable(Float64) COMMENT 'by sessions: easy ones as a share of those that could be judged, 0 to 1',
    label              String COMMENT 'no_data (below 30 min), base, pyramidal, polarized, threshold, high_intensity or other',
    polarization_index Nullable(Float64) COMMENT 'polarization index (Treff 2019) of the summed time; polarized above 2.00',
    verdict            String COMMENT 'by time: ok from a low share of 0.80, borderline from 0.75, too_hard, or insufficient_data',
    reason             String COMMENT 'why there is insufficient_data: no_sessions, no_hr, no_hrmax, low_coverage (below 0.80), few_sessions (below 3), little_hr (below 90 min); else empty',
    pace_low_s         Nullable(Float64) COMMENT 'runs: slower than 114 percent of the threshold pace, s',
    pace_moderate_s    Nullable(Float64) COMMENT 'runs: between, s',
    pace_high_s        Nullable(Float64) COMMENT 'runs: at the threshold pace and faster, s',
    pace_low_share     Nullable(Float64) COMMENT 'by pace: low share of the moving time of runs, 0 to 1',
    pace_verdict       String COMMENT 'as verdict, by pace',
    pace_reason        String COMMENT 'why there is insufficient_data by pace: no_pace (no run, or no threshold pace set), few_sessions (below 3), little_pace (below 90 min); else empty'
)
AS WITH (SELECT mapFromArrays(groupArray(athlete_id), groupArray(week_starts_on)) FROM report_settings_versions FINAL) AS starts
SELECT
    athlete_id,
    concat(toString(toISOYear(week_start + 3)), '-W', leftPad(toString(toISOWeek(week_start + 3)), 2, '0')) AS week,
    week_start,
    week_start + 6 AS week_end,
    training_days,
    sessions,
    timer_ms / 3600000 AS hours,
    if(sessions > 0 AND distance_sessions = 0, NULL, distance_m / 1000) AS distance_km,
    known_ms / nullIf(timer_ms, 0) AS hr_coverage,
    if(known_ms = 0, NULL, low_ms / 1000) AS low_s,
    if(known_ms = 0, NULL, moderate_ms / 1000) AS moderate_s,
    if(known_ms = 0, NULL, high_ms / 1000) AS high_s,
    low_ms / nullIf(known_ms, 0) AS low_share,
    moderate_ms / nullIf(known_ms, 0) AS moderate_share,
    high_ms / nullIf(known_ms, 0) AS high_share,
    easy_sessions,
    moderate_sessions,
    hard_sessions,
    easy_sessions / nullIf(easy_sessions + moderate_sessions + hard_sessions, 0) AS easy_session_share,
    multiIf(known_ms < 1800000, 'no_data', high_ms = 0 AND low_ms > moderate_ms, 'base', low_ms > moderate_ms AND moderate_ms > high_ms, 'pyramidal', low_ms > high_ms AND high_ms > moderate_ms AND ifNull(polarization_index, 0) >= 2.005, 'polarized', moderate_ms > low_ms AND moderate_ms > high_ms, 'threshold', high_ms > low_ms AND high_ms > moderate_ms, 'high_intensity', 'other') AS label,
    polarization_index,
    multiIf(reason != '', 'insufficient_data', low_ms * 5 >= known_ms * 4, 'ok', low_ms * 4 >= known_ms * 3, 'borderline', 'too_hard') AS verdict,
    reason,
    if(pace_sessions = 0, NULL, pace_low_ms / 1000) AS pace_low_s,
    if(pace_sessions = 0, NULL, pace_moderate_ms / 1000) AS pace_moderate_s,
    if(pace_sessions = 0, NULL, pace_high_ms / 1000) AS pace_high_s,
    pace_low_ms / nullIf(pace_ms, 0) AS pace_low_share,
    multiIf(pace_reason != '', 'insufficient_data', pace_low_ms * 5 >= pace_ms * 4, 'ok', pace_low_ms * 4 >= pace_ms * 3, 'borderline', 'too_hard') AS pace_verdict,
    pace_reason
FROM
(
    SELECT
        *,
        multiIf(sessions = 0, 'no_sessions', classified_ms = 0, 'no_hr', known_ms = 0, 'no_hrmax', known_ms * 5 < timer_ms * 4, 'low_coverage', hr_sessions < 3, 'few_sessions', known_ms < 5400000, 'little_hr', '') AS reason,
        multiIf(pace_sessions = 0, 'no_pace', pace_sessions < 3, 'few_sessions', pace_ms < 5400000, 'little_pace', '') AS pace_reason,
        multiIf(known_ms = 0 OR high_ms > low_ms, NULL, high_ms = 0, 0, moderate_ms > 0, log10(low_ms / moderate_ms * high_ms / known_ms * 100), high_ms * 100 <= known_ms, 0, log10(low_ms / known_ms / 0.01 * (high_ms / known_ms - 0.01) * 100)) AS polarization_index
    FROM
    (
        SELECT
            d.athlete_id AS athlete_id,
            toDate32(d.day - (toDayOfWeek(d.day) - d.starts_on + 7) % 7) AS week_start,
            countIf(d.sessions > 0) AS training_days,
            sum(d.sessions) AS sessions,
            sum(d.hr_sessions) AS hr_sessions,
            sum(d.easy_sessions) AS easy_sessions,
            sum(d.moderate_sessions) AS moderate_sessions,
            sum(d.hard_sessions) AS hard_sessions,
            sum(d.distance_sessions) AS distance_sessions,
            sum(d.pace_sessions) AS pace_sessions,
            sum(d.timer_ms) AS timer_ms,
            sum(d.classified_ms) AS classified_ms,
            sum(d.low_ms) AS low_ms,
            sum(d.moderate_ms) AS moderate_ms,
            sum(d.high_ms) AS high_ms,
            sum(d.pace_low_ms) AS pace_low_ms,
            sum(d.pace_moderate_ms) AS pace_moderate_ms,
            sum(d.pace_high_ms) AS pace_high_ms,
            sum(d.distance_m) AS distance_m,
            sum(d.low_ms + d.moderate_ms + d.high_ms) AS known_ms,
            sum(d.pace_low_ms + d.pace_moderate_ms + d.pace_high_ms) AS pace_ms
        FROM
        (
            SELECT
                days.athlete_id AS athlete_id,
                days.day AS day,
                days.classified_ms, days.distance_m, days.distance_sessions, days.easy_sessions, days.hard_sessions, days.high_ms,
                days.hr_sessions, days.low_ms, days.moderate_ms, days.moderate_sessions, days.pace_high_ms, days.pace_low_ms,
                days.pace_moderate_ms, days.pace_sessions, days.sessions, days.timer_ms,
                multiIf(starts[days.athlete_id] > 0, starts[days.athlete_id], starts[''] > 0, starts[''], 1) AS starts_on
            FROM athlete_days_versions AS days FINAL
            WHERE NOT days.tail OR days.day <= toDate32(now('UTC'))
        ) AS d
        GROUP BY d.athlete_id, week_start
    )
)
COMMENT 'a row is a week of an athlete, from that of the first session to 28 days after the last, but not into the future: intensity from summed seconds, in local days';

CREATE OR REPLACE VIEW easy_day_violations
(
    athlete_id             String COMMENT 'athlete',
    day                    Date32 COMMENT 'local day',
    session_id             UUID COMMENT 'session',
    sport                  LowCardinality(String) COMMENT 'sport',
    started_at             DateTime64(3, 'UTC') COMMENT 'start, UTC',
    meant_easy             String COMMENT 'planned (session_plans says easy) or presumed (nothing was planned: at least half of it low, class moderate, no intervals)',
    session_class          LowCardinality(String) COMMENT 'moderate or hard',
    over_vt1_s             Float64 COMMENT 'at or over vt1, s',
    over_vt1_share         Float64 COMMENT 'the same as a share of the time with heart rate, 0 to 1',
    longest_over_vt1_s     Float64 COMMENT 'longest stretch at or over vt1, s',
    vt1                    Nullable(Float64) COMMENT 'first threshold used, bpm',
    over_vt1_pace_s_per_km Nullable(Float64) COMMENT 'runs: pace while at or over vt1, s/km',
    vt1_pace_s_per_km      Nullable(Float64) COMMENT 'runs: pace of the athlete just below vt1 (within 5 bpm) in the 90 days before, s/km; null below 20 minutes of it',
    slower_by_s_per_km     Nullable(Float64) COMMENT 'how much slower would have kept it easy: vt1_pace_s_per_km less over_vt1_pace_s_per_km, s/km, at least 0',
    pace_reason            String COMMENT 'why slower_by_s_per_km is null: no_run, no_pace, little_data (below 20 minutes near vt1); else empty'
)
AS SELECT
    athlete_id,
    day,
    session_id,
    sport,
    started_at,
    if(planned, 'planned', 'presumed') AS meant_easy,
    session_class,
    over_ms / 1000 AS over_vt1_s,
    over_ms / known_ms AS over_vt1_share,
    longest_over_vt1_ms / 1000 AS longest_over_vt1_s,
    vt1,
    if(over_vt1_m > 0, over_vt1_moving_ms / over_vt1_m, NULL) AS over_vt1_pace_s_per_km,
    if(sport = 'running' AND near_vt1_ms_90d >= 1200000 AND near_vt1_m_90d > 0, near_vt1_ms_90d / near_vt1_m_90d, NULL) AS vt1_pace_s_per_km,
    if(isNull(vt1_pace_s_per_km) OR isNull(over_vt1_pace_s_per_km), NULL, greatest(vt1_pace_s_per_km - over_vt1_pace_s_per_km, 0.)) AS slower_by_s_per_km,
    multiIf(sport != 'running', 'no_run', isNull(over_vt1_pace_s_per_km), 'no_pace', isNull(vt1_pace_s_per_km), 'little_data', '') AS pace_reason
FROM
(
    SELECT
        s.athlete_id AS athlete_id,
        s.local_day AS day,
        s.session_id AS session_id,
        s.sport AS sport,
        s.started_at AS started_at,
        p.intent = 'easy' AS planned,
        i.session_class AS session_class,
        i.moderate_ms + i.high_ms AS over_ms,
        i.low_ms + i.moderate_ms + i.high_ms AS known_ms,
        i.longest_over_vt1_ms AS longest_over_vt1_ms,
        i.vt1 AS vt1,
        i.over_vt1_moving_ms AS over_vt1_moving_ms,
        i.over_vt1_m AS over_vt1_m,
        d.near_vt1_ms_90d AS near_vt1_ms_90d,
        d.near_vt1_m_90d AS near_vt1_m_90d
    FROM (SELECT athlete_id, session_id, local_day, sport, started_at, duplicate_of FROM sessions_versions FINAL WHERE isNull(duplicate_of)) AS s
    INNER JOIN
    (
        SELECT athlete_id, session_id, session_class, verdict, low_ms, moderate_ms, high_ms, efforts, longest_over_vt1_ms, vt1, over_vt1_moving_ms, over_vt1_m
        FROM intensity_versions FINAL
    ) AS i ON i.athlete_id = s.athlete_id AND i.session_id = s.session_id
    LEFT JOIN session_plans AS p ON p.athlete_id = s.athlete_id AND p.day = s.local_day
    LEFT JOIN (SELECT athlete_id, day, near_vt1_ms_90d, near_vt1_m_90d FROM athlete_days_versions FINAL) AS d ON d.athlete_id = s.athlete_id AND d.day = s.local_day
    WHERE i.verdict = 'ok' AND i.session_class IN ('moderate', 'hard')
        AND if(p.intent != '', p.intent = 'easy', i.session_class = 'moderate' AND i.low_ms * 2 >= i.low_ms + i.moderate_ms + i.high_ms AND i.efforts < 3)
)
COMMENT 'a row is a session that was meant to be easy and was not';

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
    sessions,
    timer_ms / 3600000 AS hours,
    if(sessions > 0 AND distance_sessions = 0, NULL, distance_m / 1000) AS distance_km,
    known_ms / nullIf(timer_ms, 0) AS hr_coverage,
    low_ms / nullIf(known_ms, 0) AS low_share,
    easy_sessions,
    hard_sessions,
    easy_sessions / nullIf(easy_sessions + moderate_sessions + hard_sessions, 0) AS easy_session_share,
    multiIf(known_ms < 1800000, 'no_data', high_ms = 0 AND low_ms > moderate_ms, 'base', low_ms > moderate_ms AND moderate_ms > high_ms, 'pyramidal', low_ms > high_ms AND high_ms > moderate_ms AND ifNull(polarization_index, 0) >= 2.005, 'polarized', moderate_ms > low_ms AND moderate_ms > high_ms, 'threshold', high_ms > low_ms AND high_ms > moderate_ms, 'high_intensity', 'other') AS label,
    polarization_index,
    multiIf(reason != '', 'insufficient_data', low_ms * 5 >= known_ms * 4, 'ok', low_ms * 4 >= known_ms * 3, 'borderline', 'too_hard') AS verdict,
    reason,
    violations,
    verdict_28d,
    load_model_of_week AS load_model,
    load_of_week AS load,
    monotony_of_week AS monotony,
    strain_of_week AS strain,
    ctl_of_week AS ctl,
    atl_of_week AS atl,
    tsb_of_week AS tsb
FROM
(
    SELECT
        *,
        multiIf(sessions = 0, 'no_sessions', classified_ms = 0, 'no_hr', known_ms = 0, 'no_hrmax', known_ms * 5 < timer_ms * 4, 'low_coverage', hr_sessions < 3, 'few_sessions', known_ms < 5400000, 'little_hr', '') AS reason,
        multiIf(pace_sessions = 0, 'no_pace', pace_sessions < 3, 'few_sessions', pace_ms < 5400000, 'little_pace', '') AS pace_reason,
        multiIf(known_ms = 0 OR high_ms > low_ms, NULL, high_ms = 0, 0, moderate_ms > 0, log10(low_ms / moderate_ms * high_ms / known_ms * 100), high_ms * 100 <= known_ms, 0, log10(low_ms / known_ms / 0.01 * (high_ms / known_ms - 0.01) * 100)) AS polarization_index
    FROM
    (
        SELECT
            d.athlete_id AS athlete_id,
            toDate32(d.day - (toDayOfWeek(d.day) - d.starts_on + 7) % 7) AS week_start,
            countIf(d.sessions > 0) AS training_days,
            sum(d.sessions) AS sessions,
            sum(d.hr_sessions) AS hr_sessions,
            sum(d.easy_sessions) AS easy_sessions,
            sum(d.moderate_sessions) AS moderate_sessions,
            sum(d.hard_sessions) AS hard_sessions,
            sum(d.distance_sessions) AS distance_sessions,
            sum(d.timer_ms) AS timer_ms,
            sum(d.classified_ms) AS classified_ms,
            sum(d.low_ms) AS low_ms,
            sum(d.moderate_ms) AS moderate_ms,
            sum(d.high_ms) AS high_ms,
            sum(d.distance_m) AS distance_m,
            sum(d.low_ms + d.moderate_ms + d.high_ms) AS known_ms,
            0 AS pace_sessions,
            0 AS pace_ms,
            sum(d.violations) AS violations,
            argMax(d.verdict_28d, d.day) AS verdict_28d,
            argMax(d.load_model, d.day) AS load_model_of_week,
            sum(d.load) AS load_of_week,
            argMax(tuple(d.monotony), d.day).1 AS monotony_of_week,
            argMax(tuple(d.strain), d.day).1 AS strain_of_week,
            argMax(tuple(d.ctl), d.day).1 AS ctl_of_week,
            argMax(tuple(d.atl), d.day).1 AS atl_of_week,
            argMax(tuple(d.tsb), d.day).1 AS tsb_of_week
        FROM
        (
            SELECT
                days.athlete_id AS athlete_id,
                days.day AS day,
                days.atl, days.classified_ms, days.ctl, days.distance_m, days.distance_sessions, days.easy_sessions, days.hard_sessions,
                days.high_ms, days.hr_sessions, days.load, days.load_model, days.low_ms, days.moderate_ms, days.moderate_sessions,
                days.monotony, days.sessions, days.strain, days.timer_ms, days.tsb, days.verdict_28d,
                multiIf(p.intent = 'easy', days.over_easy_sessions, p.intent != '', 0, days.drifted_sessions) AS violations,
                multiIf(starts[days.athlete_id] > 0, starts[days.athlete_id], starts[''] > 0, starts[''], 1) AS starts_on
            FROM athlete_days_versions AS days FINAL
            LEFT JOIN session_plans AS p ON p.athlete_id = days.athlete_id AND p.day = days.day
            WHERE NOT days.tail OR days.day <= toDate32(now('UTC'))
        ) AS d
        GROUP BY d.athlete_id, week_start
    )
)
COMMENT 'a row is a week of an athlete as a coach looks at it: amount, intensity, discipline and load';
