#!/usr/bin/env bash
# Runs every test. Tests sync thousands of small files, so they work in a folder
# in memory where there is room for it, unless TMPDIR says where.
set -euo pipefail
go=${GO:-go}
gib() { df -BG --output=avail "$1" 2>/dev/null | tail -n 1 | tr -dc 0-9; }
memory=$(awk '/^MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo 2>/dev/null || echo 0)
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ] && [ "$(gib /dev/shm)" -ge 6 ] && [ "${memory:-0}" -ge 12 ]; then
	TMPDIR=$(mktemp -d /dev/shm/p.XXXXXX) # short: names of sockets have at most 107 bytes
	chmod 711 "$TMPDIR"                    # tests put off their rights as root
	export TMPDIR
	trap 'rm -rf "$TMPDIR"' EXIT
fi
$go vet ./...
$go test -timeout 20m -parallel 4 "$@" ./... ./testdata/gen/...
