# `make run` and `make test` do all set-up themselves; the second time they start at once.

PYTHON ?= python3
PARAMETERS ?= parameters/default.yaml
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
SETS := run test dev

.PHONY: run test check lock clean lab help

run: $(VENV)/.run
	$(BIN)/bondx run -f $(PARAMETERS)

test: $(VENV)/.test
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --fail-under=90

lab: $(VENV)/.run
	$(BIN)/jupyter lab --ServerApp.ip=127.0.0.1 notebooks/controller.ipynb

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/nbstripout --verify notebooks/*.ipynb
	$(BIN)/pre-commit validate-config

lock: $(VENV)/.dev
	for set in $(SETS); do PATH="$(CURDIR)/$(BIN):$$PATH" locks/make-lock $$set || exit 1; done

clean:
	rm -rf $(VENV) .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis

help:
	@echo "make run    set up, then run $(PARAMETERS) to a verdict (PARAMETERS=... for others)"
	@echo "make test   set up, then run all tests with coverage"
	@echo "make lab    set up, then open the controller notebook in JupyterLab"
	@echo "make check  set up, then run all linters"
	@echo "make lock   resolve the dependencies anew"

# A stamp holds until its lock or the project's metadata change. Sets grow: run < test < dev.
$(VENV)/.run: locks/run.txt pyproject.toml | $(BIN)/python
	locks/install "$(BIN)/python" locks/run.txt "$(UV)"
	@touch $@

$(VENV)/.test: locks/test.txt pyproject.toml | $(BIN)/python
	locks/install "$(BIN)/python" locks/test.txt "$(UV)"
	@touch $@ $(VENV)/.run

$(VENV)/.dev: locks/dev.txt pyproject.toml | $(BIN)/python
	locks/install "$(BIN)/python" locks/dev.txt "$(UV)"
	@touch $@ $(VENV)/.test $(VENV)/.run

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "error: $$($(PYTHON) --version 2>&1) will not do; Python 3.11, 3.12 or 3.13 is needed:" \
	    "make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
