#!/usr/bin/env bash
# Mutation testing (R16): each mutant of deduplication, correlation, journal and ledger must fail
# a test. Parts are built alone, from the very sources, as the whole program takes minutes a mutant.
#
#   tools/mutants.sh dedup|correlate|journal|ledger [arguments of cargo mutants]
set -euo pipefail
cd "$(dirname "$0")/.."
part=${1:?dedup, correlate, journal or ledger}
shift
root=$PWD
place=$root/target/mutants/$part

rm -rf "$place"
mkdir -p "$place"/{journal,engine}/src "$place"/engine/{src/emit,tests}
cp -r dataflows "$place/dataflows"
cp -r .cargo Cargo.lock "$place/"
cp tools/mutants/journal/Cargo.toml "$place/journal/"
cp -r tools/mutants/journal/lib.rs src/{journal,journal.rs,chance.rs,disk.rs} "$place/journal/src/"
mkdir -p "$place/journal/fixtures"
cp -r fixtures/journal "$place/journal/fixtures/"
cp tools/mutants/engine/Cargo.toml "$place/engine/"
cp -r tools/mutants/engine/lib.rs src/runtime src/runtime.rs "$place/engine/src/"
for name in digest ledger table wire; do
	cp -r src/emit/$name* "$place/engine/src/emit/"
done
cp -r tools/mutants/engine/tests/it.rs tests/it/engine "$place/engine/tests/"
cat >"$place/Cargo.toml" <<'T'
[workspace]
resolver = "3"

[profile.dev]
opt-level = 0
debug = false

[profile.dev.package.causeway-journal]
opt-level = 1

[profile.dev.package."*"]
opt-level = 2

T
# Members: every one is built and tested for each mutant. Then the tables that they inherit from.
case $part in
journal) sed -i '1a members = ["journal"]' "$place/Cargo.toml" ;;
*) sed -i '1a members = ["dataflows", "engine"]' "$place/Cargo.toml" ;;
esac
awk '/^\[/ { keep = /^\[workspace\./ } keep' Cargo.toml >>"$place/Cargo.toml"

export CARGO_TARGET_DIR=$root/target/mutants/build-$part
mutants() {
	cargo mutants --in-place --timeout-multiplier 3 --test-workspace true --dir "$place" --output "$place" --no-shuffle --colors never "$@"
}

case $part in
dedup | correlate)
	mutants -f "dataflows/src/$part/**" "$@" -- \
		--lib --test it -- "$part::" pipeline:: engine::
	;;
journal)
	# `testing` is a disk made up for tests.
	mutants -f 'journal/src/journal/**' -f journal/src/journal.rs -e '**/testing*' -e '**/testing/**' "$@"
	;;
ledger)
	mutants -f 'engine/src/emit/ledger/**' -f engine/src/emit/ledger.rs -f engine/src/emit/table.rs "$@" -- --lib --test it -- ledger table told
	;;
*)
	echo "tools/mutants.sh: $part is none of dedup, correlate, journal, ledger" >&2
	exit 64
	;;
esac
