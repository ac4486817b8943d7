#!/usr/bin/env bash
# Mutation testing (R16): each mutant of deduplication, correlation, journal and ledger must fail
# a test. Parts are built alone, from the very sources, as the whole program takes minutes a mutant.
#
#   tools/mutants.sh dedup|correlate|journal|ledger [arguments of cargo mutants]
set -euo pipefail
cd "$(dirname "$0")/.."
part=${1:?dedup, correlate, journal or ledger}
shift
commit=$(git rev-parse --short HEAD)$(git diff --quiet HEAD || echo " and changes")
root=$PWD
place=$root/target/mutants/$part

rm -rf "$place"
mkdir -p "$place"/{journal,engine}/src "$place"/engine/{src/emit,tests}
cp -r dataflows "$place/dataflows"
cp -r .cargo Cargo.lock "$place/"
cp tools/mutants/mutants.toml "$place/.cargo/"
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
case $part in
journal) sed -i '1a members = ["journal"]' "$place/Cargo.toml" ;;
*) sed -i '1a members = ["dataflows", "engine"]' "$place/Cargo.toml" ;;
esac
# The tables that members inherit from.
awk '/^\[/ { keep = /^\[workspace\./ } keep' Cargo.toml >>"$place/Cargo.toml"

export CARGO_TARGET_DIR=$root/target/mutants/build-$part
# 2 says that some were missed, 3 that some took too long: no reason to stop here.
mutants() {
	cargo mutants --in-place --timeout-multiplier 3 --dir "$place" --output "$place" --no-shuffle --colors never "$@" ||
		[[ $? == [23] ]]
}

# Unit tests are built in seconds; what they miss is for the properties that take minutes.
# files, filters of unit tests, filters of the others: the words before each `--`.
in_turn() {
	local files=() units=() others=()
	while [[ $1 != -- ]]; do files+=(-f "$1") && shift; done && shift
	while [[ $1 != -- ]]; do units+=("$1") && shift; done && shift
	while [[ $1 != -- ]]; do others+=("$1") && shift; done && shift
	mutants "${files[@]}" -C --lib "$@" -- -- "${units[@]}"
	mv "$place/mutants.out" "$place/by_unit"
	local names=() name
	while IFS= read -r name; do
		names+=(-F "^$(sed 's/[^[:alnum:] <>_]/\\&/g' <<<"$name")\$")
	done <"$place/by_unit/missed.txt"
	if ((${#others[@]} && ${#names[@]})); then
		oracle
		mutants "${files[@]}" -C --test=it "${names[@]}" -- -- "${others[@]}"
	fi
}

# Only tests of the package that is changed are run: the oracle becomes one of dataflows.
oracle() {
	cat >>"$place/dataflows/Cargo.toml" <<-'T'
		causeway = { path = "../engine" }
		postcard = { version = "1.1", default-features = false, features = ["use-std"] }

		[[test]]
		name = "it"
		path = "../engine/tests/it.rs"
	T
}

# A row of tests/torture/LEDGER.md, its table of sums aside.
row() {
	local first=$place/by_unit tried missed
	tried=$(cat "$first"/{caught,timeout,missed}.txt | wc -l)
	missed=$(wc -l <"$first/missed.txt")
	if [[ -d $place/mutants.out ]]; then
		# What it tries beside what it was asked for is counted once, where it was asked for.
		missed=$(grep -cFxf "$first/missed.txt" "$place/mutants.out/missed.txt" || true)
	fi
	local caught=$((tried - missed))
	local verdict=passed
	((caught * 10 >= tried * 9)) || verdict=FAILED
	echo "| $(date -u +%F) | $(cargo pkgid | sed 's/.*[#@]//') | $commit | R16 | - |" \
		"$tried | $part $*: $caught fail a test, $missed do not | $verdict |"
	[[ $verdict == passed ]]
}

case $part in
dedup) in_turn 'dataflows/src/dedup/**' -- dedup:: pipeline:: oracle:: -- engine:: -- "$@" ;;
correlate) in_turn 'dataflows/src/correlate/**' -- correlate:: pipeline:: -- engine:: -- "$@" ;;
# `testing` is a disk made up for tests.
journal) in_turn 'journal/src/journal/**' journal/src/journal.rs -- journal:: -- -- -e '**/testing*' -e '**/testing/**' "$@" ;;
ledger) in_turn 'engine/src/emit/ledger/**' engine/src/emit/{ledger,table}.rs -- ledger:: table:: -- told:: -- "$@" ;;
*)
	echo "tools/mutants.sh: $part is none of dedup, correlate, journal, ledger" >&2
	exit 64
	;;
esac
row "$@"
