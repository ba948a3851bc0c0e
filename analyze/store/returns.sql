-- Makes the returns to running of athletes: phases with the volume before, sessions judged by the phase that they fall into, and weeks
-- judged by theirs, with what the next week allows. The weeks of a phase without an end go until a day to come; whoever reads leaves
-- out those that have not begun.
INSERT INTO return_spans_versions (athlete_id, inputs, rules_version, version, phases, sessions, weeks)
WITH
phases AS
(
    SELECT
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
            WHERE NOT removed AND athlete_id IN {athletes:Array(String)}
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
        FROM (SELECT athlete_id, from_day FROM returns_versions FINAL WHERE NOT removed AND phase > 0 AND athlete_id IN {athletes:Array(String)}) AS c
        INNER JOIN
        (
            SELECT athlete_id, local_day, sport, elapsed_ms, paused_ms, distance_m
            FROM sessions_versions FINAL
            WHERE isNull(duplicate_of) AND sport != 'transition' AND athlete_id IN {athletes:Array(String)}
        ) AS s ON s.athlete_id = c.athlete_id
        WHERE s.local_day >= c.from_day - 84 AND s.local_day < c.from_day
        GROUP BY athlete_id, return_from
    ) AS v ON v.athlete_id = r.athlete_id AND v.return_from = r.return_from
),
judged AS
(
    WITH
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
            WHERE isNull(duplicate_of) AND sport != 'transition' AND athlete_id IN {athletes:Array(String)}
        ) AS s
        INNER JOIN
        (
            SELECT athlete_id, session_id, vt1, moderate_ms, high_ms, session_class, cap_bpm, over_cap_ms, longest_over_cap_ms, cap_ok, verdict
            FROM intensity_versions FINAL
            WHERE athlete_id IN {athletes:Array(String)}
        ) AS i ON i.athlete_id = s.athlete_id AND i.session_id = s.session_id
        ASOF INNER JOIN
        (
            SELECT r.athlete_id AS athlete_id, r.from_day AS from_day, r.protocol AS protocol, r.phase AS phase,
                p.sports AS sports, p.cap_rule AS cap_rule, p.rpe_below AS rpe_below, p.hard_rpe_from AS hard_rpe_from, p.hard_rpe_below AS hard_rpe_below
            FROM (SELECT athlete_id, from_day, protocol, phase FROM returns_versions FINAL WHERE NOT removed AND athlete_id IN {athletes:Array(String)}) AS r
            LEFT JOIN (SELECT protocol, phase, sports, cap_rule, rpe_below, hard_rpe_from, hard_rpe_below FROM return_phases_versions FINAL) AS p
                ON p.protocol = r.protocol AND p.phase = r.phase
        ) AS r ON r.athlete_id = s.athlete_id AND s.local_day >= r.from_day
        WHERE r.phase > 0
    )
),
weeks AS
(
    SELECT
        athlete_id, protocol, phase, phase_name, week, week_from, week_to, sessions, days, days_allowed, minutes, km,
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
                        baseline_km,
                        baseline_minutes,
                        baseline_source,
                        volume_unit
                    FROM phases
                    ARRAY JOIN range(toUInt32(greatest(0, intDiv(dateDiff('day', from_day, least(ifNull(to_day, {until:Date32}), {until:Date32})) + 7, 7)))) AS n
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
                    FROM judged AS s
                    GROUP BY athlete_id, phase_from, week
                ) AS a ON a.athlete_id = w.athlete_id AND a.phase_from = w.from_day AND a.week = w.week
        )
    )
)
SELECT o.athlete_id, o.inputs, {rules:UInt32}, {version:UInt64}, p.list, s.list, w.list
FROM (SELECT who.1 AS athlete_id, who.2 AS inputs FROM (SELECT arrayJoin(arrayZip({athletes:Array(String)}, {inputs:Array(UInt64)})) AS who)) AS o
LEFT JOIN (SELECT athlete_id, groupArray((from_day, to_day, return_from, protocol, phase, baseline_km, baseline_minutes, baseline_source, volume_unit)) AS list FROM (SELECT * FROM phases ORDER BY from_day) GROUP BY athlete_id) AS p ON p.athlete_id = o.athlete_id
LEFT JOIN (SELECT athlete_id, groupArray((session_id, day, started_at, protocol, phase, phase_from, week, sport, minutes, km, classified_s, cap_bpm, over_cap_s, longest_over_cap_s, cap_ok, hard_s, hard, rpe, outcome, reason)) AS list FROM (SELECT * FROM judged ORDER BY started_at, session_id) GROUP BY athlete_id) AS s ON s.athlete_id = o.athlete_id
LEFT JOIN (SELECT athlete_id, groupArray((protocol, phase, phase_name, week, week_from, week_to, sessions, days, days_allowed, minutes, km, baseline_minutes, baseline_km, baseline_source, volume_unit, volume_pct, volume_to_pct, cap_bpm, over_cap_s, longest_over_cap_s, under_cap_share, sessions_over_cap, sessions_unknown, hard_s, hard_share, hard_sessions, hard_sessions_allowed, outcome, reasons, not_judged, next_week)) AS list FROM (SELECT * FROM weeks ORDER BY week_from) GROUP BY athlete_id) AS w ON w.athlete_id = o.athlete_id
