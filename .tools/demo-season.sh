#!/usr/bin/env bash
# Invents two years of one athlete, imports them into demo-season and shows the
# overtrained spring, its warnings and the return to running.
set -euo pipefail

season=$(mktemp -d)
trap 'rm -rf "$season"' EXIT
plodwatch() { bin/plodwatch "$@" --data demo-season; }
title() { printf '\n%s\n' "$1"; }

rm -rf demo-season
"${GO:-go}" run ./testdata/gen season --out "$season/files"
plodwatch athlete set me --max-hr 188 --rest-hr 48 --sex male --time-zone Europe/Zurich
plodwatch athlete set me --max-hr 186 --from 2024-10-07
plodwatch import "$season/files"
plodwatch plan import "$season/files.plan.csv"
plodwatch log import "$season/files.log.csv"
plodwatch return-to-run start me --phase 1 --from 2024-05-20
plodwatch return-to-run start me --phase 2 --from 2024-08-12
plodwatch return-to-run start me --phase 3 --from 2024-10-07
plodwatch return-to-run stop me --on 2025-01-13

title "The last weeks"
plodwatch week me --weeks 8
title "The spring before the rest: weeks, and easy days that were not easy"
plodwatch query "SELECT week, sessions, round(hours, 1) AS h, round(low_share, 2) AS low, verdict, violations, round(monotony, 1) AS monotony
	FROM athlete_weeks WHERE week_start BETWEEN '2024-01-15' AND '2024-06-03' ORDER BY week_start"
title "Warnings: days by signal and month, and the first ones of the spring"
plodwatch query "SELECT toStartOfMonth(day) AS month, countIf(signal = 'resting_hr') AS resting_hr, countIf(signal = 'energy') AS energy,
	countIf(signal = 'same_effort_pace') AS same_effort_pace, countIf(signal = 'monotony') AS monotony, countIf(signal = 'plods') AS plods
	FROM warnings GROUP BY month ORDER BY month"
plodwatch query "SELECT day, signal, pattern FROM warnings WHERE day >= '2024-02-20' ORDER BY day, signal LIMIT 8"
title "The return to running"
plodwatch return-to-run show me
