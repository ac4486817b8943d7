#!/usr/bin/env bash
# R14: tests that go through the libraries written in C (librdkafka and what it unpacks and
# encrypts with, zstd, zlib, the assembly below TLS) under valgrind's memcheck, leaks included.
# None of our own code is unsafe, so what can go wrong is in there, or in how it is called.
#
#   tools/memcheck.sh [filters of tests]
set -euo pipefail
cd "$(dirname "$0")/.."
if (($# == 0)); then
	set -- kafka::scripted:: kafka::journey:: http::events:: http::hostile:: http::otlp:: \
		canonical::arrays:: engine::memory:: templates::
fi
logs=target/memcheck
rm -rf "$logs"
mkdir -p "$logs"
tests=$(cargo test --locked --test it --no-run --message-format json |
	sed -n 's/.*"executable":"\([^"]*\/it-[^"]*\)".*/\1/p' | tail -1)
commit=$(git rev-parse --short HEAD)$(git diff --quiet HEAD || echo " and changes")
verdict=passed
valgrind --tool=memcheck --leak-check=full --show-leak-kinds=definite \
	--errors-for-leak-kinds=definite --suppressions=tools/memcheck.supp --error-exitcode=9 \
	--num-callers=40 --log-file="$logs/%p" "$tests" --test-threads=1 "$@" | tee "$logs/out" || verdict=FAILED
count=$(sed -n 's/^test result: .* \([0-9]*\) passed.*/\1/p' "$logs/out")
reports=$(awk '/ERROR SUMMARY/ { sum += $4 } END { print sum + 0 }' "$logs"/[0-9]*)
echo "| $(date -u +%F) | $(cargo pkgid | sed 's/.*[#@]//') | $commit | R14 | - |" \
	"${count:-0} | tests under memcheck, $reports reports | $verdict |"
if [[ $verdict == FAILED ]]; then
	echo "tools/memcheck.sh: what was found is in $logs" >&2
	exit 1
fi
