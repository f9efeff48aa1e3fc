# Two commands are enough for a newcomer: `make demo` and `make test`. Both set up what they need, inside this folder.
SHELL := /bin/bash
PYTHON ?= python3
UV := .tools/bin/uv
UV_VERSION := 0.13.9
BIN := .venv/bin
ARGS ?=
# The recordings are not ours to ship; tests that need them are skipped where this is empty.
MANARA_DATA ?= $(shell [ -d ../shared/data ] && cd ../shared/data && pwd)
export MANARA_DATA

.PHONY: help demo test install journeys soak bench bundle lint lint-rules lint-form lint-types clean

help:  ## what there is
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: install  ## a living map of a fictional sea; make demo ARGS="--no-browser --port 8777"
	$(BIN)/manara demo $(ARGS)

# All four run even when an earlier one fails: one run shows everything that is wrong.
test: install  ## everything that is checked on every change, in under fifteen minutes
	@status=0; \
	$(MAKE) --no-print-directory -k lint || status=1; \
	$(BIN)/python -m pytest -q -m "not soak and not journey" -n 2 $(ARGS) || status=$$?; \
	exit $$status

lint: install lint-rules lint-form lint-types  ## style and types only
lint-rules: ; $(BIN)/ruff check .
lint-form: ; $(BIN)/ruff format --check .
lint-types: ; $(BIN)/mypy

journeys: install  ## every browser journey
	$(BIN)/python -m pytest -q -m "journey and not soak" $(ARGS)

soak: install  ## the long form of everything
	$(BIN)/python -m pytest -q -m soak -n 2 $(ARGS)

bench: install  ## figures into bench/results
	$(BIN)/python bench/run.py $(ARGS)

bundle: install  ## one file in dist/ for a machine without a network
	$(BIN)/python tools/bundle.py

install: .venv/installed src/manara/desk/static/index.html .venv/warm  ## .venv/bin/manara, the web page, the kernels

# Made anew when its version changes, or when the checkout was moved (a venv knows its own path).
.tools/uv-$(UV_VERSION):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "manara needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Say: make PYTHON=python3.12 ..." >&2; exit 1; }
	@rm -rf .tools
	@$(PYTHON) -m venv .tools \
	  || { echo "$(PYTHON) cannot make a venv; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	@touch $@

.venv/installed: pyproject.toml uv.lock | .tools/uv-$(UV_VERSION)
	@$(UV) sync --quiet --locked --python $(PYTHON)
	@touch $@

# One target stands for the whole web build; it is made anew when a source of it is newer.
src/manara/desk/static/index.html: .venv/installed $(shell find web \( -path web/node_modules -o -path web/dist \) -prune -o -type f -print 2>/dev/null)
	@$(BIN)/python tools/build_web.py
	@touch $@

.venv/warm: .venv/installed $(shell grep -rl --include='*.py' njit src/manara 2>/dev/null)
	@$(BIN)/python tools/warm_kernels.py
	@touch $@

clean:  ## back to a fresh clone
	rm -rf .venv .tools .cache web/node_modules web/dist src/manara/desk/static
