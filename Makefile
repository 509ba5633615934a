# Every command that a developer types. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
# uv from the machine when it is there, else one of our own in .uv.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
MEMBERS := $(patsubst %/pyproject.toml,%,$(wildcard protos/pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml edge/pyproject.toml sdk/pyproject.toml cli/pyproject.toml plc_sim/pyproject.toml bench/pyproject.toml))

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.uv/bin/uv:
	$(PYTHON) -m venv .uv && .uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# The environment is current when its stamp is newer than the lock and every member's pyproject.
$(VENV)/.stamp: requirements.lock $(addsuffix /pyproject.toml,$(MEMBERS)) | $(if $(findstring .uv,$(UV)),.uv/bin/uv)
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(addprefix -e ./,$(MEMBERS))
	@touch $@

.PHONY: setup
setup: $(VENV)/.stamp ## make the environment in .venv

.PHONY: lock
lock: | $(if $(findstring .uv,$(UV)),.uv/bin/uv) ## resolve every version again, with hashes
	$(UV) pip compile --quiet --universal --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links \
	  --group dev $(foreach p,$(shell sed -n 's/^name = "\(.*\)"/\1/p' $(addsuffix /pyproject.toml,$(MEMBERS))),--no-emit-package $(p)) \
	  pyproject.toml $(addsuffix /pyproject.toml,$(MEMBERS)) --output-file requirements.lock --custom-compile-command "make lock"
