# Waterworks. `make help` lists what there is; everything else needs nothing but Python and make.
PYTHON ?= python3
DAYS ?= 0
BIN := .venv/bin
PYTEST = $(BIN)/pytest -n auto --maxprocesses 4 --dist loadgroup
UV_VERSION := $(shell sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements.txt)
# The interpreter of the environment goes first, for the commands that start each other.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# Trust the certificates that the machine trusts: a company's proxy has its own.
export UV_SYSTEM_CERTS := 1

.DEFAULT_GOAL := help
.PHONY: help run test-unit test test-all test-nightly mutate parity lint docs bench lock clean

help:  ## Say what there is.
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22
	@echo "  make run DAYS=3     lets the company live three more days first"
	@echo "  make run SCALE=10   makes a larger company ('make clean' first)"

run: .venv/installed profiles.yml  ## Start the sample company, load it, build and document the warehouse.
	@$(BIN)/demo run --live $(DAYS) $(if $(SCALE),--scale $(SCALE))

test-unit: .venv/installed profiles.yml  ## Run the tests that need no server and no build: a minute.
	@$(PYTEST) --tier test-unit

test: .venv/installed profiles.yml  ## Run what a pull request needs, on real servers that the tests start themselves: a quarter of an hour.
	@$(PYTEST) --tier test

test-all: .venv/installed profiles.yml  ## Run every kind of proof, on three engines; needs Python 3.13 too: half an hour.
	@$(PYTEST) --tier test-all

test-nightly: .venv/installed profiles.yml  ## Run all of it, nothing sampled: every kill, every history, every day: hours.
	@$(PYTEST) --tier test-nightly

mutate: .venv/installed profiles.yml  ## Break twenty places that matter, one by one: does a test of `make test` notice?
	@PYTHONPATH=tests $(BIN)/python -m mutate

parity: .venv/installed  ## Build all on DuckDB, PostgreSQL and a stand-in for BigQuery, and compare every row.
	@PYTHONPATH=tests $(BIN)/python -m engines.parity

lint: .venv/installed profiles.yml  ## Check the style of SQL and Python.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python .ci/lint_sql.py
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/mypy
	@$(BIN)/python .ci/check_lengths.py

docs: .venv/installed profiles.yml  ## Serve the documentation of the warehouse on http://127.0.0.1:8080.
	@$(BIN)/dbt docs serve --host 127.0.0.1 --port 8080 --no-browser

bench: .venv/installed profiles.yml  ## Measure, and write docs/benchmarks.md.
	@$(BIN)/python -m benchmarks

lock: .venv/installed  ## Resolve the dependencies again: requirements.txt, and that of the stand-in for BigQuery.
	@$(BIN)/uv pip compile --quiet pyproject.toml --group demo --group test --group lint --group bench --group build \
		--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade -o requirements.txt
	@cd tests/engines/bigquery && $(CURDIR)/$(BIN)/uv pip compile --quiet requirements.in --override overrides.txt \
		--universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-header --upgrade -o requirements.txt

clean:  ## Stop the sample company and remove all that was made, but for .venv*, profiles.yml and secrets.
	@if [ -x $(BIN)/demo ]; then $(BIN)/demo clean; fi
	@rm -rf .demo-incident target logs .dlt/pipelines warehouse.duckdb warehouse.duckdb.wal published.duckdb

profiles.yml:
	@cp profiles.yml.example profiles.yml

# The environment is made again whenever the lock changes; the marker is written last, so that an
# installation that broke off is not taken for a whole one.
.venv/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Waterworks needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	@echo "Installing the locked dependencies into .venv …"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode requirements.txt
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch .venv/installed
