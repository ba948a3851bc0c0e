-- Physical tables. Each keeps every version of a row that was ever written;
-- the row with the highest version counts, and the views of 0002 show only it.
-- A statement ends with a semicolon at the end of a line.

CREATE TABLE IF NOT EXISTS exports_versions
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
ENGINE = ReplacingMergeTree(version)
ORDER BY (athlete_id, export_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'every version of every export; query the view exports';

CREATE TABLE IF NOT EXISTS sessions_versions
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
ENGINE = ReplacingMergeTree(version)
ORDER BY (athlete_id, session_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 512
COMMENT 'every version of every session; query the view sessions';

CREATE TABLE IF NOT EXISTS samples_versions
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
ENGINE = ReplacingMergeTree
ORDER BY (athlete_id, session_id, decode, t)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    merge_selector_base = 12, vertical_merge_algorithm_min_columns_to_activate = 1, auto_statistics_types = ''
COMMENT 'every sample ever written; rows with the same key are equal; query the view samples';

CREATE TABLE IF NOT EXISTS intensity_versions
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
ENGINE = ReplacingMergeTree(version)
ORDER BY (athlete_id, session_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 512
COMMENT 'every version of the intensity of every session; query the view intensity';

CREATE TABLE IF NOT EXISTS athlete_settings_versions
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
ENGINE = ReplacingMergeTree(version)
ORDER BY (athlete_id, valid_from)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'every version of the dated settings; query the view athlete_settings';
