#!/bin/sh
# Makes sure that what the build and the tests need from the system is there: a C compiler, what
# librdkafka is built with, the stock Prometheus and amtool that the tests hold the server
# against, Java with Maven for the Kafka broker that the tests start, and valgrind.
# Installs Debian packages when it may, otherwise names them.
set -eu
missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need_library() { pkg-config --exists "$1" 2>/dev/null || missing="$missing $2"; }
need cc "gcc libc6-dev"
need c++ g++
need make make
need pkg-config pkg-config
need_library openssl libssl-dev
need_library zlib zlib1g-dev
if [ "${1:-}" = tests ]; then
	need openssl openssl
	need prometheus prometheus
	need amtool prometheus-alertmanager
fi
if [ "${1:-}" = tests ] || [ "${1:-}" = kafka ]; then
	need java default-jre-headless
	need mvn maven
fi
if [ "${1:-}" = memcheck ]; then
	need valgrind "valgrind libc6-dbg"
fi
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	apt-get update -qq
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing </dev/null
	exit 0
fi
echo "missing Debian packages:$missing; install them and run make again" >&2
exit 1
