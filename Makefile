# Two commands are enough for a newcomer: `make demo` and `make test`. Both set up what they need.
SHELL := /bin/bash
PYTHON ?= python3
UV := .tools/bin/uv
BIN := .venv/bin
ARGS ?=
MANARA_DATA ?= $(shell [ -d ../shared/data ] && cd ../shared/data && pwd)
export MANARA_DATA

.PHONY: demo test install journeys soak bench lint clean

demo: install  ## a living map of a fictional sea; make demo ARGS="--no-browser --port 8777"
	$(BIN)/manara demo $(ARGS)

test: install  ## everything that CI checks in under fifteen minutes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -m "not soak and not journey" -n 2 $(ARGS)

journeys: install  ## every browser journey
	$(BIN)/python -m pytest -q -m journey $(ARGS)

soak: install  ## the long form of everything
	$(BIN)/python -m pytest -q -m "soak" -n 2 $(ARGS)

bench: install  ## figures into bench/results
	$(BIN)/python bench/run.py $(ARGS)

install: .venv/installed src/manara/desk/static/index.html .venv/warm

.tools/bin/uv:
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet "uv==0.13.9"

.venv/installed: pyproject.toml uv.lock | .tools/bin/uv
	$(UV) sync --quiet --locked
	touch $@

# One target stands for the whole web build; it is made anew when a source of it is newer.
src/manara/desk/static/index.html: .venv/installed $(shell find web -path web/node_modules -prune -o -type f -print)
	$(BIN)/python tools/build_web.py
	touch $@

.venv/warm: .venv/installed $(shell find src/manara/kernels -name '*.py')
	$(BIN)/python tools/warm_kernels.py
	touch $@

clean:
	rm -rf .venv .tools .cache web/node_modules src/manara/desk/static
