#!/bin/sh
# Makes sure that what Rust needs from the system is there: a C compiler and make.
# Installs Debian packages when it may, otherwise names them.
set -eu
missing=""
command -v cc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	apt-get update -qq
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing
	exit 0
fi
echo "missing Debian packages:$missing; install them and run make again" >&2
exit 1
