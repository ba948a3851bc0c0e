-- Views that answer sooner, and what they need.

ALTER TABLE athlete_spans_versions
    ADD COLUMN IF NOT EXISTS candidate_session_id Array(UUID) COMMENT 'sessions in which the heart rate rose above the max heart rate they were judged by, by start; see hr_max_candidates',
    ADD COLUMN IF NOT EXISTS candidate_day Array(Date32) COMMENT 'local day of each',
    ADD COLUMN IF NOT EXISTS candidate_sport Array(LowCardinality(String)) COMMENT 'sport of each',
    ADD COLUMN IF NOT EXISTS candidate_observed Array(Float64) COMMENT 'highest 5 s mean of clean heart rate of each, bpm',
    ADD COLUMN IF NOT EXISTS candidate_used Array(Nullable(Float64)) COMMENT 'max heart rate each was judged by, bpm',
    ADD COLUMN IF NOT EXISTS candidate_source Array(LowCardinality(String)) COMMENT 'where that comes from',
    ADD COLUMN IF NOT EXISTS candidate_doubtful Array(Bool) COMMENT 'heart rate stands still or follows the steps in it',
    ADD COLUMN IF NOT EXISTS candidate_supported_by Array(UInt64) COMMENT 'other sessions of the athlete within 3 bpm of it or above';

CREATE OR REPLACE VIEW intensity
(
    session_id         UUID COMMENT 'session',
    athlete_id         String COMMENT 'athlete',
    settings_id        String COMMENT 'fingerprint of the settings as used: equal ids, equal settings',
    settings_from      Nullable(Date32) COMMENT 'first day of the athlete_settings used, null when there were none',
    hr_max             Nullable(Float64) COMMENT 'max heart rate used, bpm',
    hr_max_source      LowCardinality(String) COMMENT 'where it comes from: setting, file, observed, age_tanaka or none',
    hr_rest            Nullable(Float64) COMMENT 'resting heart rate used, bpm',
    hr_rest_source     LowCardinality(String) COMMENT 'where it comes from: setting, file or none',
    zone_model         LowCardinality(String) COMMENT 'hrmax5, hrr5, friel7 or custom',
    zone_bounds        Array(Float64) COMMENT 'lower bounds of zones 1 to n, bpm; a value on a bound belongs to the zone above',
    zone_s             Array(Float64) COMMENT 'seconds below zone 1, then in zones 1 to n: zone_s[3] is zone 2',
    vt1                Nullable(Float64) COMMENT 'first threshold used, bpm',
    vt2                Nullable(Float64) COMMENT 'second threshold used, bpm',
    threshold_source   LowCardinality(String) COMMENT 'where they come from: setting, lthr, hrmax_percent or none',
    low_s              Nullable(Float64) COMMENT 'below vt1, s',
    moderate_s         Nullable(Float64) COMMENT 'from vt1 to below vt2, s',
    high_s             Nullable(Float64) COMMENT 'at or above vt2, s',
    low_share          Nullable(Float64) COMMENT 'low share of classified time, 0 to 1',
    moderate_share     Nullable(Float64) COMMENT 'moderate share of classified time, 0 to 1',
    high_share         Nullable(Float64) COMMENT 'high share of classified time, 0 to 1',
    meets_80_20        Nullable(Bool) COMMENT 'low_share is at least 0.80; informational for one session',
    session_class      LowCardinality(Nullable(String)) COMMENT 'easy, moderate or hard',
    label              LowCardinality(String) COMMENT 'no_data, base, pyramidal, polarized, threshold, high_intensity or other',
    polarization_index Nullable(Float64) COMMENT 'polarization index (Treff 2019); polarized above 2.00',
    above60_s          Nullable(Float64) COMMENT 'at or above 60 percent of max heart rate, s',
    above60_share      Nullable(Float64) COMMENT 'the same as a share of classified time, 0 to 1',
    cap_bpm            Nullable(Float64) COMMENT 'return-to-run cap: the lower of 120 bpm and 60 percent of max heart rate',
    over_cap_s         Nullable(Float64) COMMENT 'at or over the cap, s, first two minutes left out',
    longest_over_cap_s Nullable(Float64) COMMENT 'longest stretch at or over the cap, s',
    cap_ok             Nullable(Bool) COMMENT 'over_cap_s is at most 60 s or 2 percent of classified time',
    trimp              Nullable(Float64) COMMENT 'TRIMP (Banister)',
    edwards            Nullable(Float64) COMMENT 'load by five zones (Edwards)',
    lucia              Nullable(Float64) COMMENT 'load by three zones (Lucia)',
    efficiency         Nullable(Float64) COMMENT 'speed over heart rate, (m/min)/bpm, steady runs only',
    decoupling         Nullable(Float64) COMMENT 'loss of efficiency from first to second half, percent, steady runs only',
    longest_over_vt1_s Nullable(Float64) COMMENT 'longest stretch at or over vt1, s',
    efforts            Nullable(UInt32) COMMENT 'rises from 10 bpm below vt1 to vt1 that stay there for a minute in all; three or more are intervals',
    near_vt1_s         Nullable(Float64) COMMENT 'runs: moving within 5 bpm below vt1, first five minutes left out, s',
    near_vt1_m         Nullable(Float64) COMMENT 'runs: distance in that time, m',
    over_vt1_moving_s  Nullable(Float64) COMMENT 'runs: moving at or over vt1, s',
    over_vt1_m         Nullable(Float64) COMMENT 'runs: distance in that time, m',
    threshold_pace_s_per_km Nullable(Float64) COMMENT 'runs: threshold pace used, s/km',
    pace_low_s         Nullable(Float64) COMMENT 'runs: moving slower than 114 percent of the threshold pace, s',
    pace_moderate_s    Nullable(Float64) COMMENT 'runs: moving between, s',
    pace_high_s        Nullable(Float64) COMMENT 'runs: moving at the threshold pace and faster, s',
    same_effort_s      Nullable(Float64) COMMENT 'runs: moving at 65 to 75 percent of max heart rate, first five minutes left out, s',
    same_effort_pace_s_per_km Nullable(Float64) COMMENT 'runs: median pace over that time, s/km, null below five minutes',
    watch_delta_share  Nullable(Float64) COMMENT 'sum of differences to the zones of the watch over its total, 0 to 1',
    verdict            LowCardinality(String) COMMENT 'ok, no_hr, no_hrmax, low_coverage or too_short',
    rules_version      UInt32 COMMENT 'version of the arithmetic',
    file_sha256        String COMMENT 'export the session came in, SHA-256',
    analyzed_at        DateTime64(3, 'UTC') COMMENT 'when this row was written, UTC'
)
AS SELECT
    i.session_id AS session_id,
    i.athlete_id AS athlete_id,
    settings_id,
    settings_from,
    hr_max,
    hr_max_source,
    hr_rest,
    hr_rest_source,
    zone_model,
    zone_bounds,
    if(verdict = 'no_hr', [], arrayMap(x -> x / 1000, zone_ms)) AS zone_s,
    vt1,
    vt2,
    threshold_source,
    if(isNull(vt1) OR verdict = 'no_hr', NULL, low_ms / 1000) AS low_s,
    if(isNull(vt1) OR verdict = 'no_hr', NULL, moderate_ms / 1000) AS moderate_s,
    if(isNull(vt1) OR verdict = 'no_hr', NULL, high_ms / 1000) AS high_s,
    low_share,
    moderate_share,
    high_share,
    meets_80_20,
    nullIf(session_class, '') AS session_class,
    label,
    polarization_index,
    if(isNull(hr_max) OR verdict = 'no_hr', NULL, above60_ms / 1000) AS above60_s,
    above60_share,
    cap_bpm,
    if(isNull(cap_bpm) OR verdict = 'no_hr', NULL, over_cap_ms / 1000) AS over_cap_s,
    if(isNull(cap_bpm) OR verdict = 'no_hr', NULL, longest_over_cap_ms / 1000) AS longest_over_cap_s,
    cap_ok,
    trimp,
    edwards,
    lucia,
    efficiency,
    decoupling,
    if(isNull(vt1) OR verdict = 'no_hr', NULL, longest_over_vt1_ms / 1000) AS longest_over_vt1_s,
    if(isNull(vt1) OR verdict = 'no_hr', NULL, efforts) AS efforts,
    nullIf(near_vt1_ms, 0) / 1000 AS near_vt1_s,
    nullIf(near_vt1_m, 0) AS near_vt1_m,
    nullIf(over_vt1_moving_ms, 0) / 1000 AS over_vt1_moving_s,
    nullIf(over_vt1_m, 0) AS over_vt1_m,
    nullIf(threshold_pace, 0) AS threshold_pace_s_per_km,
    if(threshold_pace = 0, NULL, pace_low_ms / 1000) AS pace_low_s,
    if(threshold_pace = 0, NULL, pace_moderate_ms / 1000) AS pace_moderate_s,
    if(threshold_pace = 0, NULL, pace_high_ms / 1000) AS pace_high_s,
    if(isNull(hr_max) OR verdict != 'ok', NULL, nullIf(same_effort_ms, 0) / 1000) AS same_effort_s,
    same_effort_pace AS same_effort_pace_s_per_km,
    watch_delta_share,
    verdict,
    rules_version,
    file_sha256,
    analyzed_at
FROM intensity_versions AS i FINAL
SEMI LEFT JOIN (SELECT athlete_id, session_id FROM sessions_versions) AS s ON s.athlete_id = i.athlete_id AND s.session_id = i.session_id
COMMENT 'a row is the intensity of a session under the settings valid on its day';

CREATE OR REPLACE VIEW hr_max_candidates
(
    athlete_id      String COMMENT 'athlete',
    session_id      UUID COMMENT 'session',
    day             Date32 COMMENT 'local day',
    sport           LowCardinality(String) COMMENT 'sport',
    observed_hr_max Float64 COMMENT 'highest 5 s mean of clean heart rate, bpm',
    hr_max_used     Nullable(Float64) COMMENT 'max heart rate the session was judged by, bpm',
    hr_max_source   LowCardinality(String) COMMENT 'where that comes from',
    above           Nullable(Float64) COMMENT 'observed_hr_max less hr_max_used, bpm',
    doubtful        Bool COMMENT 'heart rate stands still or follows the steps in that session',
    supported_by    UInt64 COMMENT 'other sessions of the athlete within 3 bpm of it or above'
)
AS SELECT
    athlete_id,
    session_id,
    day,
    sport,
    observed_hr_max,
    hr_max_used,
    hr_max_source,
    observed_hr_max - hr_max_used AS above,
    doubtful,
    supported_by
FROM athlete_spans_versions FINAL
ARRAY JOIN
    candidate_session_id AS session_id,
    candidate_day AS day,
    candidate_sport AS sport,
    candidate_observed AS observed_hr_max,
    candidate_used AS hr_max_used,
    candidate_source AS hr_max_source,
    candidate_doubtful AS doubtful,
    candidate_supported_by AS supported_by
COMMENT 'a row is a session in which the heart rate rose above the max heart rate that it was judged by: proposed, never applied';

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
AS WITH
    300 AS hard_session_s, 7 AS usual_hard_rpe
SELECT
    athlete_id, session_id, day, started_at, protocol, phase, phase_from, week, sport, minutes, km, classified_s,
    cap_bpm, over_cap_s, longest_over_cap_s, cap_ok, hard_s, hard, rpe,
    multiIf(fails != '', 'fail', ambers != '', 'amber', 'pass') AS outcome,
    trimRight(concat(fails, ambers), '; ') AS reason
FROM
(
    SELECT
        s.athlete_id AS athlete_id,
        s.session_id AS session_id,
        s.local_day AS day,
        s.started_at AS started_at,
        r.protocol AS protocol,
        r.phase AS phase,
        r.from_day AS phase_from,
        toUInt16(intDiv(dateDiff('day', r.from_day, s.local_day), 7) + 1) AS week,
        s.sport AS sport,
        (s.elapsed_ms - s.paused_ms) / 60000 AS minutes,
        s.distance_m / 1000 AS km,
        s.classified_ms / 1000 AS classified_s,
        i.cap_bpm AS cap_bpm,
        if(isNull(i.cap_bpm) OR s.classified_ms = 0, NULL, i.over_cap_ms / 1000) AS over_cap_s,
        if(isNull(i.cap_bpm) OR s.classified_ms = 0, NULL, i.longest_over_cap_ms / 1000) AS longest_over_cap_s,
        i.cap_ok AS cap_ok,
        if(isNull(i.vt1) OR s.classified_ms = 0, NULL, (i.moderate_ms + i.high_ms) / 1000) AS hard_s,
        CAST(i.session_class = 'hard' OR ifNull(hard_s, 0) >= hard_session_s OR ifNull(s.rpe, 0) >= ifNull(r.hard_rpe_from, usual_hard_rpe), 'Bool') AS hard,
        s.rpe AS rpe,
        concat(
            if(notEmpty(r.sports) AND NOT has(r.sports, s.sport), concat(s.sport, ' is not among the sports of the phase; '), ''),
            if(r.cap_rule = 'session' AND NOT ifNull(i.cap_ok, true), concat('heart rate at or over the cap of ', ifNull(round(i.cap_bpm, 1), 0), ' bpm for ',
                round(i.over_cap_ms / 60000, 1), ' min, longest ', round(i.longest_over_cap_ms / 60000, 1), ' min; '), '')) AS fails,
        concat(
            if(r.cap_rule = 'session' AND isNull(i.cap_ok), concat('whether the heart rate kept under the cap is not known: ',
                multiIf(i.verdict != 'ok' AND i.verdict != '', i.verdict, isNull(i.cap_bpm), 'no_hrmax', 'insufficient_data'), '; '), ''),
            if(ifNull(s.rpe >= r.rpe_below AND NOT s.rpe < ifNull(r.hard_rpe_below, 0), false), concat('exertion ', ifNull(s.rpe, 0), ', the phase wants less than ',
                ifNull(ifNull(r.hard_rpe_below, r.rpe_below), 0), '; '), '')) AS ambers
    FROM
    (
        SELECT athlete_id, session_id, local_day, started_at, sport, elapsed_ms, paused_ms, classified_ms, distance_m, rpe
        FROM sessions_versions FINAL
        WHERE isNull(duplicate_of) AND sport != 'transition' AND athlete_id IN (SELECT athlete_id FROM returns_versions)
    ) AS s
    INNER JOIN
    (
        SELECT athlete_id, session_id, vt1, moderate_ms, high_ms, session_class, cap_bpm, over_cap_ms, longest_over_cap_ms, cap_ok, verdict
        FROM intensity_versions FINAL
        WHERE athlete_id IN (SELECT athlete_id FROM returns_versions)
    ) AS i ON i.athlete_id = s.athlete_id AND i.session_id = s.session_id
    ASOF INNER JOIN
    (
        SELECT r.athlete_id AS athlete_id, r.from_day AS from_day, r.protocol AS protocol, r.phase AS phase,
            p.sports AS sports, p.cap_rule AS cap_rule, p.rpe_below AS rpe_below, p.hard_rpe_from AS hard_rpe_from, p.hard_rpe_below AS hard_rpe_below
        FROM (SELECT athlete_id, from_day, protocol, phase FROM returns_versions FINAL WHERE NOT removed) AS r
        LEFT JOIN (SELECT protocol, phase, sports, cap_rule, rpe_below, hard_rpe_from, hard_rpe_below FROM return_phases_versions FINAL) AS p
            ON p.protocol = r.protocol AND p.phase = r.phase
    ) AS r ON r.athlete_id = s.athlete_id AND s.local_day >= r.from_day
    WHERE r.phase > 0
)
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
    athlete_id, protocol, phase, phase_name, week, week_from, week_to, complete, sessions, days, days_allowed, minutes, km,
    baseline_minutes, baseline_km, baseline_source, volume_unit, volume_pct, volume_to_pct, cap_bpm, over_cap_s, longest_over_cap_s,
    under_cap_share, sessions_over_cap, sessions_unknown, hard_s, hard_share, hard_sessions, hard_sessions_allowed,
    ['pass', 'amber', 'fail'][level + 1] AS outcome,
    arrayMap(r -> r.2, arraySort(r -> -r.1, rules)) AS reasons,
    not_judged,
    ifNull(concat(
        multiIf(level = 2, 'repeat the week, without what failed: ', week >= phase_weeks, 'the phase is over and the next may begin; until then: ',
            level = 1, 'no more than this week: ', ''),
        'up to ', days_allowed, ' days',
        ifNull(concat(', up to ', round(most_pct * baseline / 100), if(volume_unit = 'km', ' km (', ' min ('), round(most_pct), ' %)'), ''),
        multiIf(cap_rule = 'session', ', heart rate under ', cap_rule = 'week', concat(', at least ', round(100 * under_cap_least), ' % of the time under '), ''),
        multiIf(cap_rule = 'none', '', isNull(cap_bpm), 'the cap', concat(round(cap_bpm, 1), ' bpm')),
        ifNull(concat(', exertion ', if(rpe_from > 0, concat(rpe_from, ' to below '), 'below '), rpe_below), ''),
        ', ', if(hard_next = 0, 'no', toString(hard_next)), if(hard_next = 1, ' hard session', ' hard sessions'),
        if(hard_next = 0, '', ifNull(concat(' (', ifNull(concat(round(100 * hard_share_from), ' to '), 'at most '), round(100 * hard_share_to), ' % of the time)'), ''))), '') AS next_week
FROM
(
    WITH
        1 AS amber_days, 10 AS amber_points, 0.02 AS tolerated_hard_share, 0.05 AS amber_hard_share, 0.5 AS least_under_cap
    SELECT
        *,
        arrayFilter(r -> r.1 > 0, arrayConcat(session_rules, [
            (multiIf(days > days_allowed + amber_days, 2, days > days_allowed, 1, 0), concat(days, ' days, the phase allows ', days_allowed)),
            (multiIf(volume_pct > volume_to_pct + amber_points, 2, volume_pct > volume_to_pct, 1, 0),
                ifNull(concat('volume at ', round(volume_pct), ' %, the phase allows ', volume_to_pct, ' %'), '')),
            (if(hard_sessions > hard_sessions_allowed, 2, 0), concat(hard_sessions, if(hard_sessions = 1, ' hard session', ' hard sessions'), ', the week allows ', hard_sessions_allowed)),
            (multiIf(hard_share > hard_share_to + amber_hard_share, 2, hard_share > hard_share_to + tolerated_hard_share, 1, 0),
                ifNull(concat('hard time is ', round(100 * hard_share), ' %, the phase allows ', round(100 * hard_share_to), ' %'), '')),
            (if(cap_rule = 'week', multiIf(under_cap_share < least_under_cap, 2, under_cap_share < under_cap_least, 1, 0), 0),
                ifNull(concat('only ', round(100 * under_cap_share), ' % of the time under the cap'), ''))])) AS rules,
        ifNull(arrayMax(r -> r.1, rules), 0) AS level,
        if(level = 0, hard_sessions_next, least(hard_sessions_next, hard_sessions_allowed)) AS hard_next,
        if(level > 0 AND volume_pct < volume_to_pct, volume_pct, volume_to_pct) AS most_pct
    FROM
    (
            SELECT
                w.athlete_id AS athlete_id,
                w.protocol AS protocol,
                w.phase AS phase,
                p.name AS phase_name,
                p.weeks AS phase_weeks,
                w.week AS week,
                w.week_from AS week_from,
                w.week_to AS week_to,
                w.complete AS complete,
                a.n AS sessions,
                a.days AS days,
                p.days_per_week AS days_allowed,
                a.minutes AS minutes,
                if(a.runs_with_km = 0, NULL, a.km) AS km,
                w.baseline_minutes AS baseline_minutes,
                w.baseline_km AS baseline_km,
                w.baseline_source AS baseline_source,
                w.volume_unit AS volume_unit,
                multiIf(w.volume_unit = 'km', w.baseline_km, w.volume_unit = 'minutes', w.baseline_minutes, NULL) AS baseline,
                100 * if(w.volume_unit = 'km', a.km, a.minutes) / nullIf(baseline, 0) AS volume_pct,
                p.volume_to_pct AS volume_to_pct,
                p.cap_rule AS cap_rule,
                p.under_cap_share AS under_cap_least,
                p.rpe_from AS rpe_from,
                p.rpe_below AS rpe_below,
                p.hard_share_from AS hard_share_from,
                p.hard_share_to AS hard_share_to,
                a.cap_bpm AS cap_bpm,
                if(a.capped_n = 0, NULL, a.over_cap_s) AS over_cap_s,
                if(a.capped_n = 0, NULL, a.longest_over_cap_s) AS longest_over_cap_s,
                if(a.capped_s = 0, NULL, 1 - a.over_cap_s / a.capped_s) AS under_cap_share,
                a.n_over AS sessions_over_cap,
                a.n_unknown AS sessions_unknown,
                if(a.hard_n = 0, NULL, a.hard_s) AS hard_s,
                if(a.hard_of_s = 0, NULL, a.hard_s / a.hard_of_s) AS hard_share,
                a.n_hard AS hard_sessions,
                if(w.week >= p.hard_later_from, p.hard_sessions_later, p.hard_sessions) AS hard_sessions_allowed,
                if(w.week + 1 >= p.hard_later_from, p.hard_sessions_later, p.hard_sessions) AS hard_sessions_next,
                a.session_rules AS session_rules,
                arrayFilter(t -> t != '', [
                    if(isNotNull(p.volume_to_pct) AND w.volume_unit = '', 'volume: no session in the 12 weeks before, and no baseline set', ''),
                    if(a.n_unknown > 0 AND p.cap_rule != 'none', concat('cap: ', a.n_unknown, ' of ', a.n, ' sessions'), ''),
                    if(a.n > a.hard_n, concat('hard time: ', a.n - a.hard_n, ' of ', a.n, ' sessions'), '')]) AS not_judged
            FROM
            (
                SELECT
                    athlete_id,
                    protocol,
                    phase,
                    from_day,
                    toUInt16(n + 1) AS week,
                    from_day + 7 * n AS week_from,
                    least(from_day + 7 * n + 6, ifNull(to_day, from_day + 7 * n + 6)) AS week_to,
                    CAST(week_to < toDate32(now('UTC')), 'Bool') AS complete,
                    baseline_km,
                    baseline_minutes,
                    baseline_source,
                    volume_unit
                FROM returns
                ARRAY JOIN range(toUInt32(greatest(0, intDiv(dateDiff('day', from_day, least(ifNull(to_day, toDate32(now('UTC'))), toDate32(now('UTC')))) + 7, 7)))) AS n
            ) AS w
            INNER JOIN return_phases_versions AS p FINAL ON p.protocol = w.protocol AND p.phase = w.phase
            LEFT JOIN
            (
                SELECT
                    athlete_id,
                    phase_from,
                    week,
                    count() AS n,
                    uniqExact(day) AS days,
                    sum(s.minutes) AS minutes,
                    ifNull(sumIf(s.km, sport = 'running'), 0) AS km,
                    countIf(sport = 'running' AND isNotNull(s.km)) AS runs_with_km,
                    argMaxIf(s.cap_bpm, started_at, isNotNull(s.cap_bpm)) AS cap_bpm,
                    ifNull(sum(s.over_cap_s), 0) AS over_cap_s,
                    ifNull(max(s.longest_over_cap_s), 0) AS longest_over_cap_s,
                    countIf(isNotNull(s.over_cap_s)) AS capped_n,
                    sumIf(classified_s, isNotNull(s.over_cap_s)) AS capped_s,
                    countIf(NOT ifNull(cap_ok, true)) AS n_over,
                    countIf(isNull(cap_ok)) AS n_unknown,
                    ifNull(sum(s.hard_s), 0) AS hard_s,
                    countIf(isNotNull(s.hard_s)) AS hard_n,
                    sumIf(classified_s, isNotNull(s.hard_s)) AS hard_of_s,
                    countIf(hard) AS n_hard,
                    arrayMap(r -> (r.2, r.3), arraySort(groupArrayIf((started_at, if(s.outcome = 'fail', 2, 1), concat(day, ': ', reason)), s.outcome != 'pass'))) AS session_rules
                FROM return_to_run_sessions AS s
                GROUP BY athlete_id, phase_from, week
            ) AS a ON a.athlete_id = w.athlete_id AND a.phase_from = w.from_day AND a.week = w.week
    )
)
COMMENT 'a row is a week of a return to running, judged by its phase, with what the next week allows';

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
AS WITH toInt32(greatest(dateDiff('day', span.last_day, toDate32(now('UTC'))), 0)) + 1 AS as_of -- today, in the arrays of the span
SELECT
    who.athlete_id AS athlete_id,
    if(span.sessions = 0, NULL, span.last_day) AS last_session_day,
    if(span.sessions = 0, NULL, span.last_session_id) AS last_session_id,
    if(span.sessions = 0, NULL, as_of - 1) AS days_without_data,
    span.sessions_28d[as_of] AS sessions_28d,
    span.timer_ms_28d[as_of] / 3600000 AS hours_28d,
    span.low_share_28d[as_of] AS low_share_28d,
    span.easy_session_share_28d[as_of] AS easy_session_share_28d,
    span.hard_sessions_28d[as_of] AS hard_sessions_28d,
    if(span.sessions_28d[as_of] = 0, 'insufficient_data', span.verdict_28d[as_of]) AS verdict_28d,
    if(span.sessions_28d[as_of] = 0, 'no_sessions', span.reason_28d[as_of]) AS reason_28d,
    ifNull(broken.violations, 0) AS violations_28d,
    span.ctl[as_of] AS ctl,
    span.atl[as_of] AS atl,
    span.tsb[as_of] AS tsb,
    span.monotony[as_of] AS monotony
FROM
(
    SELECT athlete_id FROM athlete_spans_versions
    UNION DISTINCT
    SELECT athlete_id FROM athlete_settings_versions
    UNION DISTINCT
    SELECT athlete_id FROM signal_spans_versions
) AS who
LEFT JOIN (SELECT * FROM athlete_spans_versions FINAL) AS span ON span.athlete_id = who.athlete_id
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
    LEFT JOIN session_plans AS p ON p.athlete_id = days.athlete_id AND p.day = days.day
    GROUP BY days.athlete_id
) AS broken ON broken.athlete_id = who.athlete_id
COMMENT 'a row is an athlete as of today; what who_needs_a_call is made of';

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
        if(isNull(n.days_without_data) OR n.days_without_data >= 10, 'no_data', ''),
        if(n.verdict_28d = 'too_hard', 'too_hard', ''),
        if(n.violations_28d >= 3, 'easy_days_too_hard', ''),
        multiIf(has(w.signals, 'plods'), 'plods', length(w.signals) >= 2, 'signs_of_decline', '')]) AS reasons,
    trimRight(concat(
        multiIf(n.days_without_data >= 10, concat('no session for ', ifNull(n.days_without_data, 0), ' days; '), isNotNull(n.days_without_data), '',
            n.athlete_id IN (SELECT athlete_id FROM signal_spans_versions), 'no session yet, only entries in the daily log; ', 'no session yet; '),
        if(n.verdict_28d = 'too_hard', concat('28 days too hard, ', ifNull(round(100 * n.low_share_28d), 0), ' % low; '), ''),
        if(n.violations_28d >= 3, concat(n.violations_28d, ' easy days of 28 days were not easy; '), ''),
        multiIf(has(w.signals, 'plods'), 'pattern of the plods in 7 days; ',
            length(w.signals) >= 2, concat('signs of decline in 7 days: ', arrayStringConcat(w.signals, ', '), '; '), '')), '; ') AS why,
    n.last_session_day AS last_session_day,
    n.last_session_id AS last_session_id,
    n.days_without_data AS days_without_data,
    n.sessions_28d AS sessions_28d,
    n.hours_28d AS hours_28d,
    n.low_share_28d AS low_share_28d,
    n.easy_session_share_28d AS easy_session_share_28d,
    n.hard_sessions_28d AS hard_sessions_28d,
    n.verdict_28d AS verdict_28d,
    n.reason_28d AS reason_28d,
    n.violations_28d AS violations_28d,
    w.rows AS warnings_7d,
    w.signals AS signals_7d,
    nullIf(w.last_pattern, '') AS last_warning,
    n.ctl AS ctl,
    n.atl AS atl,
    n.tsb AS tsb,
    n.monotony AS monotony
FROM athlete_now AS n
LEFT JOIN
(
    SELECT
        athlete_id,
        count() AS rows,
        arraySort(groupUniqArray(toString(signal))) AS signals,
        argMax(pattern, (day, signal = 'plods', toString(signal))) AS last_pattern
    FROM warnings
    WHERE day > toDate32(now('UTC')) - 7
    GROUP BY athlete_id
) AS w ON w.athlete_id = n.athlete_id
COMMENT 'a row is an athlete: whether the coach should call, and why';
