# `make help` lists the commands. Needs GNU make 3.81 or newer and Python 3.11 or newer.
#
#   make venv PYTHON=python3.13       another Python
#   make report ARGS="--set language=zh"
#   make test ARGS="-k markov"        further arguments to the command behind a target

PYTHON ?= python3
ARGS ?=
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

# Start-up is quick only with compiled bytecode.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv report lab test test-all lint types format lock bench clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

venv: $(READY)  ## make .venv and install everything from the lock

report: $(READY)  ## publish the report site of the sample and print where it is
	@$(BIN)/attribution report $(ARGS)

lab: $(READY)  ## open JupyterLab on notebooks/
	$(BIN)/jupyter lab $(ARGS) notebooks/

test: $(READY)  ## run what CI runs: every test that is not marked slow
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile $(ARGS)

test-all: $(READY)  ## run every test
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(READY)  ## check style and layout
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## check types
	$(BIN)/mypy

format: $(READY)  ## lay out the code, and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The build backend and what it needs for an editable install are locked too, so that the project
# itself installs without a network.
lock:  ## renew requirements.lock (needs uv)
	@command -v $(UV) >/dev/null || { \
	  echo "uv is not installed: see its documentation, or say where it is with UV=..." >&2; exit 1; }
	printf 'hatchling\neditables\n' | $(UV) pip compile --upgrade --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links \
	  --extra dev --extra lab --extra test --quiet --output-file requirements.lock \
	  pyproject.toml -

bench: $(READY)  ## measure every number the project promises, into benchmarks/README.md
	$(PIP) --editable ".[benchmark]"
	$(BIN)/python -m benchmarks $(ARGS)

clean:  ## remove .venv, caches and build output; reports stay
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find attribution benchmarks data notebooks tests \
	  \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

$(LOCKED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is missing or older than Python 3.11:" \
	    "install one, or name another with: make venv PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments." \
	    "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements.lock
	@touch $@

$(READY): $(LOCKED) pyproject.toml
	$(PIP) --no-index --no-build-isolation --no-deps --editable .
	$(BIN)/python -m compileall -q attribution
	@touch $@
