# The commands of the README. Each sets up what it needs in .venv and works with nothing but make and Python.

PYTHON ?= python3
# Where it is set up. A second place is for another Python beside the first: make bench PYTHON=… VENV=build/venv
VENV ?= .venv
BIN := $(VENV)/bin
CONFIG ?= config.example.yml

.PHONY: demo run test check bench clean

demo: $(VENV)/.run
	$(BIN)/mailprobe demo

run: $(VENV)/.run
	$(BIN)/mailprobe run --config.file=$(CONFIG)

test: $(VENV)/.dev
	$(BIN)/pytest $(PYTEST_ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.dev
	@mkdir -p build
	$(BIN)/python -m tests.bench --json build/bench.json $(BENCH_ARGS)

clean:
	rm -rf .venv build dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "mailprobe needs Python 3.11 or newer, and $(PYTHON) is not. Install one (Debian: apt install python3)"; \
	  echo "and name it if it has another name: make PYTHON=python3.12 demo"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv module. Debian and Ubuntu keep it in a package of its own: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.python pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,check]'
	@touch $@ $(VENV)/.run
