# `make` alone lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PY := .venv/bin/python
UV := .venv/bin/uv
DISTRIBUTIONS := clients/python clients/azureml services/kit services/artifacts services/images services/runs \
	services/models services/inference services/agent services/standalone
SETTINGS := requirements.lock $(addsuffix /pyproject.toml,$(DISTRIBUTIONS))
BASE ?= HEAD# what the contracts must stay compatible with
CODE := clients services tests tools $(wildcard demo)

.PHONY: help setup lock protos format check test torture demo bench clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: .venv/.ready ## make .venv from requirements.lock (PYTHON=... names the interpreter)

.venv/.ready: $(SETTINGS) tools/find_python
	@test -x $(PY) || "$$(bash tools/find_python)" -m venv .venv
	@mkdir -p build
	@awk '/^uv==/{found=1} found{print} found && !/\\$$/{exit}' requirements.lock > build/uv.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r build/uv.txt
	@$(UV) pip sync --quiet --compile-bytecode --python $(PY) --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(PY) --no-deps $(addprefix -e ./,$(DISTRIBUTIONS))
	@$(PY) -m compileall -q clients services
	@touch $@

lock: setup ## resolve requirements-dev.in into requirements.lock (UPGRADE=1: to the newest versions)
	@$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --fork-strategy fewest \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade) \
		$$(sed -n 's/^name = "\(.*\)"/--no-emit-package \1/p' $(addsuffix /pyproject.toml,$(DISTRIBUTIONS))) \
		--output-file requirements.lock requirements-dev.in

protos: setup ## generate clients/python/orris/*/v* from protos/
	@$(PY) tools/generate_protos.py

format: setup ## format and mend what the formatters can
	@.venv/bin/ruff format --quiet $(CODE)
	@.venv/bin/ruff check --quiet --fix $(CODE)
	@.venv/bin/buf format --write

check: setup ## format, lint, types, import rules, contracts
	.venv/bin/ruff format --quiet --check $(CODE)
	.venv/bin/ruff check --quiet $(CODE)
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	.venv/bin/buf lint
	.venv/bin/buf format --diff --exit-code
	.venv/bin/buf breaking --against '.git#ref=$(BASE)'
	$(PY) tools/generate_protos.py --check

test: setup ## run the tests (ARGS=... goes to pytest)
	@$(PY) -m pytest $(ARGS)

torture: setup ## kill everything at random during 300 runs, then check every record (ARGS="--runs 1000")
	@$(PY) -m tests.e2e.torture $(ARGS)

demo: setup ## the whole story on this machine
	@$(PY) demo/run.py

bench: setup ## measure what the README claims (ARGS="--only SUBJECT")
	@$(PY) tests/bench/run.py $(ARGS)

clean: ## remove what was made
	rm -rf .venv build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
