-- What athletes and coaches write down, what follows from it for a return to
-- running, and the signs of decline. signal_days and warnings are made by the
-- store whenever sessions or the log change; decisions.md says why.

CREATE TABLE IF NOT EXISTS daily_log_versions
(
    athlete_id        String COMMENT 'athlete' CODEC(ZSTD(1)),
    day               Date32 COMMENT 'local day' CODEC(Delta, ZSTD(1)),
    entry             UInt64 COMMENT 'fingerprint of what was written: the same again is the same row' CODEC(ZSTD(1)),
    removed           Bool COMMENT 'takes back what was written for the day before',
    source            LowCardinality(String) COMMENT 'door it came in by: command, csv or http',
    resting_hr        Nullable(Float64) COMMENT 'resting heart rate, bpm' CODEC(ZSTD(1)),
    hrv               Nullable(Float64) COMMENT 'heart rate variability, ms' CODEC(ZSTD(1)),
    sleep_h           Nullable(Float64) COMMENT 'sleep, hours' CODEC(ZSTD(1)),
    energy            Nullable(UInt8) COMMENT 'energy, 1 (exhausted) to 5' CODEC(ZSTD(1)),
    energy_as_written String COMMENT 'energy as it was written' CODEC(ZSTD(1)),
    note              String COMMENT 'free text' CODEC(ZSTD(1)),
    version           UInt64 COMMENT 'time of writing, Unix us; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (athlete_id, day, entry)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'everything written into the daily log; query the view daily_log';

CREATE TABLE IF NOT EXISTS return_phases_versions
(
    protocol            String COMMENT 'name of the protocol' CODEC(ZSTD(1)),
    phase               UInt8 COMMENT 'phase, from 1' CODEC(ZSTD(1)),
    name                String COMMENT 'name of the phase' CODEC(ZSTD(1)),
    weeks               Nullable(UInt16) COMMENT 'how long it lasts, weeks; null when the protocol does not say' CODEC(ZSTD(1)),
    days_per_week       UInt8 COMMENT 'most days with training a week' CODEC(ZSTD(1)),
    sports              Array(String) COMMENT 'sports that are allowed, empty when all are' CODEC(ZSTD(1)),
    volume_from_pct     Nullable(Float64) COMMENT 'build to this much of the volume before, percent' CODEC(ZSTD(1)),
    volume_to_pct       Nullable(Float64) COMMENT 'and to no more than this, percent' CODEC(ZSTD(1)),
    cap_rule            LowCardinality(String) COMMENT 'heart rate under the cap: none, session (in every one) or week (a share of its time)',
    under_cap_share     Nullable(Float64) COMMENT 'share of the time under the cap for the rule week, 0 to 1' CODEC(ZSTD(1)),
    rpe_from            Nullable(Float64) COMMENT 'least perceived exertion, 0 to 10' CODEC(ZSTD(1)),
    rpe_below           Nullable(Float64) COMMENT 'perceived exertion stays below this, 0 to 10' CODEC(ZSTD(1)),
    hard_rpe_from       Nullable(Float64) COMMENT 'least perceived exertion of hard time, 0 to 10' CODEC(ZSTD(1)),
    hard_rpe_below      Nullable(Float64) COMMENT 'perceived exertion of hard time stays below this, 0 to 10' CODEC(ZSTD(1)),
    hard_share_from     Nullable(Float64) COMMENT 'hard time to aim for, share of the week, 0 to 1' CODEC(ZSTD(1)),
    hard_share_to       Nullable(Float64) COMMENT 'most hard time, share of the week, 0 to 1' CODEC(ZSTD(1)),
    hard_sessions       UInt8 COMMENT 'most hard sessions a week' CODEC(ZSTD(1)),
    hard_sessions_later UInt8 COMMENT 'the same from week hard_later_from on' CODEC(ZSTD(1)),
    hard_later_from     Nullable(UInt16) COMMENT 'week of the phase, from 1' CODEC(ZSTD(1)),
    text                String COMMENT 'the phase in words' CODEC(ZSTD(1)),
    version             UInt64 COMMENT 'time of writing, 1 for what came with the program; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (protocol, phase)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'every version of the phases of the protocols; query the view return_phases';

INSERT INTO return_phases_versions VALUES
    ('overtraining', 1, 'full rest', 12, 3, ['walking', 'hiking', 'cycling', 'swimming', 'generic'], NULL, NULL, 'session', NULL, 0, 3, NULL, NULL, NULL, 0, 0, 0, NULL,
     'Full rest for 12 weeks: up to 3 days a week of easy walking, cycling or swimming, exertion below 3, heart rate near rest.', 1),
    ('overtraining', 2, 'cardio reintroduction', NULL, 4, [], 75, 80, 'session', NULL, 4, 7, NULL, NULL, NULL, 0, 0, 0, NULL,
     'Cardio reintroduction: up to 4 days a week, exertion 4 to 6, heart rate under the cap, build to 75 to 80 percent of the volume before.', 1),
    ('overtraining', 3, 'gradual return', NULL, 5, [], 90, 100, 'week', 0.8, 4, 7, 7, 9, 0.05, 0.1, 1, 2, 5,
     'Gradual return: up to 5 days a week, exertion 4 to 6 with 5 to 10 percent of the time at 7 to 8, heart rate under the cap for most of the training, one and later two hard sessions a week, build to 90 to 100 percent of the volume before.', 1),
    ('mild', 1, 'cardio reintroduction', NULL, 4, [], 75, 80, 'session', NULL, 4, 7, NULL, NULL, NULL, 0, 0, 0, NULL,
     'Mild overtraining, after a few days of rest: up to 4 days a week, exertion 4 to 6, heart rate under the cap, build to 75 to 80 percent of the volume before.', 1);

CREATE TABLE IF NOT EXISTS returns_versions
(
    athlete_id       String COMMENT 'athlete' CODEC(ZSTD(1)),
    from_day         Date32 COMMENT 'first local day' CODEC(Delta, ZSTD(1)),
    protocol         LowCardinality(String) COMMENT 'protocol, empty when the return ends',
    phase            UInt8 COMMENT 'phase of the protocol; 0 = the return ends on this day' CODEC(ZSTD(1)),
    removed          Bool COMMENT 'was taken back',
    baseline_km      Nullable(Float64) COMMENT 'volume before as set, km of running a week' CODEC(ZSTD(1)),
    baseline_minutes Nullable(Float64) COMMENT 'volume before as set, minutes of training a week' CODEC(ZSTD(1)),
    version          UInt64 COMMENT 'time of writing; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (athlete_id, from_day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'every version of the starts and ends of returns to running; query the view returns';

CREATE TABLE IF NOT EXISTS announced_warnings
(
    athlete_id   String COMMENT 'athlete' CODEC(ZSTD(1)),
    day          Date32 COMMENT 'local day of the warning' CODEC(Delta, ZSTD(1)),
    signal       LowCardinality(String) COMMENT 'its signal',
    announced_at DateTime64(3, 'UTC') COMMENT 'when it was announced to listeners, UTC' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(announced_at)
ORDER BY (athlete_id, day, signal)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'warnings that listeners have been told of, so that they are told once';

CREATE TABLE IF NOT EXISTS announced_marks
(
    kind    LowCardinality(String) COMMENT 'session or export' CODEC(ZSTD(1)),
    until   DateTime64(3, 'UTC') COMMENT 'what was analyzed up to here has been announced, UTC' CODEC(Delta, ZSTD(1)),
    version UInt64 COMMENT 'time of writing, Unix us; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY kind
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'how far sessions and exports have been announced to listeners';

CREATE TABLE IF NOT EXISTS signal_days_versions
(
    athlete_id            String COMMENT 'athlete' CODEC(ZSTD(1)),
    day                   Date32 COMMENT 'local calendar day' CODEC(ZSTD(1)),
    resting_hr            Nullable(Float64) COMMENT 'resting heart rate of the day, bpm' CODEC(ZSTD(1)),
    resting_hr_7d         Nullable(Float64) COMMENT 'its mean over 7 days, bpm' CODEC(ZSTD(1)),
    resting_hr_7d_n       UInt8 COMMENT 'of those 7 days, those with a value' CODEC(ZSTD(1)),
    resting_hr_base       Nullable(Float64) COMMENT 'its mean over the 28 days before those 7, bpm' CODEC(ZSTD(1)),
    resting_hr_base_sd    Nullable(Float64) COMMENT 'standard deviation (n - 1) over those 28 days, bpm' CODEC(ZSTD(1)),
    resting_hr_base_n     UInt8 COMMENT 'of those 28 days, those with a value' CODEC(ZSTD(1)),
    resting_hr_days_over  UInt8 COMMENT 'of the 7 days, those more than one standard deviation above the baseline' CODEC(ZSTD(1)),
    resting_hr_adverse    Nullable(Bool) COMMENT 'resting heart rate is up: 7-day mean 5 bpm or more above the baseline, or more than one standard deviation above on 3 or more of 7 days; null below 3 values in 7 days or 14 in 28',
    hrv                   Nullable(Float64) COMMENT 'heart rate variability of the day, ms' CODEC(ZSTD(1)),
    hrv_7d                Nullable(Float64) COMMENT 'its mean over 7 days, ms' CODEC(ZSTD(1)),
    hrv_base              Nullable(Float64) COMMENT 'its mean over the 28 days before those 7, ms' CODEC(ZSTD(1)),
    hrv_base_sd           Nullable(Float64) COMMENT 'standard deviation (n - 1) over those 28 days, ms' CODEC(ZSTD(1)),
    sleep_7d_h            Nullable(Float64) COMMENT 'sleep, mean over 7 days, h' CODEC(ZSTD(1)),
    sleep_base_h          Nullable(Float64) COMMENT 'sleep, mean over the 28 days before those 7, h' CODEC(ZSTD(1)),
    energy                Nullable(UInt8) COMMENT 'energy of the day, 1 (exhausted) to 5' CODEC(ZSTD(1)),
    energy_7d             Nullable(Float64) COMMENT 'its mean over 7 days, level' CODEC(ZSTD(1)),
    energy_7d_n           UInt8 COMMENT 'of those 7 days, those with a value' CODEC(ZSTD(1)),
    energy_base           Nullable(Float64) COMMENT 'its mean over the 28 days before those 7, level' CODEC(ZSTD(1)),
    energy_base_n         UInt8 COMMENT 'of those 28 days, those with a value' CODEC(ZSTD(1)),
    energy_adverse        Nullable(Bool) COMMENT 'energy is down: 7-day mean half a level or more below the baseline; null below 3 values in 7 days or 14 in 28',
    pace_28d              Nullable(Float64) COMMENT 'pace at the same effort (65 to 75 percent of max HR), median of the runs of 28 days, s/km' CODEC(ZSTD(1)),
    pace_28d_n            UInt16 COMMENT 'runs with such a pace in those 28 days' CODEC(T64, ZSTD(1)),
    pace_before           Nullable(Float64) COMMENT 'the same over the 28 days before those, s/km' CODEC(ZSTD(1)),
    pace_before_n         UInt16 COMMENT 'runs with such a pace in the 28 days before' CODEC(T64, ZSTD(1)),
    pace_change_pct       Nullable(Float64) COMMENT 'change of that pace, percent, above 0 is slower; null below 4 runs on either side' CODEC(ZSTD(1)),
    pace_adverse          Nullable(Bool) COMMENT 'more than 5 percent slower at the same effort',
    efficiency_28d        Nullable(Float64) COMMENT 'efficiency of steady runs, mean of 28 days, (m/min)/bpm' CODEC(ZSTD(1)),
    efficiency_28d_n      UInt16 COMMENT 'steady runs in those 28 days' CODEC(T64, ZSTD(1)),
    efficiency_before     Nullable(Float64) COMMENT 'the same over the 28 days before those, (m/min)/bpm' CODEC(ZSTD(1)),
    efficiency_before_n   UInt16 COMMENT 'steady runs in the 28 days before' CODEC(T64, ZSTD(1)),
    efficiency_change_pct Nullable(Float64) COMMENT 'change of efficiency, percent; null below 4 steady runs on either side' CODEC(ZSTD(1)),
    efficiency_adverse    Nullable(Bool) COMMENT 'efficiency down by more than 5 percent',
    decoupling_28d        Nullable(Float64) COMMENT 'decoupling of long steady runs, mean of 28 days, percent' CODEC(ZSTD(1)),
    decoupling_28d_n      UInt16 COMMENT 'such runs in those 28 days' CODEC(T64, ZSTD(1)),
    decoupling_before     Nullable(Float64) COMMENT 'the same over the 28 days before those, percent' CODEC(ZSTD(1)),
    decoupling_before_n   UInt16 COMMENT 'such runs in the 28 days before' CODEC(T64, ZSTD(1)),
    decoupling_change     Nullable(Float64) COMMENT 'change of decoupling, percentage points; null below 3 such runs on either side' CODEC(ZSTD(1)),
    decoupling_adverse    Nullable(Bool) COMMENT 'decoupling above 5 percent and up by 3 points or more',
    monotony              Nullable(Float64) COMMENT 'monotony of the loads of 7 days (Foster), see load_daily' CODEC(ZSTD(1)),
    monotony_adverse      Nullable(Bool) COMMENT 'monotony above 2',
    adverse               UInt8 COMMENT 'how many of resting heart rate, energy, pace at the same effort and monotony are adverse' CODEC(ZSTD(1)),
    known                 UInt8 COMMENT 'how many of those four could be judged' CODEC(ZSTD(1)),
    adverse_days_7d       UInt8 COMMENT 'of 7 days, those with two or more adverse' CODEC(ZSTD(1)),
    known_days_7d         UInt8 COMMENT 'of 7 days, those on which two or more could be judged' CODEC(ZSTD(1)),
    plods                 Nullable(Bool) COMMENT 'pattern of the plods: two or more of the four adverse on 5 or more of 7 days; null when fewer than 5 of the 7 days could be judged',
    row_hash              UInt64 COMMENT 'fingerprint of the columns above; rows that would not change are not written' CODEC(ZSTD(1)),
    is_deleted            UInt8 COMMENT '1 where there is no row any more' CODEC(ZSTD(1)),
    version               UInt64 COMMENT 'time of writing, Unix us, or one above that of the row it replaces; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (athlete_id, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'every version of the signs of decline by day; query the view signal_days';

CREATE TABLE IF NOT EXISTS warnings_versions
(
    athlete_id String COMMENT 'athlete' CODEC(ZSTD(1)),
    day        Date32 COMMENT 'local calendar day' CODEC(ZSTD(1)),
    signal     LowCardinality(String) COMMENT 'resting_hr, energy, same_effort_pace, efficiency, decoupling, monotony or plods',
    pattern    String COMMENT 'what was seen, in words: a pattern, not a diagnosis' CODEC(ZSTD(1)),
    value      Nullable(Float64) COMMENT 'what is looked at, in unit' CODEC(ZSTD(1)),
    baseline   Nullable(Float64) COMMENT 'what it is compared with, in unit' CODEC(ZSTD(1)),
    change     Nullable(Float64) COMMENT 'from the baseline, in unit or as unit says' CODEC(ZSTD(1)),
    unit       LowCardinality(String) COMMENT 'unit of value, baseline and change',
    threshold  LowCardinality(String) COMMENT 'when the signal is adverse, in words',
    inputs     Map(String, Float64) COMMENT 'the other figures it was made from, by name' CODEC(ZSTD(1)),
    missing    Array(String) COMMENT 'what could not be looked at, in words' CODEC(ZSTD(1)),
    row_hash   UInt64 COMMENT 'fingerprint of the columns above; rows that would not change are not written' CODEC(ZSTD(1)),
    is_deleted UInt8 COMMENT '1 where there is no row any more' CODEC(ZSTD(1)),
    version    UInt64 COMMENT 'time of writing, Unix us, or one above that of the row it replaces; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (athlete_id, day, signal)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'every version of the warnings; query the view warnings';

CREATE TABLE IF NOT EXISTS signal_spans_versions
(
    athlete_id    String COMMENT 'athlete' CODEC(ZSTD(1)),
    inputs        UInt64 COMMENT 'fingerprint of the sessions and the log that signal_days was made from' CODEC(ZSTD(1)),
    rules_version UInt32 COMMENT 'version of the rules it was made by' CODEC(ZSTD(1)),
    version       UInt64 COMMENT 'time of writing, Unix us; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY athlete_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'what signal_days and warnings were made from: written after them, so that a row means they are whole';

CREATE OR REPLACE VIEW log_days
(
    athlete_id        String COMMENT 'athlete',
    day               Date32 COMMENT 'local day',
    resting_hr        Nullable(Float64) COMMENT 'resting heart rate, bpm',
    resting_hr_source LowCardinality(String) COMMENT 'log, file (profile in a watch file) or empty',
    hrv               Nullable(Float64) COMMENT 'heart rate variability, ms',
    sleep_h           Nullable(Float64) COMMENT 'sleep, hours',
    energy            Nullable(UInt8) COMMENT 'energy, 1 (exhausted) to 5',
    energy_as_written String COMMENT 'energy as it was written',
    note              String COMMENT 'free text'
)
AS SELECT
    athlete_id,
    day,
    if(isNotNull(max(logged_hr)), max(logged_hr), max(file_hr)) AS resting_hr,
    multiIf(isNotNull(max(logged_hr)), 'log', isNotNull(max(file_hr)), 'file', '')::LowCardinality(String) AS resting_hr_source,
    max(day_hrv) AS hrv,
    max(day_sleep_h) AS sleep_h,
    max(day_energy) AS energy,
    max(day_energy_as_written) AS energy_as_written,
    max(day_note) AS note
FROM
(
    SELECT
        athlete_id,
        day,
        argMaxIf(resting_hr, version, isNotNull(resting_hr)) AS logged_hr,
        CAST(NULL, 'Nullable(Float64)') AS file_hr,
        argMaxIf(hrv, version, isNotNull(hrv)) AS day_hrv,
        argMaxIf(sleep_h, version, isNotNull(sleep_h)) AS day_sleep_h,
        argMaxIf(energy, version, isNotNull(energy)) AS day_energy,
        argMaxIf(energy_as_written, version, isNotNull(energy)) AS day_energy_as_written,
        argMaxIf(note, version, note != '') AS day_note
    FROM
    (
        SELECT *, maxIf(version, removed) OVER (PARTITION BY athlete_id, day) AS removed_at
        FROM daily_log_versions FINAL
    )
    WHERE version > removed_at
    GROUP BY athlete_id, day
    UNION ALL
    SELECT
        athlete_id,
        local_day AS day,
        NULL AS logged_hr,
        argMax(toFloat64(file_hr_rest), started_at) AS file_hr,
        NULL AS day_hrv,
        NULL AS day_sleep_h,
        NULL AS day_energy,
        '' AS day_energy_as_written,
        '' AS day_note
    FROM sessions_versions FINAL
    WHERE file_hr_rest BETWEEN 20 AND 120 AND isNull(duplicate_of)
    GROUP BY athlete_id, local_day
)
GROUP BY athlete_id, day
COMMENT 'a row is a day of an athlete with something in the log, or with a resting heart rate in a file';

CREATE OR REPLACE VIEW signal_days
(
    athlete_id            String COMMENT 'athlete',
    day                   Date32 COMMENT 'local calendar day',
    resting_hr            Nullable(Float64) COMMENT 'resting heart rate of the day, bpm',
    resting_hr_7d         Nullable(Float64) COMMENT 'its mean over 7 days, bpm',
    resting_hr_7d_n       UInt8 COMMENT 'of those 7 days, those with a value',
    resting_hr_base       Nullable(Float64) COMMENT 'its mean over the 28 days before those 7, bpm',
    resting_hr_base_sd    Nullable(Float64) COMMENT 'standard deviation (n - 1) over those 28 days, bpm',
    resting_hr_base_n     UInt8 COMMENT 'of those 28 days, those with a value',
    resting_hr_days_over  UInt8 COMMENT 'of the 7 days, those more than one standard deviation above the baseline',
    resting_hr_adverse    Nullable(Bool) COMMENT 'resting heart rate is up: 7-day mean 5 bpm or more above the baseline, or more than one standard deviation above on 3 or more of 7 days; null below 3 values in 7 days or 14 in 28',
    hrv                   Nullable(Float64) COMMENT 'heart rate variability of the day, ms',
    hrv_7d                Nullable(Float64) COMMENT 'its mean over 7 days, ms',
    hrv_base              Nullable(Float64) COMMENT 'its mean over the 28 days before those 7, ms',
    hrv_base_sd           Nullable(Float64) COMMENT 'standard deviation (n - 1) over those 28 days, ms',
    sleep_7d_h            Nullable(Float64) COMMENT 'sleep, mean over 7 days, h',
    sleep_base_h          Nullable(Float64) COMMENT 'sleep, mean over the 28 days before those 7, h',
    energy                Nullable(UInt8) COMMENT 'energy of the day, 1 (exhausted) to 5',
    energy_7d             Nullable(Float64) COMMENT 'its mean over 7 days, level',
    energy_7d_n           UInt8 COMMENT 'of those 7 days, those with a value',
    energy_base           Nullable(Float64) COMMENT 'its mean over the 28 days before those 7, level',
    energy_base_n         UInt8 COMMENT 'of those 28 days, those with a value',
    energy_adverse        Nullable(Bool) COMMENT 'energy is down: 7-day mean half a level or more below the baseline; null below 3 values in 7 days or 14 in 28',
    pace_28d              Nullable(Float64) COMMENT 'pace at the same effort (65 to 75 percent of max HR), median of the runs of 28 days, s/km',
    pace_28d_n            UInt16 COMMENT 'runs with such a pace in those 28 days',
    pace_before           Nullable(Float64) COMMENT 'the same over the 28 days before those, s/km',
    pace_before_n         UInt16 COMMENT 'runs with such a pace in the 28 days before',
    pace_change_pct       Nullable(Float64) COMMENT 'change of that pace, percent, above 0 is slower; null below 4 runs on either side',
    pace_adverse          Nullable(Bool) COMMENT 'more than 5 percent slower at the same effort',
    efficiency_28d        Nullable(Float64) COMMENT 'efficiency of steady runs, mean of 28 days, (m/min)/bpm',
    efficiency_28d_n      UInt16 COMMENT 'steady runs in those 28 days',
    efficiency_before     Nullable(Float64) COMMENT 'the same over the 28 days before those, (m/min)/bpm',
    efficiency_before_n   UInt16 COMMENT 'steady runs in the 28 days before',
    efficiency_change_pct Nullable(Float64) COMMENT 'change of efficiency, percent; null below 4 steady runs on either side',
    efficiency_adverse    Nullable(Bool) COMMENT 'efficiency down by more than 5 percent',
    decoupling_28d        Nullable(Float64) COMMENT 'decoupling of long steady runs, mean of 28 days, percent',
    decoupling_28d_n      UInt16 COMMENT 'such runs in those 28 days',
    decoupling_before     Nullable(Float64) COMMENT 'the same over the 28 days before those, percent',
    decoupling_before_n   UInt16 COMMENT 'such runs in the 28 days before',
    decoupling_change     Nullable(Float64) COMMENT 'change of decoupling, percentage points; null below 3 such runs on either side',
    decoupling_adverse    Nullable(Bool) COMMENT 'decoupling above 5 percent and up by 3 points or more',
    monotony              Nullable(Float64) COMMENT 'monotony of the loads of 7 days (Foster), see load_daily',
    monotony_adverse      Nullable(Bool) COMMENT 'monotony above 2',
    adverse               UInt8 COMMENT 'how many of resting heart rate, energy, pace at the same effort and monotony are adverse',
    known                 UInt8 COMMENT 'how many of those four could be judged',
    adverse_days_7d       UInt8 COMMENT 'of 7 days, those with two or more adverse',
    known_days_7d         UInt8 COMMENT 'of 7 days, those on which two or more could be judged',
    plods                 Nullable(Bool) COMMENT 'pattern of the plods: two or more of the four adverse on 5 or more of 7 days; null when fewer than 5 of the 7 days could be judged'
)
AS SELECT
    athlete_id,
    day,
    resting_hr,
    resting_hr_7d,
    resting_hr_7d_n,
    resting_hr_base,
    resting_hr_base_sd,
    resting_hr_base_n,
    resting_hr_days_over,
    resting_hr_adverse,
    hrv,
    hrv_7d,
    hrv_base,
    hrv_base_sd,
    sleep_7d_h,
    sleep_base_h,
    energy,
    energy_7d,
    energy_7d_n,
    energy_base,
    energy_base_n,
    energy_adverse,
    pace_28d,
    pace_28d_n,
    pace_before,
    pace_before_n,
    pace_change_pct,
    pace_adverse,
    efficiency_28d,
    efficiency_28d_n,
    efficiency_before,
    efficiency_before_n,
    efficiency_change_pct,
    efficiency_adverse,
    decoupling_28d,
    decoupling_28d_n,
    decoupling_before,
    decoupling_before_n,
    decoupling_change,
    decoupling_adverse,
    monotony,
    monotony_adverse,
    adverse,
    known,
    adverse_days_7d,
    known_days_7d,
    plods
FROM signal_days_versions FINAL
COMMENT 'a row is a calendar day of an athlete, from the first with a session or an entry in the log to the last: the signs of decline up to it';

CREATE OR REPLACE VIEW warnings
(
    athlete_id String COMMENT 'athlete',
    day        Date32 COMMENT 'local calendar day',
    signal     LowCardinality(String) COMMENT 'resting_hr, energy, same_effort_pace, efficiency, decoupling, monotony, or plods (several at once for days)',
    pattern    String COMMENT 'what was seen, in words: a pattern, not a diagnosis',
    value      Nullable(Float64) COMMENT 'what is looked at, in unit',
    baseline   Nullable(Float64) COMMENT 'what it is compared with, in unit',
    change     Nullable(Float64) COMMENT 'from the baseline, in unit or as unit says',
    unit       LowCardinality(String) COMMENT 'unit of value, baseline and change',
    threshold  LowCardinality(String) COMMENT 'when the signal is adverse, in words',
    inputs     Map(String, Float64) COMMENT 'the other figures it was made from, by name',
    missing    Array(String) COMMENT 'what could not be looked at, in words'
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
COMMENT 'a row is a day of an athlete with something in the log or a resting heart rate in a file, beside the baselines';

CREATE OR REPLACE VIEW return_phases
(
    protocol            String COMMENT 'name of the protocol',
    phase               UInt8 COMMENT 'phase, from 1',
    name                String COMMENT 'name of the phase',
    weeks               Nullable(UInt16) COMMENT 'how long it lasts, weeks; null when the protocol does not say',
    days_per_week       UInt8 COMMENT 'most days with training a week',
    sports              Array(String) COMMENT 'sports that are allowed, empty when all are',
    volume_from_pct     Nullable(Float64) COMMENT 'build to this much of the volume before, percent',
    volume_to_pct       Nullable(Float64) COMMENT 'and to no more than this, percent',
    cap_rule            LowCardinality(String) COMMENT 'heart rate under the cap: none, session (in every one) or week (a share of its time)',
    under_cap_share     Nullable(Float64) COMMENT 'share of the time under the cap for the rule week, 0 to 1',
    rpe_from            Nullable(Float64) COMMENT 'least perceived exertion, 0 to 10',
    rpe_below           Nullable(Float64) COMMENT 'perceived exertion stays below this, 0 to 10',
    hard_rpe_from       Nullable(Float64) COMMENT 'least perceived exertion of hard time, 0 to 10',
    hard_rpe_below      Nullable(Float64) COMMENT 'perceived exertion of hard time stays below this, 0 to 10',
    hard_share_from     Nullable(Float64) COMMENT 'hard time to aim for, share of the week, 0 to 1',
    hard_share_to       Nullable(Float64) COMMENT 'most hard time, share of the week, 0 to 1',
    hard_sessions       UInt8 COMMENT 'most hard sessions a week',
    hard_sessions_later UInt8 COMMENT 'the same from week hard_later_from on',
    hard_later_from     Nullable(UInt16) COMMENT 'week of the phase, from 1',
    text                String COMMENT 'the phase in words'
)
AS SELECT
    protocol,
    phase,
    name,
    weeks,
    days_per_week,
    sports,
    volume_from_pct,
    volume_to_pct,
    cap_rule,
    under_cap_share,
    rpe_from,
    rpe_below,
    hard_rpe_from,
    hard_rpe_below,
    hard_share_from,
    hard_share_to,
    hard_sessions,
    hard_sessions_later,
    hard_later_from,
    text
FROM return_phases_versions FINAL
COMMENT 'a row is a phase of a protocol for a return to running; plodwatch return-to-run protocol import puts others in';

CREATE OR REPLACE VIEW returns
(
    athlete_id       String COMMENT 'athlete',
    from_day         Date32 COMMENT 'first local day of the phase',
    to_day           Nullable(Date32) COMMENT 'its last local day, null when no end is set',
    return_from      Date32 COMMENT 'first local day of the return, of its first phase',
    protocol         LowCardinality(String) COMMENT 'protocol, see return_phases',
    phase            UInt8 COMMENT 'phase of the protocol',
    baseline_km      Nullable(Float64) COMMENT 'volume before, km of running a week; null when not known',
    baseline_minutes Nullable(Float64) COMMENT 'volume before, minutes of training a week; null when not known',
    baseline_source  String COMMENT 'set, computed (mean of the 12 weeks before return_from) or none',
    volume_unit      String COMMENT 'what volumes are judged by: km when km are set, else minutes; empty without a baseline'
)
AS SELECT
    r.athlete_id AS athlete_id,
    r.from_day AS from_day,
    r.to_day AS to_day,
    r.return_from AS return_from,
    r.protocol AS protocol,
    r.phase AS phase,
    if(isNotNull(r.set_km), r.set_km, v.km) AS baseline_km,
    if(isNotNull(r.set_minutes), r.set_minutes, v.minutes) AS baseline_minutes,
    multiIf(isNotNull(r.set_km) OR isNotNull(r.set_minutes), 'set', isNotNull(v.minutes), 'computed', 'none') AS baseline_source,
    multiIf(isNotNull(r.set_km), 'km', isNotNull(r.set_minutes) OR isNotNull(v.minutes), 'minutes', '') AS volume_unit
FROM
(
    SELECT
        athlete_id,
        from_day,
        next_from - 1 AS to_day,
        protocol,
        phase,
        min(from_day) OVER (PARTITION BY athlete_id, course) AS return_from,
        anyLast(baseline_km) OVER (PARTITION BY athlete_id, course ORDER BY toInt32(from_day) ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS set_km,
        anyLast(baseline_minutes) OVER (PARTITION BY athlete_id, course ORDER BY toInt32(from_day) ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS set_minutes
    FROM
    (
        SELECT
            athlete_id,
            from_day,
            protocol,
            phase,
            baseline_km,
            baseline_minutes,
            leadInFrame(toNullable(from_day), 1) OVER (PARTITION BY athlete_id ORDER BY toInt32(from_day) ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS next_from,
            countIf(phase = 0) OVER (PARTITION BY athlete_id ORDER BY toInt32(from_day) ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS course
        FROM returns_versions FINAL
        WHERE NOT removed
    )
    WHERE phase > 0
) AS r
LEFT JOIN
(
    SELECT
        c.athlete_id AS athlete_id,
        c.from_day AS return_from,
        toNullable(sum(s.elapsed_ms - s.paused_ms) / 60000 / 12) AS minutes,
        toNullable(sumIf(s.distance_m, s.sport = 'running')) / 1000 / 12 AS km
    FROM (SELECT athlete_id, from_day FROM returns_versions FINAL WHERE NOT removed AND phase > 0) AS c
    INNER JOIN
    (
        SELECT athlete_id, local_day, sport, elapsed_ms, paused_ms, distance_m
        FROM sessions_versions FINAL
        WHERE isNull(duplicate_of) AND sport != 'transition' AND athlete_id IN (SELECT athlete_id FROM returns_versions)
    ) AS s ON s.athlete_id = c.athlete_id
    WHERE s.local_day >= c.from_day - 84 AND s.local_day < c.from_day
    GROUP BY athlete_id, return_from
) AS v ON v.athlete_id = r.athlete_id AND v.return_from = r.return_from
COMMENT 'a row is a phase of a return to running: from when to when, by which protocol, against which volume before';
