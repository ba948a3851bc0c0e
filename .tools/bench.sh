#!/usr/bin/env bash
# Runs every benchmark of the module. Each measures a limit in the same run and
# reports its own figure as U, the limit's as limit-U, and x-of-limit: how many
# times the limit's time or CPU it takes. The table at the end has a line for
# each.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp); trap 'rm -f "$out"' EXIT
for dir in $(grep -rlE '^func Benchmark' --include='*_test.go' . | xargs -n1 dirname | sort -u); do
  go test "$dir" -run '^$' -bench "${BENCH:-.}" -benchtime "${BENCHTIME:-1s}" -timeout 30m | tee -a "$out"
done
echo
awk '
  BEGIN { printf "| %-52s | %24s | %24s | %10s | %9s | %s\n", "benchmark", "throughput", "limit", "x-of-limit", "allocs/op", "besides |"
          print "|---|---|---|---|---|---|" }
  /^pkg: / { pkg = $2; sub(/^[^\/]*\//, "", pkg) }
  /^Benchmark/ {
    split("", value); split("", order); n = 0
    for (i = 3; i < NF; i += 2) { value[$(i+1)] = $i; order[++n] = $(i+1) }
    unit = ""
    for (k = 1; k <= n; k++) if (order[k] ~ /^limit-/) unit = substr(order[k], 7)
    if (unit == "") next
    name = $1; sub(/^Benchmark/, "", name); sub(/-[0-9]+$/, "", name)
    rest = ""
    for (k = 1; k <= n; k++) {
      u = order[k]
      if (u != unit && u !~ /^limit-|^x-of-limit$|^ns\/op$|^B\/op$|^allocs\/op$/) rest = rest (rest == "" ? "" : ", ") value[u] " " u
    }
    printf "| %-52s | %24s | %24s | %10s | %9s | %s |\n", pkg " " name, value[unit] " " unit, value["limit-" unit] " " unit,
      value["x-of-limit"], ("allocs/op" in value ? value["allocs/op"] : ""), rest
  }' "$out"
