#!/usr/bin/env bash
# Everything that must hold before a change lands, cheapest first.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}

step() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }

step "format"
if cargo fmt --version >/dev/null 2>&1; then
	cargo fmt --all --check
else
	echo "!! rustfmt is not installed: formatting was NOT checked (rustup component add rustfmt)"
fi

step "lints"
if cargo clippy --version >/dev/null 2>&1; then
	cargo clippy --workspace --all-targets --locked -- -D warnings
else
	echo "!! clippy is not installed: lints were NOT checked (rustup component add clippy)"
fi

step "the broker that tests start"
./tools/kafka.sh fetch

step "the collector that a test starts"
./tools/collector.sh

step "tests"
# A test that hangs ends here and is the one reported as "running for over 60 seconds".
cargo test --workspace --locked --no-run
timeout 30m cargo test --workspace --locked || { echo "!! tests failed, or ran for 30 minutes"; exit 1; }

step "a build without Kafka"
cargo check --locked --no-default-features

step "benches build"
# With the profile of the tests, so that nothing is compiled twice.
cargo bench --workspace --locked --profile dev --no-run

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

step "licences, bans and sources of dependencies"
make --no-print-directory deny

step "done"
