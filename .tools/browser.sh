#!/usr/bin/env bash
# Installs Debian's Chromium for the test of the page, where it is missing and
# where this may install packages. A failure is a notice: the test is skipped.
set -uo pipefail
for name in chromium chromium-browser google-chrome; do
	command -v "$name" > /dev/null && exit 0
done
skipped() {
	echo "browser: $1: the test of the page in Chromium will be skipped"
	exit 0
}
command -v apt-get > /dev/null || skipped "there is no Chromium, and no apt-get to install it with"
[ "$(id -u)" = 0 ] || skipped "there is no Chromium; as root, make browser installs it"
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium fonts-liberation; } > /dev/null 2>&1; then
	skipped "apt-get could not install chromium"
fi
