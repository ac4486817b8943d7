#!/usr/bin/env bash
# Tests under AddressSanitizer with its search for leaks (R14): our own code has no unsafe block,
# so what can go wrong is in the libraries, those written in C among them, and in how they are called.
#
#   tools/sanitize.sh [filters of tests]
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(rustc -vV | sed -n 's/^host: //p')
if ! rustc +nightly --version >/dev/null 2>&1; then
	echo "tools/sanitize.sh: sanitizers need Rust's nightly toolchain: rustup toolchain install nightly" >&2
	exit 69
fi
# Only what is built for the target gets the flags: not build scripts, which have a target of none.
variable=${target//-/_}
export "CFLAGS_$variable=-fsanitize=address -fno-omit-frame-pointer -g1"
export "CARGO_TARGET_${variable^^}_RUSTFLAGS=-Zsanitizer=address"
export CARGO_PROFILE_DEV_OPT_LEVEL=0 CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target/sanitize}
cargo +nightly test --locked --target "$target" --test it --no-run
cargo +nightly test --locked --target "$target" --test it -- "$@"
