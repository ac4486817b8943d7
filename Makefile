# Everything a person or a machine runs here has a target; `make` lists them.
.DEFAULT_GOAL := help
CARGO ?= cargo
DENY_VERSION := 0.20.2
MUTANTS_VERSION := 27.1.0
DENY := target/tools/bin/cargo-deny
MUTANTS := target/tools/bin/cargo-mutants

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

demo: packages ## build the release binary and run a storm through it
	$(CARGO) build --release --locked
	./target/release/causeway demo

test: test-packages ## everything that CI runs: lints, tests, docs, licences
	./tools/check.sh

bench: packages ## the tables of README.md, each with the command that made it
	$(CARGO) bench --locked

quality: ## grouping and cause on public data sets: make quality DATA=path
	$(CARGO) bench --locked --bench quality -- $(DATA)

KILLS ?= 1000
TOGETHER ?= 300
FAULTS ?= 5
FLIPS ?= 2000
STOPS ?= 50
HISTORIES ?= 200
FLOODS ?= 1
AWAY ?= 30
MEMORY ?= 1536
INPUTS ?= 100000
SIMULATIONS ?= 20000
ORACLE ?= 5000
RECORDS ?= 100000
BROKERS ?= 20
OUTAGE ?= 20
SEED ?= 1
torture: packages ## kill and damage it, rows in tests/torture/LEDGER.md: make torture KILLS=n SEED=n MINUTES=n
	test -n "$(CAUSEWAY_BIN)" || $(CARGO) build --release --locked
	CAUSEWAY_BIN=$(or $(CAUSEWAY_BIN),$(CURDIR)/target/release/causeway) TORTURE_LEDGER=tests/torture/LEDGER.md \
	TORTURE_KILLS=$(KILLS) TORTURE_KILLS_TOGETHER=$(TOGETHER) TORTURE_FAULTS=$(FAULTS) TORTURE_FLIPS=$(FLIPS) TORTURE_STOPS=$(STOPS) TORTURE_HISTORIES=$(HISTORIES) \
	TORTURE_FLOODS=$(FLOODS) TORTURE_AWAY=$(AWAY) TORTURE_MEMORY=$(MEMORY) TORTURE_INPUTS=$(INPUTS) TORTURE_FUZZ=$(FUZZ) TORTURE_SIMULATIONS=$(SIMULATIONS) TORTURE_ORACLE=$(ORACLE) TORTURE_RECORDS=$(RECORDS) TORTURE_BROKERS=$(BROKERS) TORTURE_OUTAGE=$(OUTAGE) TORTURE_SEED=$(SEED) TORTURE_MINUTES=$(MINUTES) \
	$(CARGO) test --locked --test it torture:: -- --nocapture --test-threads=1

PARTS ?= journal ledger dedup correlate
mutants: $(MUTANTS) ## each mutant of PARTS must fail a test: make mutants PARTS=journal SHARD=0/4
	for part in $(PARTS); do PATH="$(CURDIR)/target/tools/bin:$$PATH" ./tools/mutants.sh $$part $(if $(SHARD),--shard $(SHARD) --sharding round-robin) || exit; done

memcheck: test-packages ## tests that go through libraries in C under valgrind's memcheck
	@./tools/packages.sh memcheck
	./tools/memcheck.sh

kafka: ## run a broker of Apache Kafka on 127.0.0.1:9092 until Ctrl-C
	./tools/kafka.sh run

packages: ## install what the build needs
	@./tools/packages.sh

test-packages: ## install what the tests need as well, a Kafka broker and a collector among it
	@./tools/packages.sh tests
	@./tools/kafka.sh fetch
	@./tools/collector.sh

$(DENY):
	$(CARGO) install --locked --debug --root target/tools --version $(DENY_VERSION) cargo-deny

$(MUTANTS):
	$(CARGO) install --locked --debug --root target/tools --version $(MUTANTS_VERSION) cargo-mutants

deny: $(DENY) ## licences, bans and sources of every dependency
	$(DENY) check bans licenses sources

# MINUTES bounds each part; FUZZ gives each reader of bytes so many minutes in place of INPUTS; AWAY is how many minutes a sink is away; CAUSEWAY_BIN names a program that is built already.
.PHONY: help demo test bench quality torture mutants memcheck kafka packages test-packages deny
