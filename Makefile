# Two commands do everything: `make demo` and `make test`. Both set up .venv from the hash-locked lists first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

UV     ?= uv
ENGINE ?= docker

.PHONY: help setup demo test lint types laws unit faults bench lock tables image pictures clean

help:            ## what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

setup: $(STAMP)  ## a virtual environment from the hash-locked lists

$(STAMP): requirements/build.txt requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=python3.12, say." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements/build.txt
	$(PIP) install --require-hashes --no-build-isolation -r requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP)   ## the main job on the embedded store and sandbox providers
	$(BIN)/gateway demo

test: lint types laws unit  ## everything that .ci/run runs

lint: $(STAMP)   ## style and form of the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## mypy, strict
	$(BIN)/mypy

laws: $(STAMP)   ## who may import whom
	$(BIN)/lint-imports --no-cache

unit: $(STAMP)   ## the tests, with real parts
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist worksteal -m "not alone"
	$(BIN)/pytest -m alone

faults: $(STAMP) ## faults by lot on a real store, some minutes: nothing twice, nothing lost, no cap passed
	$(BIN)/python -m tests.faults.campaign --seeds 20 --jobs 400

bench: $(STAMP)  ## CPU per message; the README states the figures
	$(BIN)/python -m benchmarks.run

# Nothing else needs uv: it alone writes one list for all platforms, with the hash of every file.
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade
lock:            ## the hash-locked lists anew, from pyproject.toml (needs uv)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv, which nothing else does: install it (pip install uv), or set UV=/path/to/uv" >&2; exit 1; }
	$(COMPILE) pyproject.toml --extra dkim -o requirements/run.txt
	$(COMPILE) pyproject.toml requirements/dev.in --extra dkim -c requirements/run.txt -o requirements/dev.txt
	$(COMPILE) requirements/build.in -o requirements/build.txt

tables: $(STAMP) ## the tables of providers in the READMEs, from the facts that they declare
	$(BIN)/python -m channels.table

image:           ## a container image (ENGINE=docker, podman or buildah)
	$(ENGINE) build --tag gateway .

pictures: $(STAMP) ## the pictures of docs/console.md, by the browser test that walks the living console
	PICTURES=docs/images $(BIN)/pytest -q tests/cli/test_living_console.py

clean:           ## forget the virtual environment and the demo's data
	rm -rf $(VENV) var
