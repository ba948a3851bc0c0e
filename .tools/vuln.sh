#!/usr/bin/env bash
# Looks for known faults in what we are built from, with govulncheck. The list
# of faults is that of vuln.go.dev, or, where that cannot be reached or with
# --pinned, the one in the module golang.org/x/vulndb at the version that
# .tools/vulndb/go.mod names: made into a database in the user's cache once.
# With --if-possible it is no failure when there is neither.
set -uo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
pinned=no lenient=no
for a in "$@"; do
	case $a in
	--pinned) pinned=yes ;;
	--if-possible) lenient=yes ;;
	*) echo "vuln.sh: what is $a?" >&2; exit 1 ;;
	esac
done
check() { "$go" tool -modfile=.tools/go.mod govulncheck "$@" ./...; }

# database prints the folder of the pinned database, which it makes if need be.
database() {
	local version dir to
	version=$("$go" list -modfile=.tools/vulndb/go.mod -m -f '{{.Version}}' golang.org/x/vulndb) || return
	to="${XDG_CACHE_HOME:-$HOME/.cache}/plodwatch/vulndb-$version"
	if [ ! -e "$to/index/db.json" ]; then
		echo "making the database of faults $version, once (a minute)" >&2
		"$go" mod download -modfile=.tools/vulndb/go.mod golang.org/x/vulndb || return
		dir=$("$go" list -modfile=.tools/vulndb/go.mod -m -f '{{.Dir}}' golang.org/x/vulndb) || return
		mkdir -p "${to%/*}" && rm -rf "$to.new.$$" || return
		"$go" tool -modfile=.tools/vulndb/go.mod indexdb -vulns "$dir/data/osv" -out "$to.new.$$" || { rm -rf "$to.new.$$"; return 1; }
		mv -T "$to.new.$$" "$to" 2>/dev/null || rm -rf "$to.new.$$" # another was quicker
	fi
	echo "$to"
}

if [ $pinned = no ]; then
	out=$(check 2>&1)
	code=$?
	if ! grep -q 'vuln\.go\.dev' <<<"$out" || [ $code = 0 ] || [ $code = 3 ]; then
		echo "$out"
		exit $code
	fi
	echo "vuln.go.dev cannot be reached: $(tail -1 <<<"$out" | cut -c1-200)" >&2
fi
if ! db=$(database); then
	echo "no database of faults: golang.org/x/vulndb cannot be fetched or made" >&2
	[ $lenient = yes ] && exit 0
	exit 1
fi
day=$(sed -E 's/.*-([0-9]{4})([0-9]{2})([0-9]{2})[0-9]{6}-.*/\1-\2-\3/' <<<"$db")
echo "known faults as of $day ($(find "$db/ID" -name 'GO-*.json' | wc -l)):"
check -db "file://$db"
