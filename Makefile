# `make setup` puts everything into .venv; the command is then .venv/bin/threadlore. GNU make 3.81 or newer.
# What `make check` runs is what CI runs (.ci/run).

BIN := .venv/bin
UV ?= uv
THREADLORE := $(BIN)/threadlore
DATA ?=
BENCH_MESSAGES ?= 100000

.PHONY: help setup demo test check lint fmt eval beside bench soak fuzz audit day lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' Makefile

setup: ## everything into .venv; some minutes the first time, because llama.cpp is compiled
	@sh tools/setup.sh
	@sh tools/emulate.sh

demo: setup ## a question about a sample workspace, with embedded servers and models
	@$(THREADLORE) demo

test: setup ## set up, then check
	@$(MAKE) --no-print-directory check

check: lint ## lint, types, import rules and tests; needs `make setup`
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

fmt: ## put every file into the format, and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

eval: setup ## measure retrieval on question sets: make eval DATA="--data DIR --data DIR"
	@test -n "$(DATA)" || { echo 'Name the data sets: make eval DATA="--data DIR ..."' >&2; exit 2; }
	$(THREADLORE) eval retrieval $(DATA)

bench: setup ## measure speed on made-up talk: search over BENCH_MESSAGES, indexing, freshness
	$(THREADLORE) bench retrieval --messages $(BENCH_MESSAGES)
	$(THREADLORE) bench index
	$(THREADLORE) bench freshness

beside: setup ## measure our search beside LangChain's vector store and plain BM25; DATA as for eval, JSON=1
	@test -n "$(DATA)" || { echo 'Name the data sets: make beside DATA="--data DIR ..."' >&2; exit 2; }
	@sh tools/beside.sh $(DATA)

soak: setup ## load and fault runs in full size; hours, and prints what it measures
	$(BIN)/python -m pytest tests/chaos tests/load tests/integration/test_wall.py \
	  tests/properties/test_prompt_fits.py --full --timeout 7200

fuzz: setup ## feed parsers and renderers what reaches new code, and property tests new examples; FUZZ_SECONDS, FUZZ_TARGETS
	@sh tools/fuzz.sh

audit: ## ask for known weaknesses of the pinned packages; needs uv or pip-audit, and its advisory service
	@sh tools/audit.sh

day: setup ## live the sample's day on a local Slack server; writes docs/slack-day.md and its picture
	$(BIN)/python -m tests.load.write_day

# Pinned, with hashes, for Linux and macOS and every Python from 3.11. A release must be a week old to enter.
lock: ## write both lock files anew from pyproject.toml; needs uv
	$(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	  --exclude-newer "7 days" --upgrade --quiet --extra local --extra dev --extra plots --output-file requirements.lock pyproject.toml
	$(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	  --exclude-newer "7 days" --upgrade --quiet --constraint requirements.lock --no-annotate \
	  --output-file requirements.run.lock pyproject.toml

clean: ## remove caches and build products; the set-up stays (remove .venv to begin anew)
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name .venv -prune -o -name __pycache__ -type d -print | xargs rm -rf
