# Every command that a developer types. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
# uv from the machine when it is there, else one of our own in .uv.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
# A network may have a certificate authority of its own, which the machine knows and uv does not.
export UV_SYSTEM_CERTS ?= true
UV_TOOL := $(if $(findstring .uv,$(UV)),.uv/bin/uv)
MEMBERS := $(patsubst %/pyproject.toml,%,$(wildcard protos/pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml edge/pyproject.toml sdk/pyproject.toml cli/pyproject.toml plc_sim/pyproject.toml bench/pyproject.toml apps/*/pyproject.toml))
# What the contracts must not break: the latest release, or the commit before the last when there is none yet.
BASELINE := $(shell git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || git rev-parse -q --verify HEAD~1 || echo HEAD)

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.uv/bin/uv:
	$(PYTHON) -m venv .uv && .uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# The environment is current when its stamp is newer than the lock and every member's pyproject.
# All is compiled at once: a platform's eleven processes, started together, would each compile the same again.
$(VENV)/.stamp: requirements.lock $(addsuffix /pyproject.toml,$(MEMBERS)) | $(UV_TOOL)
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(addprefix -e ./,$(MEMBERS))
	@$(BIN)/python -m compileall -q -j 0 $(MEMBERS)
	@touch $@

.PHONY: setup
setup: $(VENV)/.stamp ## make the environment in .venv

.PHONY: demo
demo: setup ## three simulated plants into the console; ONCE=1 verifies itself and exits
	$(BIN)/dualspan demo $(if $(ONCE),--once)

.PHONY: check
check: setup ## style, types, layers, contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-logo
	$(BIN)/python protos/generate.py --check
	$(BIN)/python protos/contracts.py --against $(BASELINE)

.PHONY: test
test: setup ## tests of this machine; SUITE=unit|integration|e2e|fuzz|browser|engine|cluster for one
	$(BIN)/python tests/run.py $(SUITE) $(if $(ARGS),-- $(ARGS))

.PHONY: bench
bench: setup ## the product beside its peers; ONLY=<measure> for one
	$(BIN)/python -m dualspan_bench $(if $(ONLY),--only $(ONLY))

.PHONY: faults
faults: setup ## what is found of the faults that the simulated plants have; ARGS='--seeds 1' for fewer
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m harness.seeded_faults $(ARGS)

.PHONY: protos
protos: setup ## write the stubs from the contracts
	$(BIN)/python protos/generate.py

.PHONY: format
format: setup ## format the sources and mend what can be mended
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: lock
lock: | $(UV_TOOL) ## resolve every version again, with hashes
	$(UV) pip compile --quiet --universal --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links \
	  --group dev $(foreach p,$(shell sed -n 's/^name = "\(.*\)"/\1/p' $(addsuffix /pyproject.toml,$(MEMBERS))),--no-emit-package $(p)) \
	  pyproject.toml $(addsuffix /pyproject.toml,$(MEMBERS)) --output-file requirements.lock --custom-compile-command "make lock"

.PHONY: clean
clean: ## remove the environment and everything that tools left behind
	rm -rf $(VENV) .uv .pytest_cache .ruff_cache .hypothesis .import_linter_cache .dualspan
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
