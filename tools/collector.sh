#!/bin/sh
# An OpenTelemetry Collector for the tests, built once from its released Go modules into
# target/collector. Without Go, or without the modules, the test of it is left out, and this says
# so: there is no Debian package.
set -eu
cd "$(dirname "$0")/.."
BUILT=$PWD/target/collector/otelcol
GO=1.26

left_out() {
	echo "!! no OpenTelemetry Collector: $1; the test that one feeds us was left out"
	exit 0
}

is_built() {
	[ -x "$BUILT" ] && [ -z "$(find tests/collector -type f -newer "$BUILT")" ]
}

is_built && exit 0
command -v go >/dev/null 2>&1 || left_out "Go $GO or later is not installed"
have=$(go env GOVERSION | sed 's/^go//')
[ "$(printf '%s\n' "$GO" "$have" | sort -V | head -1)" = "$GO" ] || left_out "Go $GO is needed, not $have"
mkdir -p "$(dirname "$BUILT")"
rm -f "$BUILT"
cp tests/collector/go.mod tests/collector/main.go "$(dirname "$BUILT")"
cd "$(dirname "$BUILT")"
go mod tidy || left_out "its modules cannot be fetched"
go build -trimpath -ldflags='-s -w' -o "$BUILT.new" .
mv "$BUILT.new" "$BUILT"
