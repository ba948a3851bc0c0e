#!/usr/bin/env bash
# Runs every benchmark of the module; each reports its own ratio to a limit
# measured in the same run, and the ratios are repeated at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp); trap 'rm -f "$out"' EXIT
for dir in $(grep -rlE '^func Benchmark' --include='*_test.go' . | xargs -n1 dirname | sort -u); do
  go test "$dir" -run '^$' -bench . -benchmem -benchtime "${BENCHTIME:-1s}" -timeout 30m | tee -a "$out"
done
echo
echo "ratios"
grep -E '^Benchmark' "$out" | awk '{name=$1; line=""; for(i=3;i<NF;i+=2) if ($(i+1) ~ /ratio|limit|GB|MB\/s|allocs|CPU|cpu|MiB|rows|bytes\/sample|B\/sample|ns\/sample/) line=line sprintf("  %s %s", $i, $(i+1)); printf "%-55s%s\n", name, line}'
