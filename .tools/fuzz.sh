#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time, one after another.
set -euo pipefail
cd "$(dirname "$0")/.."
t=${1:-60s}
grep -rnoE '^func (Fuzz[A-Za-z0-9_]+)\(' --include='*_test.go' . | while IFS=: read -r file _ name; do
  name=${name#func }; name=${name%(}
  dir=$(dirname "$file")
  echo "== $dir $name ($t)"
  go test "$dir" -run '^$' -fuzz "^${name}\$" -fuzztime "$t" -fuzzminimizetime 500ms </dev/null
done
