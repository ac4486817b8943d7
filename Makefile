# Everything a person or a machine runs here has a target; `make` lists them.
.DEFAULT_GOAL := help
CARGO ?= cargo
DENY_VERSION := 0.20.2
DENY := target/tools/bin/cargo-deny

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

packages: ## install what the build needs
	@./tools/packages.sh

test-packages: ## install what the tests need as well
	@./tools/packages.sh tests

$(DENY):
	$(CARGO) install --locked --debug --root target/tools --version $(DENY_VERSION) cargo-deny

deny: $(DENY) ## licences, bans and sources of every dependency
	$(DENY) check bans licenses sources

.PHONY: help demo test bench quality packages test-packages deny
