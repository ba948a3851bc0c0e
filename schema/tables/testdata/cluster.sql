CREATE TABLE IF NOT EXISTS schema_versions ON CLUSTER `plod`
(
    version    UInt32 COMMENT 'number of the migration',
    name       String COMMENT 'its name',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when it was applied, UTC'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/all/plodwatch/schema_versions', '{shard}-{replica}')
ORDER BY version
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'migrations that were applied to this database';

CREATE TABLE IF NOT EXISTS exports_versions_local ON CLUSTER `plod`
(
    athlete_id      String COMMENT 'athlete' CODEC(ZSTD(1)),
    export_id       String COMMENT 'SHA-256 of the original bytes, 64 hexadecimal digits' CODEC(ZSTD(1)),
    parent_id       String COMMENT 'export_id of the archive it came out of, empty when none' CODEC(ZSTD(1)),
    source          LowCardinality(String) COMMENT 'door it came in by: folder, import, upload, archive',
    format          LowCardinality(String) COMMENT 'format by content: fit, gpx, tcx, zip, unknown',
    bytes           UInt64 COMMENT 'size of the original, bytes' CODEC(T64, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') COMMENT 'when the export was taken, UTC' CODEC(Delta, ZSTD(1)),
    outcome         LowCardinality(String) COMMENT 'decoded, salvaged, duplicate, skipped or rejected',
    reason          LowCardinality(String) COMMENT 'why, from a closed set; empty when there is nothing to say',
    detail          String COMMENT 'the reason in words; never a file name' CODEC(ZSTD(1)),
    flags           Array(LowCardinality(String)) COMMENT 'oddities of the file',
    session_ids     Array(UUID) COMMENT 'its sessions, in file order' CODEC(ZSTD(1)),
    member_ids      Array(String) COMMENT 'export_id of each member of an archive, in its order' CODEC(ZSTD(1)),
    records         UInt64 COMMENT 'records or track points in the file' CODEC(T64, ZSTD(1)),
    decoder_version UInt32 COMMENT 'version of the decoder that read it' CODEC(T64, ZSTD(1)),
    decoded_at      DateTime64(3, 'UTC') COMMENT 'when the worker finished, UTC' CODEC(Delta, ZSTD(1)),
    analyzed_at     DateTime64(3, 'UTC') COMMENT 'when this row was written, UTC' CODEC(Delta, ZSTD(1)),
    version         UInt64 COMMENT 'decoder version, then time of analysis; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/plodwatch/exports_versions_local', '{replica}', version)
ORDER BY (athlete_id, export_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'every version of every export; query the view exports';

CREATE TABLE IF NOT EXISTS exports_versions ON CLUSTER `plod` AS `plodwatch`.exports_versions_local
ENGINE = Distributed('plod', 'plodwatch', 'exports_versions_local', cityHash64(athlete_id))
SETTINGS fsync_after_insert = 1, fsync_directories = 1
COMMENT 'every version of every export; query the view exports';

CREATE TABLE IF NOT EXISTS sessions_versions_local ON CLUSTER `plod`
(
    athlete_id          String COMMENT 'athlete' CODEC(ZSTD(1)),
    session_id          UUID COMMENT 'session, derived from athlete, content and position in the file' CODEC(ZSTD(1)),
    export_id           String COMMENT 'export the session came in, SHA-256' CODEC(ZSTD(1)),
    ordinal             UInt32 COMMENT 'position in the file, from 0' CODEC(T64, ZSTD(1)),
    format              LowCardinality(String) COMMENT 'format it was decoded from',
    salvaged            Bool COMMENT 'the file was damaged',
    received_at         DateTime64(3, 'UTC') COMMENT 'when the export was taken, UTC' CODEC(Delta, ZSTD(1)),
    decoder_version     UInt32 COMMENT 'version of the decoder' CODEC(T64, ZSTD(1)),
    decode              UInt64 COMMENT 'fingerprint of the samples that belong to this row; samples of another decode are stale' CODEC(ZSTD(1)),
    samples             UInt32 COMMENT 'number of samples' CODEC(T64, ZSTD(1)),
    sport               LowCardinality(String) COMMENT 'sport, FIT name in snake case',
    sub_sport           LowCardinality(String) COMMENT 'sub sport, FIT name in snake case, empty when not given',
    started_at          DateTime64(3, 'UTC') COMMENT 'start, UTC' CODEC(Delta, ZSTD(1)),
    ended_at            DateTime64(3, 'UTC') COMMENT 'end, UTC' CODEC(Delta, ZSTD(1)),
    utc_offset_s        Int32 COMMENT 'local time less UTC, s' CODEC(T64, ZSTD(1)),
    utc_offset_source   LowCardinality(String) COMMENT 'file, position (time zone at the first position), athlete (time zone set for the athlete) or empty (taken as UTC)',
    local_day           Date32 COMMENT 'calendar day of the start in local time' CODEC(Delta, ZSTD(1)),
    elapsed_ms          Int64 COMMENT 'start to end, ms' CODEC(T64, ZSTD(1)),
    paused_ms           Int64 COMMENT 'timer stopped, ms' CODEC(T64, ZSTD(1)),
    gap_ms              Int64 COMMENT 'no samples for longer than the gap limit, ms' CODEC(T64, ZSTD(1)),
    no_hr_ms            Int64 COMMENT 'samples without heart rate, ms' CODEC(T64, ZSTD(1)),
    rejected_hr_ms      Int64 COMMENT 'heart rate out of range or a spike, ms' CODEC(T64, ZSTD(1)),
    classified_ms       Int64 COMMENT 'heart rate that counts, ms; the five parts sum to elapsed_ms' CODEC(T64, ZSTD(1)),
    moving_ms           Int64 COMMENT 'timer time at or above the moving speed, ms' CODEC(T64, ZSTD(1)),
    hr_ms               Array(Int64) COMMENT 'ms at each heart rate; element i (from 1) is i bpm, 255 elements' CODEC(T64, ZSTD(1)),
    speed_ms            Array(Int64) COMMENT 'ms of moving time per 0.1 m/s; element i (from 1) is from (i-1)/10 to i/10 m/s, the last one open' CODEC(T64, ZSTD(1)),
    distance_m          Nullable(Float64) COMMENT 'distance by device, else by positions, m' CODEC(ZSTD(1)),
    ascent_m            Float64 COMMENT 'ascent, m' CODEC(ZSTD(1)),
    hr_avg              Nullable(Float64) COMMENT 'time-weighted mean heart rate, bpm' CODEC(ZSTD(1)),
    hr_max              Nullable(UInt8) COMMENT 'highest accepted heart rate, bpm' CODEC(ZSTD(1)),
    observed_hr_max     Float64 COMMENT 'highest 5 s mean of clean heart rate, bpm; 0 when there is none' CODEC(ZSTD(1)),
    watch_elapsed_ms    Int64 COMMENT 'watch summary: elapsed, ms, 0 when not given' CODEC(T64, ZSTD(1)),
    watch_timer_ms      Int64 COMMENT 'watch summary: timer, ms, 0 when not given' CODEC(T64, ZSTD(1)),
    watch_distance_cm   Int64 COMMENT 'watch summary: distance, cm, 0 when not given' CODEC(T64, ZSTD(1)),
    watch_ascent_m      Int32 COMMENT 'watch summary: ascent, m, 0 when not given' CODEC(T64, ZSTD(1)),
    watch_hr_avg        UInt8 COMMENT 'watch summary: mean heart rate, bpm, 0 when not given' CODEC(ZSTD(1)),
    watch_hr_max        UInt8 COMMENT 'watch summary: highest heart rate, bpm, 0 when not given' CODEC(ZSTD(1)),
    watch_speed_mmps    Int32 COMMENT 'watch summary: mean speed, mm/s, 0 when not given' CODEC(T64, ZSTD(1)),
    watch_calories_kcal Int32 COMMENT 'watch summary: energy, kcal, 0 when not given' CODEC(T64, ZSTD(1)),
    watch_zone_ms       Array(Int64) COMMENT 'time in zones by the watch, ms; first cell below zone 1' CODEC(T64, ZSTD(1)),
    watch_zone_bounds   Array(UInt8) COMMENT 'lower bounds of the zones of the watch, bpm' CODEC(ZSTD(1)),
    watch_zone_hr_max   UInt8 COMMENT 'max heart rate beside the zones of the watch, bpm, 0 when not given' CODEC(ZSTD(1)),
    watch_zone_hr_rest  UInt8 COMMENT 'resting heart rate beside the zones of the watch, bpm, 0 when not given' CODEC(ZSTD(1)),
    watch_zone_hr_lt    UInt8 COMMENT 'threshold heart rate beside the zones of the watch, bpm, 0 when not given' CODEC(ZSTD(1)),
    watch_delta_ms      Array(Int64) COMMENT 'our time less that of the watch per cell of watch_zone_ms, ms' CODEC(T64, ZSTD(1)),
    watch_inferred      Bool COMMENT 'the file has no bounds for watch_zone_ms; the usual shares of max heart rate were taken',
    file_hr_max         UInt8 COMMENT 'max heart rate by the profile in the file, bpm, 0 when not given' CODEC(ZSTD(1)),
    file_hr_max_source  LowCardinality(String) COMMENT 'message it was taken from',
    file_hr_rest        UInt8 COMMENT 'resting heart rate by the profile in the file, bpm, 0 when not given' CODEC(ZSTD(1)),
    file_hr_lt          UInt8 COMMENT 'threshold heart rate by the profile in the file, bpm, 0 when not given' CODEC(ZSTD(1)),
    rpe                 Nullable(Float32) COMMENT 'perceived exertion 0 to 10' CODEC(ZSTD(1)),
    feel                Nullable(Int16) COMMENT 'feeling 0 to 100' CODEC(ZSTD(1)),
    device              String COMMENT 'manufacturer and product' CODEC(ZSTD(1)),
    decoder_flags       Array(LowCardinality(String)) COMMENT 'oddities found by the decoder',
    signal_flags        Array(LowCardinality(String)) COMMENT 'oddities found in the signals',
    timer_event_ms      Array(Int64) COMMENT 'starts and stops of the timer, Unix ms' CODEC(DoubleDelta, ZSTD(1)),
    timer_event_stop    Array(Bool) COMMENT 'true for a stop, one per timer_event_ms',
    break_from_ms       Array(Int64) COMMENT 'starts of the stretches across which no time counts, Unix ms' CODEC(Delta, ZSTD(1)),
    break_to_ms         Array(Int64) COMMENT 'their ends, Unix ms' CODEC(Delta, ZSTD(1)),
    lap_start_ms        Array(Int64) COMMENT 'starts of the laps, Unix ms' CODEC(Delta, ZSTD(1)),
    lap_end_ms          Array(Int64) COMMENT 'ends of the laps, Unix ms' CODEC(Delta, ZSTD(1)),
    lap_elapsed_ms      Array(Int64) COMMENT 'elapsed time of the laps, ms' CODEC(T64, ZSTD(1)),
    lap_timer_ms        Array(Int64) COMMENT 'timer time of the laps, ms' CODEC(T64, ZSTD(1)),
    lap_distance_cm     Array(Int64) COMMENT 'distance of the laps, cm' CODEC(T64, ZSTD(1)),
    lap_hr_avg          Array(UInt8) COMMENT 'mean heart rate of the laps by the watch, bpm, 0 when not given' CODEC(ZSTD(1)),
    lap_hr_max          Array(UInt8) COMMENT 'highest heart rate of the laps by the watch, bpm, 0 when not given' CODEC(ZSTD(1)),
    lap_zone_ms         Array(Array(Int64)) COMMENT 'time in zones of the laps by the watch, ms' CODEC(T64, ZSTD(1)),
    lap_zone_bounds     Array(Array(UInt8)) COMMENT 'lower bounds of those zones, bpm' CODEC(ZSTD(1)),
    lap_zone_hr         Array(Array(UInt8)) COMMENT 'max, resting and threshold heart rate beside those zones, bpm' CODEC(ZSTD(1)),
    duplicate_of        Nullable(UUID) COMMENT 'the better copy of the same activity, null when this is it' CODEC(ZSTD(1)),
    rules_version       UInt32 COMMENT 'version of the arithmetic' CODEC(T64, ZSTD(1)),
    analyzed_at         DateTime64(3, 'UTC') COMMENT 'when this row was written, UTC' CODEC(Delta, ZSTD(1)),
    version             UInt64 COMMENT 'decoder version, then time of analysis; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/plodwatch/sessions_versions_local', '{replica}', version)
ORDER BY (athlete_id, session_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 512
COMMENT 'every version of every session; query the view sessions';

CREATE TABLE IF NOT EXISTS sessions_versions ON CLUSTER `plod` AS `plodwatch`.sessions_versions_local
ENGINE = Distributed('plod', 'plodwatch', 'sessions_versions_local', cityHash64(athlete_id))
SETTINGS fsync_after_insert = 1, fsync_directories = 1
COMMENT 'every version of every session; query the view sessions';

CREATE TABLE IF NOT EXISTS samples_versions_local ON CLUSTER `plod`
(
    athlete_id     String COMMENT 'athlete' CODEC(LZ4),
    session_id     UUID COMMENT 'session' CODEC(LZ4),
    decode         UInt64 COMMENT 'fingerprint of the set of samples this one belongs to; the row of the session names the one that counts' CODEC(LZ4),
    t              DateTime64(3, 'UTC') COMMENT 'instant, UTC' CODEC(DoubleDelta, LZ4),
    hr             UInt8 COMMENT 'heart rate as recorded, bpm; 0 when missing' CODEC(Delta(1), ZSTD(1)),
    hr_flag        UInt8 COMMENT '0 ok, 1 missing, 2 out of range, 3 spike' CODEC(LZ4),
    speed_mmps     Int32 COMMENT 'speed, mm/s; -2147483648 when missing, as in all columns below' CODEC(T64, LZ4),
    distance_cm    Int32 COMMENT 'distance since the start, cm' CODEC(Delta(4), T64, LZ4),
    altitude_cm    Int32 COMMENT 'altitude above sea level, cm' CODEC(Delta(4), ZSTD(1)),
    cadence_100    Int32 COMMENT 'revolutions or strides a minute, hundredths' CODEC(Delta(4), ZSTD(1)),
    power_w        Int32 COMMENT 'power, W' CODEC(T64, LZ4),
    lat_e7         Int32 COMMENT 'latitude, 1e-7 degrees north' CODEC(Delta(4), T64, LZ4),
    lon_e7         Int32 COMMENT 'longitude, 1e-7 degrees east' CODEC(Delta(4), T64, LZ4),
    temperature_dc Int32 COMMENT 'temperature, tenths of a degree Celsius' CODEC(Delta(4), LZ4),
    INDEX t_range t TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/plodwatch/samples_versions_local', '{replica}')
ORDER BY (athlete_id, session_id, decode, t)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    merge_selector_base = 12, vertical_merge_algorithm_min_columns_to_activate = 1, auto_statistics_types = ''
COMMENT 'every sample ever written; rows with the same key are equal; query the view samples';

CREATE TABLE IF NOT EXISTS samples_versions ON CLUSTER `plod` AS `plodwatch`.samples_versions_local
ENGINE = Distributed('plod', 'plodwatch', 'samples_versions_local', cityHash64(athlete_id))
SETTINGS fsync_after_insert = 1, fsync_directories = 1
COMMENT 'every sample ever written; rows with the same key are equal; query the view samples';

CREATE TABLE IF NOT EXISTS intensity_versions_local ON CLUSTER `plod`
(
    athlete_id          String COMMENT 'athlete' CODEC(ZSTD(1)),
    session_id          UUID COMMENT 'session' CODEC(ZSTD(1)),
    file_sha256         String COMMENT 'export the session came in, SHA-256' CODEC(ZSTD(1)),
    settings_id         String COMMENT 'fingerprint of the settings as used, 16 hexadecimal digits' CODEC(ZSTD(1)),
    settings_from       Nullable(Date32) COMMENT 'first day of the settings used, null when the athlete had none' CODEC(ZSTD(1)),
    settings_version    UInt64 COMMENT 'version of the row of athlete_settings used, 0 when none' CODEC(ZSTD(1)),
    observed_hr_max     Float64 COMMENT 'highest observed heart rate of the athlete up to this session that was taken into account, bpm; 0 when none' CODEC(ZSTD(1)),
    hr_max              Nullable(Float64) COMMENT 'max heart rate used, bpm' CODEC(ZSTD(1)),
    hr_max_source       LowCardinality(String) COMMENT 'setting, file, observed, age_tanaka or none',
    hr_rest             Nullable(Float64) COMMENT 'resting heart rate used, bpm' CODEC(ZSTD(1)),
    hr_rest_source      LowCardinality(String) COMMENT 'setting, file or none',
    zone_model          LowCardinality(String) COMMENT 'hrmax5, hrr5, friel7 or custom',
    zone_bounds         Array(Float64) COMMENT 'lower bounds of zones 1 to n, bpm' CODEC(ZSTD(1)),
    zone_ms             Array(Int64) COMMENT 'ms below zone 1, then in zones 1 to n' CODEC(T64, ZSTD(1)),
    vt1                 Nullable(Float64) COMMENT 'first threshold used, bpm' CODEC(ZSTD(1)),
    vt2                 Nullable(Float64) COMMENT 'second threshold used, bpm' CODEC(ZSTD(1)),
    threshold_source    LowCardinality(String) COMMENT 'setting, lthr, hrmax_percent or none',
    low_ms              Int64 COMMENT 'below vt1, ms' CODEC(T64, ZSTD(1)),
    moderate_ms         Int64 COMMENT 'from vt1 to below vt2, ms' CODEC(T64, ZSTD(1)),
    high_ms             Int64 COMMENT 'at or above vt2, ms' CODEC(T64, ZSTD(1)),
    low_share           Nullable(Float64) COMMENT 'low share of classified time, 0 to 1' CODEC(ZSTD(1)),
    moderate_share      Nullable(Float64) COMMENT 'moderate share of classified time, 0 to 1' CODEC(ZSTD(1)),
    high_share          Nullable(Float64) COMMENT 'high share of classified time, 0 to 1' CODEC(ZSTD(1)),
    meets_80_20         Nullable(Bool) COMMENT 'low share is at least 0.80' CODEC(ZSTD(1)),
    session_class       LowCardinality(String) COMMENT 'easy, moderate, hard or empty',
    label               LowCardinality(String) COMMENT 'shape of the distribution',
    polarization_index  Nullable(Float64) COMMENT 'polarization index (Treff 2019)' CODEC(ZSTD(1)),
    above60_ms          Int64 COMMENT 'at or above 60 percent of max heart rate, ms' CODEC(T64, ZSTD(1)),
    above60_share       Nullable(Float64) COMMENT 'the same as a share of classified time, 0 to 1' CODEC(ZSTD(1)),
    cap_bpm             Nullable(Float64) COMMENT 'return-to-run cap, bpm' CODEC(ZSTD(1)),
    over_cap_ms         Int64 COMMENT 'at or over the cap, ms, first two minutes left out' CODEC(T64, ZSTD(1)),
    longest_over_cap_ms Int64 COMMENT 'longest stretch at or over the cap, ms' CODEC(T64, ZSTD(1)),
    cap_ok              Nullable(Bool) COMMENT 'the cap was kept' CODEC(ZSTD(1)),
    trimp               Nullable(Float64) COMMENT 'TRIMP (Banister)' CODEC(ZSTD(1)),
    edwards             Nullable(Float64) COMMENT 'load by five zones (Edwards)' CODEC(ZSTD(1)),
    lucia               Nullable(Float64) COMMENT 'load by three zones (Lucia)' CODEC(ZSTD(1)),
    efficiency          Nullable(Float64) COMMENT 'speed over heart rate, (m/min)/bpm, steady runs only' CODEC(ZSTD(1)),
    decoupling          Nullable(Float64) COMMENT 'loss of efficiency from first to second half, percent, steady runs only' CODEC(ZSTD(1)),
    watch_delta_share   Nullable(Float64) COMMENT 'sum of differences to the zones of the watch over its total, 0 to 1' CODEC(ZSTD(1)),
    verdict             LowCardinality(String) COMMENT 'ok, or why the figures cannot be trusted',
    rules_version       UInt32 COMMENT 'version of the arithmetic' CODEC(T64, ZSTD(1)),
    analyzed_at         DateTime64(3, 'UTC') COMMENT 'when this row was written, UTC' CODEC(Delta, ZSTD(1)),
    version             UInt64 COMMENT 'decoder version, then time of analysis; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/plodwatch/intensity_versions_local', '{replica}', version)
ORDER BY (athlete_id, session_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 512
COMMENT 'every version of the intensity of every session; query the view intensity';

CREATE TABLE IF NOT EXISTS intensity_versions ON CLUSTER `plod` AS `plodwatch`.intensity_versions_local
ENGINE = Distributed('plod', 'plodwatch', 'intensity_versions_local', cityHash64(athlete_id))
SETTINGS fsync_after_insert = 1, fsync_directories = 1
COMMENT 'every version of the intensity of every session; query the view intensity';

CREATE TABLE IF NOT EXISTS athlete_settings_versions_local ON CLUSTER `plod`
(
    athlete_id    String COMMENT 'athlete' CODEC(ZSTD(1)),
    valid_from    Date32 COMMENT 'first local day these settings hold for' CODEC(Delta, ZSTD(1)),
    hr_max        Float64 COMMENT 'max heart rate, bpm, 0 when not set' CODEC(ZSTD(1)),
    hr_rest       Float64 COMMENT 'resting heart rate, bpm, 0 when not set' CODEC(ZSTD(1)),
    lthr          Float64 COMMENT 'lactate threshold heart rate, bpm, 0 when not set' CODEC(ZSTD(1)),
    vt1           Float64 COMMENT 'first ventilatory threshold, bpm, 0 when not set' CODEC(ZSTD(1)),
    vt2           Float64 COMMENT 'second ventilatory threshold, bpm, 0 when not set' CODEC(ZSTD(1)),
    birth_year    Int32 COMMENT 'year of birth, 0 when not set' CODEC(ZSTD(1)),
    sex           LowCardinality(String) COMMENT 'female, male or empty',
    zone_model    LowCardinality(String) COMMENT 'hrmax5, hrr5, friel7, custom or empty',
    custom_bounds Array(Float64) COMMENT 'lower bounds of the custom zones, bpm' CODEC(ZSTD(1)),
    time_zone     LowCardinality(String) COMMENT 'IANA name or empty',
    version       UInt64 COMMENT 'time of writing; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/plodwatch/athlete_settings_versions_local', '{replica}', version)
ORDER BY (athlete_id, valid_from)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'every version of the dated settings; query the view athlete_settings';

CREATE TABLE IF NOT EXISTS athlete_settings_versions ON CLUSTER `plod` AS `plodwatch`.athlete_settings_versions_local
ENGINE = Distributed('plod', 'plodwatch', 'athlete_settings_versions_local', cityHash64(athlete_id))
SETTINGS fsync_after_insert = 1, fsync_directories = 1
COMMENT 'every version of the dated settings; query the view athlete_settings';

INSERT INTO schema_versions (version, name) VALUES (1, 'tables');

CREATE OR REPLACE VIEW exports ON CLUSTER `plod` ...
FROM exports_versions FINAL
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a file that was taken, and what became of it';

CREATE OR REPLACE VIEW sessions ON CLUSTER `plod` ...
FROM sessions_versions FINAL
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a workout in one sport';

CREATE OR REPLACE VIEW samples ON CLUSTER `plod` ...
FROM samples_versions FINAL
WHERE (athlete_id, session_id, decode) IN (SELECT athlete_id, session_id, decode FROM sessions_versions FINAL)
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is an instant of a session';

CREATE OR REPLACE VIEW athlete_settings ON CLUSTER `plod` ...
FROM athlete_settings_versions FINAL
SETTINGS distributed_product_mode = 'local'
COMMENT 'dated settings of the athletes; a change re-analyses the sessions it covers';

INSERT INTO schema_versions (version, name) VALUES (2, 'views');

ALTER TABLE intensity_versions_local ON CLUSTER `plod`
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

ALTER TABLE intensity_versions ON CLUSTER `plod`
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

ALTER TABLE athlete_settings_versions_local ON CLUSTER `plod`
    ADD COLUMN IF NOT EXISTS threshold_pace Float64 COMMENT 'running pace at the anaerobic threshold, s/km, 0 when not set' CODEC(ZSTD(1));

ALTER TABLE athlete_settings_versions ON CLUSTER `plod`
    ADD COLUMN IF NOT EXISTS threshold_pace Float64 COMMENT 'running pace at the anaerobic threshold, s/km, 0 when not set' CODEC(ZSTD(1));

CREATE TABLE IF NOT EXISTS session_plans_versions_local ON CLUSTER `plod`
(
    athlete_id String COMMENT 'athlete' CODEC(ZSTD(1)),
    day        Date32 COMMENT 'local day of the plan' CODEC(Delta, ZSTD(1)),
    intent     LowCardinality(String) COMMENT 'easy, moderate, hard, race, rest; empty when the plan was withdrawn',
    source     LowCardinality(String) COMMENT 'command, csv or http',
    version    UInt64 COMMENT 'time of writing, Unix ms; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/plodwatch/session_plans_versions_local', '{replica}', version)
ORDER BY (athlete_id, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'every version of what was planned; query the view session_plans';

CREATE TABLE IF NOT EXISTS session_plans_versions ON CLUSTER `plod` AS `plodwatch`.session_plans_versions_local
ENGINE = Distributed('plod', 'plodwatch', 'session_plans_versions_local', cityHash64(athlete_id))
SETTINGS fsync_after_insert = 1, fsync_directories = 1
COMMENT 'every version of what was planned; query the view session_plans';

CREATE TABLE IF NOT EXISTS report_settings_versions_local ON CLUSTER `plod`
(
    athlete_id     String COMMENT 'athlete, empty for everybody who has no row' CODEC(ZSTD(1)),
    week_starts_on UInt8 COMMENT 'first day of the week, 1 = Monday to 7 = Sunday' CODEC(ZSTD(1)),
    version        UInt64 COMMENT 'time of writing, Unix ms; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/plodwatch/report_settings_versions_local', '{replica}', version)
ORDER BY athlete_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'every version of how reports are cut; query the view report_settings';

CREATE TABLE IF NOT EXISTS report_settings_versions ON CLUSTER `plod` AS `plodwatch`.report_settings_versions_local
ENGINE = Distributed('plod', 'plodwatch', 'report_settings_versions_local', cityHash64(athlete_id))
SETTINGS fsync_after_insert = 1, fsync_directories = 1
COMMENT 'every version of how reports are cut; query the view report_settings';

CREATE TABLE IF NOT EXISTS athlete_days_versions_local ON CLUSTER `plod`
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/plodwatch/athlete_days_versions_local', '{replica}', version, is_deleted)
ORDER BY (athlete_id, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 512
COMMENT 'every version of the days of the athletes; query the views load_daily, rolling_intensity and weekly_intensity';

CREATE TABLE IF NOT EXISTS athlete_days_versions ON CLUSTER `plod` AS `plodwatch`.athlete_days_versions_local
ENGINE = Distributed('plod', 'plodwatch', 'athlete_days_versions_local', cityHash64(athlete_id))
SETTINGS fsync_after_insert = 1, fsync_directories = 1
COMMENT 'every version of the days of the athletes; query the views load_daily, rolling_intensity and weekly_intensity';

CREATE TABLE IF NOT EXISTS athlete_spans_versions_local ON CLUSTER `plod`
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/plodwatch/athlete_spans_versions_local', '{replica}', version)
ORDER BY athlete_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 512
COMMENT 'every version of what athlete_days covers: written after the days, so that a row means they are whole';

CREATE TABLE IF NOT EXISTS athlete_spans_versions ON CLUSTER `plod` AS `plodwatch`.athlete_spans_versions_local
ENGINE = Distributed('plod', 'plodwatch', 'athlete_spans_versions_local', cityHash64(athlete_id))
SETTINGS fsync_after_insert = 1, fsync_directories = 1
COMMENT 'every version of what athlete_days covers: written after the days, so that a row means they are whole';

CREATE OR REPLACE VIEW athlete_settings ON CLUSTER `plod` ...
FROM athlete_settings_versions FINAL
SETTINGS distributed_product_mode = 'local'
COMMENT 'dated settings of the athletes; a change re-analyses the sessions it covers';

CREATE OR REPLACE VIEW session_plans ON CLUSTER `plod` ...
FROM session_plans_versions FINAL
WHERE intent != ''
SETTINGS distributed_product_mode = 'local'
COMMENT 'what was planned for a day';

CREATE OR REPLACE VIEW report_settings ON CLUSTER `plod` ...
FROM report_settings_versions FINAL
SETTINGS distributed_product_mode = 'local'
COMMENT 'how reports are cut; weeks start on Monday where nothing is set';

CREATE OR REPLACE VIEW athlete_days ON CLUSTER `plod` ...
FROM athlete_days_versions FINAL
WHERE NOT tail OR day <= toDate32(now('UTC'))
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a calendar day of an athlete, from the first session to 28 days after the last, but not into the future; what the other views are made of';

CREATE OR REPLACE VIEW load_daily ON CLUSTER `plod` ...
FROM athlete_days
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a calendar day of an athlete: training load, from the first session to 28 days after the last, but not into the future';

CREATE OR REPLACE VIEW rolling_intensity ON CLUSTER `plod` ...
FROM athlete_days
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a calendar day of an athlete: intensity of the 28 and of the 7 days that end with it, from summed seconds; verdict_28d is the one to go by';

CREATE OR REPLACE VIEW weekly_intensity ON CLUSTER `plod` ...
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a week of an athlete, from that of the first session to 28 days after the last, but not into the future: intensity from summed seconds, in local days';

CREATE OR REPLACE VIEW easy_day_violations ON CLUSTER `plod` ...
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a session that was meant to be easy and was not';

CREATE OR REPLACE VIEW athlete_weeks ON CLUSTER `plod` ...
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a week of an athlete as a coach looks at it: amount, intensity, discipline and load';

INSERT INTO schema_versions (version, name) VALUES (3, 'periods');

CREATE TABLE IF NOT EXISTS daily_log_versions_local ON CLUSTER `plod`
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/plodwatch/daily_log_versions_local', '{replica}', version)
ORDER BY (athlete_id, day, entry)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'everything written into the daily log; query the view daily_log';

CREATE TABLE IF NOT EXISTS daily_log_versions ON CLUSTER `plod` AS `plodwatch`.daily_log_versions_local
ENGINE = Distributed('plod', 'plodwatch', 'daily_log_versions_local', cityHash64(athlete_id))
SETTINGS fsync_after_insert = 1, fsync_directories = 1
COMMENT 'everything written into the daily log; query the view daily_log';

CREATE TABLE IF NOT EXISTS return_phases_versions ON CLUSTER `plod`
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/all/plodwatch/return_phases_versions', '{shard}-{replica}', version)
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

CREATE TABLE IF NOT EXISTS returns_versions_local ON CLUSTER `plod`
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/plodwatch/returns_versions_local', '{replica}', version)
ORDER BY (athlete_id, from_day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'every version of the starts and ends of returns to running; query the view returns';

CREATE TABLE IF NOT EXISTS returns_versions ON CLUSTER `plod` AS `plodwatch`.returns_versions_local
ENGINE = Distributed('plod', 'plodwatch', 'returns_versions_local', cityHash64(athlete_id))
SETTINGS fsync_after_insert = 1, fsync_directories = 1
COMMENT 'every version of the starts and ends of returns to running; query the view returns';

CREATE TABLE IF NOT EXISTS announced_warnings_local ON CLUSTER `plod`
(
    athlete_id   String COMMENT 'athlete' CODEC(ZSTD(1)),
    day          Date32 COMMENT 'local day of the warning' CODEC(Delta, ZSTD(1)),
    signal       LowCardinality(String) COMMENT 'its signal',
    announced_at DateTime64(3, 'UTC') COMMENT 'when it was announced to listeners, UTC' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/plodwatch/announced_warnings_local', '{replica}', announced_at)
ORDER BY (athlete_id, day, signal)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'warnings that listeners have been told of, so that they are told once';

CREATE TABLE IF NOT EXISTS announced_warnings ON CLUSTER `plod` AS `plodwatch`.announced_warnings_local
ENGINE = Distributed('plod', 'plodwatch', 'announced_warnings_local', cityHash64(athlete_id))
SETTINGS fsync_after_insert = 1, fsync_directories = 1
COMMENT 'warnings that listeners have been told of, so that they are told once';

CREATE TABLE IF NOT EXISTS announced_marks ON CLUSTER `plod`
(
    kind    LowCardinality(String) COMMENT 'session or export' CODEC(ZSTD(1)),
    until   DateTime64(3, 'UTC') COMMENT 'what was analyzed up to here has been announced, UTC' CODEC(Delta, ZSTD(1)),
    version UInt64 COMMENT 'time of writing, Unix us; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/all/plodwatch/announced_marks', '{shard}-{replica}', version)
ORDER BY kind
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'how far sessions and exports have been announced to listeners';

CREATE TABLE IF NOT EXISTS signal_days_versions_local ON CLUSTER `plod`
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/plodwatch/signal_days_versions_local', '{replica}', version, is_deleted)
ORDER BY (athlete_id, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'every version of the signs of decline by day; query the view signal_days';

CREATE TABLE IF NOT EXISTS signal_days_versions ON CLUSTER `plod` AS `plodwatch`.signal_days_versions_local
ENGINE = Distributed('plod', 'plodwatch', 'signal_days_versions_local', cityHash64(athlete_id))
SETTINGS fsync_after_insert = 1, fsync_directories = 1
COMMENT 'every version of the signs of decline by day; query the view signal_days';

CREATE TABLE IF NOT EXISTS warnings_versions_local ON CLUSTER `plod`
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/plodwatch/warnings_versions_local', '{replica}', version, is_deleted)
ORDER BY (athlete_id, day, signal)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'every version of the warnings; query the view warnings';

CREATE TABLE IF NOT EXISTS warnings_versions ON CLUSTER `plod` AS `plodwatch`.warnings_versions_local
ENGINE = Distributed('plod', 'plodwatch', 'warnings_versions_local', cityHash64(athlete_id))
SETTINGS fsync_after_insert = 1, fsync_directories = 1
COMMENT 'every version of the warnings; query the view warnings';

CREATE TABLE IF NOT EXISTS signal_spans_versions_local ON CLUSTER `plod`
(
    athlete_id    String COMMENT 'athlete' CODEC(ZSTD(1)),
    inputs        UInt64 COMMENT 'fingerprint of the sessions and the log that signal_days was made from' CODEC(ZSTD(1)),
    rules_version UInt32 COMMENT 'version of the rules it was made by' CODEC(ZSTD(1)),
    version       UInt64 COMMENT 'time of writing, Unix us; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/plodwatch/signal_spans_versions_local', '{replica}', version)
ORDER BY athlete_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'what signal_days and warnings were made from: written after them, so that a row means they are whole';

CREATE TABLE IF NOT EXISTS signal_spans_versions ON CLUSTER `plod` AS `plodwatch`.signal_spans_versions_local
ENGINE = Distributed('plod', 'plodwatch', 'signal_spans_versions_local', cityHash64(athlete_id))
SETTINGS fsync_after_insert = 1, fsync_directories = 1
COMMENT 'what signal_days and warnings were made from: written after them, so that a row means they are whole';

CREATE OR REPLACE VIEW log_days ON CLUSTER `plod` ...
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a day of an athlete with something in the log, or with a resting heart rate in a file';

CREATE OR REPLACE VIEW signal_days ON CLUSTER `plod` ...
FROM signal_days_versions FINAL
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a calendar day of an athlete, from the first with a session or an entry in the log to the last: the signs of decline up to it';

CREATE OR REPLACE VIEW warnings ON CLUSTER `plod` ...
FROM warnings_versions FINAL
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a signal of an athlete that is adverse on a day: a pattern to look at, not a diagnosis';

CREATE OR REPLACE VIEW daily_log ON CLUSTER `plod` ...
FROM log_days AS l
LEFT JOIN signal_days AS d ON d.athlete_id = l.athlete_id AND d.day = l.day
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a day of an athlete with something in the log or a resting heart rate in a file, beside the baselines';

CREATE OR REPLACE VIEW return_phases ON CLUSTER `plod` ...
FROM return_phases_versions FINAL
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a phase of a protocol for a return to running; plodwatch return-to-run protocol import puts others in';

CREATE OR REPLACE VIEW returns ON CLUSTER `plod` ...
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a phase of a return to running: from when to when, by which protocol, against which volume before';

INSERT INTO schema_versions (version, name) VALUES (4, 'signs');

ALTER TABLE athlete_spans_versions_local ON CLUSTER `plod`
    ADD COLUMN IF NOT EXISTS candidate_session_id Array(UUID) COMMENT 'sessions in which the heart rate rose above the max heart rate they were judged by, by start; see hr_max_candidates',
    ADD COLUMN IF NOT EXISTS candidate_day Array(Date32) COMMENT 'local day of each',
    ADD COLUMN IF NOT EXISTS candidate_sport Array(LowCardinality(String)) COMMENT 'sport of each',
    ADD COLUMN IF NOT EXISTS candidate_observed Array(Float64) COMMENT 'highest 5 s mean of clean heart rate of each, bpm',
    ADD COLUMN IF NOT EXISTS candidate_used Array(Nullable(Float64)) COMMENT 'max heart rate each was judged by, bpm',
    ADD COLUMN IF NOT EXISTS candidate_source Array(LowCardinality(String)) COMMENT 'where that comes from',
    ADD COLUMN IF NOT EXISTS candidate_doubtful Array(Bool) COMMENT 'heart rate stands still or follows the steps in it',
    ADD COLUMN IF NOT EXISTS candidate_supported_by Array(UInt64) COMMENT 'other sessions of the athlete within 3 bpm of it or above';

ALTER TABLE athlete_spans_versions ON CLUSTER `plod`
    ADD COLUMN IF NOT EXISTS candidate_session_id Array(UUID) COMMENT 'sessions in which the heart rate rose above the max heart rate they were judged by, by start; see hr_max_candidates',
    ADD COLUMN IF NOT EXISTS candidate_day Array(Date32) COMMENT 'local day of each',
    ADD COLUMN IF NOT EXISTS candidate_sport Array(LowCardinality(String)) COMMENT 'sport of each',
    ADD COLUMN IF NOT EXISTS candidate_observed Array(Float64) COMMENT 'highest 5 s mean of clean heart rate of each, bpm',
    ADD COLUMN IF NOT EXISTS candidate_used Array(Nullable(Float64)) COMMENT 'max heart rate each was judged by, bpm',
    ADD COLUMN IF NOT EXISTS candidate_source Array(LowCardinality(String)) COMMENT 'where that comes from',
    ADD COLUMN IF NOT EXISTS candidate_doubtful Array(Bool) COMMENT 'heart rate stands still or follows the steps in it',
    ADD COLUMN IF NOT EXISTS candidate_supported_by Array(UInt64) COMMENT 'other sessions of the athlete within 3 bpm of it or above';

CREATE OR REPLACE VIEW intensity ON CLUSTER `plod` ...
FROM intensity_versions AS i FINAL
WHERE (i.athlete_id, i.session_id) IN (SELECT athlete_id, session_id FROM sessions_versions)
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is the intensity of a session under the settings valid on its day';

CREATE OR REPLACE VIEW hr_max_candidates ON CLUSTER `plod` ...
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a session in which the heart rate rose above the max heart rate that it was judged by: proposed, never applied';

CREATE OR REPLACE VIEW return_to_run_sessions ON CLUSTER `plod` ...
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a session during a return to running, judged by the phase it falls into';

CREATE OR REPLACE VIEW return_to_run ON CLUSTER `plod` ...
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a week of a return to running, judged by its phase, with what the next week allows';

CREATE OR REPLACE VIEW athlete_now ON CLUSTER `plod` ...
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is an athlete as of today; what who_needs_a_call is made of';

CREATE OR REPLACE VIEW who_needs_a_call ON CLUSTER `plod` ...
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is an athlete: whether the coach should call, and why';

INSERT INTO schema_versions (version, name) VALUES (5, 'quicker');

ALTER TABLE sessions_versions_local ON CLUSTER `plod`
    ADD COLUMN IF NOT EXISTS duplicate_reason LowCardinality(String) COMMENT 'why it is a copy; empty when it is none' AFTER duplicate_of,
    ADD COLUMN IF NOT EXISTS duplicate_confidence Float32 COMMENT 'how sure that is, 0 to 1' AFTER duplicate_reason;

ALTER TABLE sessions_versions ON CLUSTER `plod`
    ADD COLUMN IF NOT EXISTS duplicate_reason LowCardinality(String) COMMENT 'why it is a copy; empty when it is none' AFTER duplicate_of,
    ADD COLUMN IF NOT EXISTS duplicate_confidence Float32 COMMENT 'how sure that is, 0 to 1' AFTER duplicate_reason;

CREATE TABLE IF NOT EXISTS duplicate_choices_versions_local ON CLUSTER `plod`
(
    athlete_id String COMMENT 'athlete' CODEC(ZSTD(1)),
    session_id UUID COMMENT 'session' CODEC(ZSTD(1)),
    choice     LowCardinality(String) COMMENT 'keep: counts; drop: does not count; empty: as the rules say',
    of         UUID COMMENT 'with drop: of which session it is a copy; zeros: of the one the rules find' CODEC(ZSTD(1)),
    version    UInt64 COMMENT 'time of writing, Unix ms; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/plodwatch/duplicate_choices_versions_local', '{replica}', version)
ORDER BY (athlete_id, session_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'what people said about copies; query the view duplicates';

CREATE TABLE IF NOT EXISTS duplicate_choices_versions ON CLUSTER `plod` AS `plodwatch`.duplicate_choices_versions_local
ENGINE = Distributed('plod', 'plodwatch', 'duplicate_choices_versions_local', cityHash64(athlete_id))
SETTINGS fsync_after_insert = 1, fsync_directories = 1
COMMENT 'what people said about copies; query the view duplicates';

CREATE OR REPLACE VIEW sessions_and_copies ON CLUSTER `plod` ...
FROM sessions_versions FINAL
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a workout in one sport, as one file tells it; copies of the same activity have duplicate_of';

CREATE OR REPLACE VIEW sessions ON CLUSTER `plod` ...
FROM sessions_and_copies
WHERE isNull(duplicate_of)
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a workout in one sport; of copies of the same activity only the best one';

CREATE OR REPLACE VIEW intensity_and_copies ON CLUSTER `plod` ...
FROM intensity_versions AS i FINAL
WHERE (i.athlete_id, i.session_id) IN (SELECT athlete_id, session_id FROM sessions_versions)
SETTINGS distributed_product_mode = 'local'
COMMENT 'copies of the same activity included: a row is the intensity of a session under the settings valid on its day';

CREATE OR REPLACE VIEW intensity ON CLUSTER `plod` ...
FROM intensity_versions AS i FINAL
WHERE (i.athlete_id, i.session_id) IN (SELECT athlete_id, session_id FROM sessions_versions FINAL WHERE isNull(duplicate_of))
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is the intensity of a session under the settings valid on its day';

CREATE OR REPLACE VIEW samples_and_copies ON CLUSTER `plod` ...
FROM samples_versions FINAL
WHERE (athlete_id, session_id, decode) IN (SELECT athlete_id, session_id, decode FROM sessions_versions FINAL)
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is an instant of a session; copies of the same activity included';

CREATE OR REPLACE VIEW samples ON CLUSTER `plod` ...
FROM samples_versions FINAL
WHERE (athlete_id, session_id, decode) IN (SELECT athlete_id, session_id, decode FROM sessions_versions FINAL WHERE isNull(duplicate_of))
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is an instant of a session; copies of the same activity are left out';

CREATE OR REPLACE VIEW duplicates ON CLUSTER `plod` ...
FROM sessions_versions FINAL
WHERE isNotNull(sessions_versions.duplicate_of)
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a session that does not count because another file tells the same activity better';

INSERT INTO schema_versions (version, name) VALUES (6, 'duplicates');

CREATE TABLE IF NOT EXISTS return_spans_versions_local ON CLUSTER `plod`
(
    athlete_id    String COMMENT 'athlete' CODEC(ZSTD(1)),
    phases        Array(Tuple(from_day Date32, to_day Nullable(Date32), return_from Date32, protocol LowCardinality(String), phase UInt8, baseline_km Nullable(Float64), baseline_minutes Nullable(Float64), baseline_source String, volume_unit String)) COMMENT 'rows of the view returns' CODEC(ZSTD(1)),
    sessions      Array(Tuple(session_id UUID, day Date32, started_at DateTime64(3, 'UTC'), protocol LowCardinality(String), phase UInt8, phase_from Date32, week UInt16, sport LowCardinality(String), minutes Float64, km Nullable(Float64), classified_s Float64, cap_bpm Nullable(Float64), over_cap_s Nullable(Float64), longest_over_cap_s Nullable(Float64), cap_ok Nullable(Bool), hard_s Nullable(Float64), hard Bool, rpe Nullable(Float32), outcome String, reason String)) COMMENT 'rows of the view return_to_run_sessions' CODEC(ZSTD(1)),
    weeks         Array(Tuple(protocol LowCardinality(String), phase UInt8, phase_name String, week UInt16, week_from Date32, week_to Date32, sessions UInt64, days UInt64, days_allowed UInt8, minutes Float64, km Nullable(Float64), baseline_minutes Nullable(Float64), baseline_km Nullable(Float64), baseline_source String, volume_unit String, volume_pct Nullable(Float64), volume_to_pct Nullable(Float64), cap_bpm Nullable(Float64), over_cap_s Nullable(Float64), longest_over_cap_s Nullable(Float64), under_cap_share Nullable(Float64), sessions_over_cap UInt64, sessions_unknown UInt64, hard_s Nullable(Float64), hard_share Nullable(Float64), hard_sessions UInt64, hard_sessions_allowed UInt8, outcome String, reasons Array(String), not_judged Array(String), next_week String)) COMMENT 'rows of the view return_to_run, also of weeks to come while no end is set' CODEC(ZSTD(1)),
    inputs        UInt64 COMMENT 'fingerprint of the sessions, returns, protocols and the month it was made from' CODEC(ZSTD(1)),
    rules_version UInt32 COMMENT 'version of the rules it was made by' CODEC(ZSTD(1)),
    version       UInt64 COMMENT 'time of writing, Unix us; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/plodwatch/return_spans_versions_local', '{replica}', version)
ORDER BY athlete_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'every version of the phases, weeks and sessions of returns to running; query the views returns, return_to_run and return_to_run_sessions';

CREATE TABLE IF NOT EXISTS return_spans_versions ON CLUSTER `plod` AS `plodwatch`.return_spans_versions_local
ENGINE = Distributed('plod', 'plodwatch', 'return_spans_versions_local', cityHash64(athlete_id))
SETTINGS fsync_after_insert = 1, fsync_directories = 1
COMMENT 'every version of the phases, weeks and sessions of returns to running; query the views returns, return_to_run and return_to_run_sessions';

CREATE OR REPLACE VIEW returns ON CLUSTER `plod` ...
FROM return_spans_versions FINAL
ARRAY JOIN phases AS p
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a phase of a return to running: from when to when, by which protocol, against which volume before';

CREATE OR REPLACE VIEW return_to_run_sessions ON CLUSTER `plod` ...
FROM return_spans_versions FINAL
ARRAY JOIN sessions AS s
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a session during a return to running, judged by the phase it falls into';

CREATE OR REPLACE VIEW return_to_run ON CLUSTER `plod` ...
FROM return_spans_versions FINAL
ARRAY JOIN weeks AS w
WHERE w.week_from <= toDate32(now('UTC'))
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a week of a return to running, judged by its phase, with what the next week allows';

CREATE OR REPLACE VIEW samples_and_copies ON CLUSTER `plod` ...
FROM samples_versions AS x FINAL
WHERE (x.athlete_id, x.session_id, x.decode) IN (SELECT athlete_id, session_id, decode FROM sessions_versions FINAL)
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is an instant of a session; copies of the same activity included';

CREATE OR REPLACE VIEW samples ON CLUSTER `plod` ...
FROM samples_versions AS x FINAL
WHERE (x.athlete_id, x.session_id, x.decode) IN (SELECT athlete_id, session_id, decode FROM sessions_versions FINAL WHERE isNull(duplicate_of))
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is an instant of a session; copies of the same activity are left out';

INSERT INTO schema_versions (version, name) VALUES (7, 'quicker_again');

ALTER TABLE sessions_versions_local ON CLUSTER `plod`
    MODIFY SETTING min_bytes_for_wide_part = 2147483648, enable_vertical_merge_algorithm = 0;

ALTER TABLE intensity_versions_local ON CLUSTER `plod`
    MODIFY SETTING min_bytes_for_wide_part = 2147483648, enable_vertical_merge_algorithm = 0;

ALTER TABLE athlete_days_versions_local ON CLUSTER `plod`
    MODIFY SETTING min_bytes_for_wide_part = 2147483648, enable_vertical_merge_algorithm = 0;

ALTER TABLE signal_days_versions_local ON CLUSTER `plod`
    MODIFY SETTING min_bytes_for_wide_part = 2147483648, enable_vertical_merge_algorithm = 0;

ALTER TABLE warnings_versions_local ON CLUSTER `plod`
    MODIFY COLUMN pattern LowCardinality(String) COMMENT 'what was seen, in words' CODEC(ZSTD(1)),
    MODIFY COLUMN inputs Map(LowCardinality(String), Float64) COMMENT 'the other figures it was made from, by name' CODEC(ZSTD(1)),
    MODIFY COLUMN missing Array(LowCardinality(String)) COMMENT 'what could not be looked at, in words' CODEC(ZSTD(1));

ALTER TABLE warnings_versions ON CLUSTER `plod`
    MODIFY COLUMN pattern LowCardinality(String) COMMENT 'what was seen, in words' CODEC(ZSTD(1)),
    MODIFY COLUMN inputs Map(LowCardinality(String), Float64) COMMENT 'the other figures it was made from, by name' CODEC(ZSTD(1)),
    MODIFY COLUMN missing Array(LowCardinality(String)) COMMENT 'what could not be looked at, in words' CODEC(ZSTD(1));

CREATE OR REPLACE VIEW warnings ON CLUSTER `plod` ...
FROM warnings_versions FINAL
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a signal of an athlete that is adverse on a day: a pattern to look at, not a diagnosis';

CREATE OR REPLACE VIEW sessions ON CLUSTER `plod` ...
FROM sessions_versions FINAL
WHERE isNull(duplicate_of)
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a workout in one sport; of copies of the same activity only the best one';

CREATE OR REPLACE VIEW athlete_weeks ON CLUSTER `plod` ...
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is a week of an athlete as a coach looks at it: amount, intensity, discipline and load';

CREATE OR REPLACE VIEW who_needs_a_call ON CLUSTER `plod` ...
SETTINGS join_use_nulls = 0, distributed_product_mode = 'local'
COMMENT 'a row is an athlete: whether the coach should call, and why';

CREATE OR REPLACE VIEW athlete_now ON CLUSTER `plod` ...
FROM who_needs_a_call
SETTINGS distributed_product_mode = 'local'
COMMENT 'a row is an athlete as of today; the figures of who_needs_a_call without its judgement';

CREATE OR REPLACE VIEW daily_log ON CLUSTER `plod` ...
FROM log_days AS l
LEFT JOIN signal_days AS d ON d.athlete_id = l.athlete_id AND d.day = l.day
SETTINGS join_use_nulls = 0, distributed_product_mode = 'local'
COMMENT 'a row is a day of an athlete with something in the log or a resting heart rate in a file, beside the baselines';

INSERT INTO schema_versions (version, name) VALUES (8, 'quicker_for_one');

