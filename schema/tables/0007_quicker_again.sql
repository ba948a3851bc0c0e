-- What people ask of returns to running is stored, an athlete a row; the store makes it (analyze/store/returns.sql). Samples are joined
-- with their sessions, so that filters reach both.

CREATE TABLE IF NOT EXISTS return_spans_versions
(
    athlete_id    String COMMENT 'athlete' CODEC(ZSTD(1)),
    phases        Array(Tuple(from_day Date32, to_day Nullable(Date32), return_from Date32, protocol LowCardinality(String), phase UInt8, baseline_km Nullable(Float64), baseline_minutes Nullable(Float64), baseline_source String, volume_unit String)) COMMENT 'rows of the view returns' CODEC(ZSTD(1)),
    sessions      Array(Tuple(session_id UUID, day Date32, started_at DateTime64(3, 'UTC'), protocol LowCardinality(String), phase UInt8, phase_from Date32, week UInt16, sport LowCardinality(String), minutes Float64, km Nullable(Float64), classified_s Float64, cap_bpm Nullable(Float64), over_cap_s Nullable(Float64), longest_over_cap_s Nullable(Float64), cap_ok Nullable(Bool), hard_s Nullable(Float64), hard Bool, rpe Nullable(Float32), outcome String, reason String)) COMMENT 'rows of the view return_to_run_sessions' CODEC(ZSTD(1)),
    weeks         Array(Tuple(protocol LowCardinality(String), phase UInt8, phase_name String, week UInt16, week_from Date32, week_to Date32, sessions UInt64, days UInt64, days_allowed UInt8, minutes Float64, km Nullable(Float64), baseline_minutes Nullable(Float64), baseline_km Nullable(Float64), baseline_source String, volume_unit String, volume_pct Nullable(Float64), volume_to_pct Nullable(Float64), cap_bpm Nullable(Float64), over_cap_s Nullable(Float64), longest_over_cap_s Nullable(Float64), under_cap_share Nullable(Float64), sessions_over_cap UInt64, sessions_unknown UInt64, hard_s Nullable(Float64), hard_share Nullable(Float64), hard_sessions UInt64, hard_sessions_allowed UInt8, outcome String, reasons Array(String), not_judged Array(String), next_week String)) COMMENT 'rows of the view return_to_run, also of weeks to come while no end is set' CODEC(ZSTD(1)),
    inputs        UInt64 COMMENT 'fingerprint of the sessions, returns, protocols and the month it was made from' CODEC(ZSTD(1)),
    rules_version UInt32 COMMENT 'version of the rules it was made by' CODEC(ZSTD(1)),
    version       UInt64 COMMENT 'time of writing, Unix us; the highest counts' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY athlete_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'every version of the phases, weeks and sessions of returns to running; query the views returns, return_to_run and return_to_run_sessions';

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
    athlete_id,
    p.from_day AS from_day,
    p.to_day AS to_day,
    p.return_from AS return_from,
    p.protocol AS protocol,
    p.phase AS phase,
    p.baseline_km AS baseline_km,
    p.baseline_minutes AS baseline_minutes,
    p.baseline_source AS baseline_source,
    p.volume_unit AS volume_unit
FROM return_spans_versions FINAL
ARRAY JOIN phases AS p
COMMENT 'a row is a phase of a return to running: from when to when, by which protocol, against which volume before';

CREATE OR REPLACE VIEW return_to_run_sessions
(
    athlete_id         String COMMENT 'athlete',
    session_id         UUID COMMENT 'session',
    day                Date32 COMMENT 'local day',
    started_at         DateTime64(3, 'UTC') COMMENT 'start, UTC',
    protocol           LowCardinality(String) COMMENT 'protocol',
    phase              UInt8 COMMENT 'phase of the protocol',
    phase_from         Date32 COMMENT 'first local day of the phase',
    week               UInt16 COMMENT 'week of the phase, from 1; weeks begin on the weekday of phase_from',
    sport              LowCardinality(String) COMMENT 'sport',
    minutes            Float64 COMMENT 'timer running, minutes',
    km                 Nullable(Float64) COMMENT 'distance, km',
    classified_s       Float64 COMMENT 'heart rate that counts, s',
    cap_bpm            Nullable(Float64) COMMENT 'cap: the lower of 120 bpm and 60 percent of max heart rate, bpm',
    over_cap_s         Nullable(Float64) COMMENT 'at or over the cap, s, first two minutes left out',
    longest_over_cap_s Nullable(Float64) COMMENT 'longest stretch at or over the cap, s',
    cap_ok             Nullable(Bool) COMMENT 'over the cap for at most 60 s or 2 percent of the time',
    hard_s             Nullable(Float64) COMMENT 'hard time: at or above vt1, s',
    hard               Bool COMMENT 'a hard session: class hard, 5 min or more of hard time, or an exertion of hard time (7 where the protocol does not say)',
    rpe                Nullable(Float32) COMMENT 'perceived exertion 0 to 10',
    outcome            String COMMENT 'pass, amber or fail',
    reason             String COMMENT 'why it is not pass'
)
AS SELECT
    athlete_id,
    s.session_id AS session_id,
    s.day AS day,
    s.started_at AS started_at,
    s.protocol AS protocol,
    s.phase AS phase,
    s.phase_from AS phase_from,
    s.week AS week,
    s.sport AS sport,
    s.minutes AS minutes,
    s.km AS km,
    s.classified_s AS classified_s,
    s.cap_bpm AS cap_bpm,
    s.over_cap_s AS over_cap_s,
    s.longest_over_cap_s AS longest_over_cap_s,
    s.cap_ok AS cap_ok,
    s.hard_s AS hard_s,
    s.hard AS hard,
    s.rpe AS rpe,
    s.outcome AS outcome,
    s.reason AS reason
FROM return_spans_versions FINAL
ARRAY JOIN sessions AS s
COMMENT 'a row is a session during a return to running, judged by the phase it falls into';

CREATE OR REPLACE VIEW return_to_run
(
    athlete_id            String COMMENT 'athlete',
    protocol              LowCardinality(String) COMMENT 'protocol',
    phase                 UInt8 COMMENT 'phase of the protocol',
    phase_name            String COMMENT 'its name',
    week                  UInt16 COMMENT 'week of the phase, from 1',
    week_from             Date32 COMMENT 'first local day of the week',
    week_to               Date32 COMMENT 'last local day of the week, or of the phase',
    complete              Bool COMMENT 'the week is over (by UTC)',
    sessions              UInt64 COMMENT 'sessions',
    days                  UInt64 COMMENT 'days with a session',
    days_allowed          UInt8 COMMENT 'most days with a session',
    minutes               Float64 COMMENT 'timer running, minutes',
    km                    Nullable(Float64) COMMENT 'distance of the runs, km; null when none has one',
    baseline_minutes      Nullable(Float64) COMMENT 'volume before, minutes of training a week',
    baseline_km           Nullable(Float64) COMMENT 'volume before, km of running a week',
    baseline_source       String COMMENT 'set, computed (12 weeks before the return) or none',
    volume_unit           String COMMENT 'what volume_pct is made of: minutes or km; empty without a baseline',
    volume_pct            Nullable(Float64) COMMENT 'volume as percent of the volume before',
    volume_to_pct         Nullable(Float64) COMMENT 'most that the phase allows, percent; null when it does not say',
    cap_bpm               Nullable(Float64) COMMENT 'cap of the last session with one, bpm',
    over_cap_s            Nullable(Float64) COMMENT 'at or over the cap, s; null when no session tells',
    longest_over_cap_s    Nullable(Float64) COMMENT 'longest stretch at or over the cap, s',
    under_cap_share       Nullable(Float64) COMMENT 'share of the heart rate time under the cap, 0 to 1',
    sessions_over_cap     UInt64 COMMENT 'sessions that did not keep the cap',
    sessions_unknown      UInt64 COMMENT 'sessions of which nobody knows',
    hard_s                Nullable(Float64) COMMENT 'hard time, s; null when no session tells',
    hard_share            Nullable(Float64) COMMENT 'hard time as a share of the heart rate time, 0 to 1',
    hard_sessions         UInt64 COMMENT 'hard sessions',
    hard_sessions_allowed UInt8 COMMENT 'most hard sessions in this week of the phase',
    outcome               String COMMENT 'pass, amber or fail',
    reasons               Array(String) COMMENT 'why it is not pass',
    not_judged            Array(String) COMMENT 'what could not be judged, and why',
    next_week             String COMMENT 'what the next week allows'
)
AS SELECT
    athlete_id,
    w.protocol AS protocol,
    w.phase AS phase,
    w.phase_name AS phase_name,
    w.week AS week,
    w.week_from AS week_from,
    w.week_to AS week_to,
    CAST(w.week_to < toDate32(now('UTC')), 'Bool') AS complete,
    w.sessions AS sessions,
    w.days AS days,
    w.days_allowed AS days_allowed,
    w.minutes AS minutes,
    w.km AS km,
    w.baseline_minutes AS baseline_minutes,
    w.baseline_km AS baseline_km,
    w.baseline_source AS baseline_source,
    w.volume_unit AS volume_unit,
    w.volume_pct AS volume_pct,
    w.volume_to_pct AS volume_to_pct,
    w.cap_bpm AS cap_bpm,
    w.over_cap_s AS over_cap_s,
    w.longest_over_cap_s AS longest_over_cap_s,
    w.under_cap_share AS under_cap_share,
    w.sessions_over_cap AS sessions_over_cap,
    w.sessions_unknown AS sessions_unknown,
    w.hard_s AS hard_s,
    w.hard_share AS hard_share,
    w.hard_sessions AS hard_sessions,
    w.hard_sessions_allowed AS hard_sessions_allowed,
    w.outcome AS outcome,
    w.reasons AS reasons,
    w.not_judged AS not_judged,
    w.next_week AS next_week
FROM return_spans_versions FINAL
ARRAY JOIN weeks AS w
WHERE w.week_from <= toDate32(now('UTC'))
COMMENT 'a row is a week of a return to running, judged by its phase, with what the next week allows';

CREATE OR REPLACE VIEW samples_and_copies
(
    athlete_id    String COMMENT 'athlete',
    session_id    UUID COMMENT 'session',
    t             DateTime64(3, 'UTC') COMMENT 'instant, UTC',
    hr            Nullable(UInt8) COMMENT 'heart rate as recorded, bpm; see hr_flag',
    hr_flag       Enum8('ok' = 0, 'missing' = 1, 'out_of_range' = 2, 'spike' = 3) COMMENT 'quality of the heart rate; only ok counts in the figures',
    speed_mps     Nullable(Float64) COMMENT 'speed, m/s',
    distance_m    Nullable(Float64) COMMENT 'distance since the start, m',
    altitude_m    Nullable(Float64) COMMENT 'altitude above sea level, m',
    cadence       Nullable(Float64) COMMENT 'revolutions (cycling) or strides (running: two steps) a minute, as recorded',
    power_w       Nullable(Int32) COMMENT 'power, W',
    lat           Nullable(Float64) COMMENT 'latitude, degrees north',
    lon           Nullable(Float64) COMMENT 'longitude, degrees east',
    temperature_c Nullable(Float64) COMMENT 'temperature, degrees Celsius'
)
AS SELECT
    x.athlete_id AS athlete_id,
    x.session_id AS session_id,
    t,
    nullIf(hr, 0) AS hr,
    CAST(hr_flag, 'Enum8(\'ok\' = 0, \'missing\' = 1, \'out_of_range\' = 2, \'spike\' = 3)') AS hr_flag,
    nullIf(speed_mmps, -2147483648) / 1000 AS speed_mps,
    nullIf(distance_cm, -2147483648) / 100 AS distance_m,
    nullIf(altitude_cm, -2147483648) / 100 AS altitude_m,
    nullIf(cadence_100, -2147483648) / 100 AS cadence,
    nullIf(power_w, -2147483648) AS power_w,
    nullIf(lat_e7, -2147483648) / 1e7 AS lat,
    nullIf(lon_e7, -2147483648) / 1e7 AS lon,
    nullIf(temperature_dc, -2147483648) / 10 AS temperature_c
FROM samples_versions AS x FINAL
SEMI LEFT JOIN (SELECT athlete_id, session_id, decode FROM sessions_versions FINAL) AS s
    ON s.athlete_id = x.athlete_id AND s.session_id = x.session_id AND s.decode = x.decode
COMMENT 'a row is an instant of a session; copies of the same activity included';

CREATE OR REPLACE VIEW samples
(
    athlete_id    String COMMENT 'athlete',
    session_id    UUID COMMENT 'session',
    t             DateTime64(3, 'UTC') COMMENT 'instant, UTC',
    hr            Nullable(UInt8) COMMENT 'heart rate as recorded, bpm; see hr_flag',
    hr_flag       Enum8('ok' = 0, 'missing' = 1, 'out_of_range' = 2, 'spike' = 3) COMMENT 'quality of the heart rate; only ok counts in the figures',
    speed_mps     Nullable(Float64) COMMENT 'speed, m/s',
    distance_m    Nullable(Float64) COMMENT 'distance since the start, m',
    altitude_m    Nullable(Float64) COMMENT 'altitude above sea level, m',
    cadence       Nullable(Float64) COMMENT 'revolutions (cycling) or strides (running: two steps) a minute, as recorded',
    power_w       Nullable(Int32) COMMENT 'power, W',
    lat           Nullable(Float64) COMMENT 'latitude, degrees north',
    lon           Nullable(Float64) COMMENT 'longitude, degrees east',
    temperature_c Nullable(Float64) COMMENT 'temperature, degrees Celsius'
)
AS SELECT
    x.athlete_id AS athlete_id,
    x.session_id AS session_id,
    t,
    nullIf(hr, 0) AS hr,
    CAST(hr_flag, 'Enum8(\'ok\' = 0, \'missing\' = 1, \'out_of_range\' = 2, \'spike\' = 3)') AS hr_flag,
    nullIf(speed_mmps, -2147483648) / 1000 AS speed_mps,
    nullIf(distance_cm, -2147483648) / 100 AS distance_m,
    nullIf(altitude_cm, -2147483648) / 100 AS altitude_m,
    nullIf(cadence_100, -2147483648) / 100 AS cadence,
    nullIf(power_w, -2147483648) AS power_w,
    nullIf(lat_e7, -2147483648) / 1e7 AS lat,
    nullIf(lon_e7, -2147483648) / 1e7 AS lon,
    nullIf(temperature_dc, -2147483648) / 10 AS temperature_c
FROM samples_versions AS x FINAL
SEMI LEFT JOIN (SELECT athlete_id, session_id, decode FROM sessions_versions FINAL WHERE isNull(duplicate_of)) AS s
    ON s.athlete_id = x.athlete_id AND s.session_id = x.session_id AND s.decode = x.decode
COMMENT 'a row is an instant of a session; copies of the same activity are left out';
