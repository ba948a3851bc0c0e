#!/usr/bin/env bash
# Installs what a folder beside this script (its first argument) names in its
# lock file into the user's cache, once for all checkouts, and prints the folder
# there.
set -euo pipefail
from=$(cd "$(dirname "$0")/$1" && pwd)
sum=$(cat "$from"/* | sha256sum | cut -c1-12)
to="${XDG_CACHE_HOME:-$HOME/.cache}/plodwatch/$1-$sum"
if [ ! -e "$to/installed" ]; then
	mkdir -p "$to"
	cp "$from"/* "$to"
	(cd "$to" && npm ci --ignore-scripts --no-audit --no-fund --silent) >&2
	touch "$to/installed"
fi
echo "$to"
