# `make run` and `make test` do all set-up themselves; the second time they start at once.

PARAMETERS ?= parameters/default.yaml
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
    $$each -c '$(SUPPORTED)' 2>/dev/null && echo $$each && break; done)
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
UV := $(shell command -v uv 2>/dev/null)
# One process more than cores, because some wait for kernels and browsers; tests of one file stay
# together, in the order of tests/conftest.py: slow files first, then folder by folder.
TEST_PROCESSES ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
SIDE_BY_SIDE = -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder
VENV := .venv
BIN := $(VENV)/bin

# A set is installed anew when its lock or the project's metadata change. Sets grow: run, test, dev.
installed = $(VENV)/.installed-$(1)-$(shell cat locks/$(1).txt pyproject.toml | cksum | cut -d' ' -f1)
RUN := $(call installed,run)
TEST := $(call installed,test)
DEV := $(call installed,dev)
BENCHMARK := $(call installed,benchmark)

# Images often set this; then each of many processes would compile the package for itself.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-unit test-integration test-performance test-quality test-faults test-fuzz test-browser check lab lock realism calibrate ceilings reference pages audit benchmark bench-score bench-validate bench-models bench-gates bench-model-gates bench-stopping bench-refinement bench-loop bench-watching bench-sizes clean help
.DELETE_ON_ERROR:

run: $(RUN)
	$(BIN)/bondx run -f $(PARAMETERS)

# Which tests are measured stands in tests/conftest.py.
test: $(TEST)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(SIDE_BY_SIDE)
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

test-unit test-integration test-performance test-quality: test-%: $(TEST)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m $*

# Kills at every write of a run, and at random moments.
test-faults: $(TEST)
	BONDX_FAULTS=all $(BIN)/python -m pytest -s tests/faults

# More than ten thousand spoilt files for the readers.
test-fuzz: $(TEST)
	BONDX_FUZZ=30 $(BIN)/python -m pytest -v tests/fuzz

# The controller in JupyterLab, in Chromium; what it looked like lies in build/screenshots.
test-browser: $(TEST)
	BONDX_BROWSER=required $(BIN)/python -m pytest -v tests/browser

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/nbstripout --verify --keep-id notebooks/*.ipynb
	$(BIN)/pre-commit validate-config

lab: $(RUN)
	$(BIN)/jupyter lab --ServerApp.ip=127.0.0.1 notebooks/controller.ipynb

lock: $(DEV)
	locks/resolve "$(BIN)/uv" $(UPGRADE)

realism: $(RUN)
	$(BIN)/bondx realism --save

calibrate: $(RUN)
	$(BIN)/bondx calibrate --workers 2

ceilings: $(RUN)
	$(BIN)/bondx ceilings --workers 2

reference: $(RUN)
	$(BIN)/bondx reference --workers 2

benchmark: $(RUN)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python benchmarks/generator.py

bench-score: $(RUN)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python benchmarks/score.py

bench-validate: $(RUN)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python benchmarks/validate.py

bench-models: $(BENCHMARK)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python benchmarks/models.py

bench-gates: $(RUN)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python benchmarks/gates.py

bench-model-gates: $(RUN)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python benchmarks/model_gates.py

bench-stopping: $(RUN)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python benchmarks/stopping.py

bench-refinement: $(RUN)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python benchmarks/refinement.py

bench-loop: $(RUN)
	$(BIN)/python benchmarks/loop.py

bench-watching: $(RUN)
	$(BIN)/python benchmarks/watching.py

# Asks the package index for known weaknesses of what is locked; fetches its tool from there too.
audit: $(DEV)
	$(BIN)/uv tool run pip-audit --no-deps --disable-pip -r locks/dev.txt

pages: $(RUN)
	$(BIN)/python docs/reference_pages.py

bench-sizes: $(RUN)
	$(BIN)/python benchmarks/sizes.py

clean:
	rm -rf $(VENV) build .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

help:
	@echo "make run    set up, then run $(PARAMETERS) to a verdict (PARAMETERS=... for another file)"
	@echo "make test   set up, then run all tests and measure their coverage"
	@echo "make test-unit, -integration, -performance, -quality  run one kind of tests"
	@echo "make test-faults  kill runs at every write and at random, and compare what is left (an hour)"
	@echo "make test-browser  drive the controller notebook in Chromium (minutes)"
	@echo "make lab    set up, then open the controller notebook in JupyterLab"
	@echo "make check  set up, then check style, types, imports and notebooks"
	@echo "make lock   resolve the dependencies (UPGRADE=--upgrade for the newest)"
	@echo "make realism    hold the market against published figures, and keep the scorecard"
	@echo "make calibrate  fit the market's constants to them again (minutes)"
	@echo "make ceilings   make the ceilings of the models again (minutes)"
	@echo "make reference  make the frozen reference of the gates again (minutes)"
	@echo "make benchmark  measure the speed and the memory of drawing markets"
	@echo "make bench-score   measure how fast a million rows are scored"
	@echo "make bench-validate  measure how fast one and ten million rows are validated (minutes)"
	@echo "make bench-models  compare the models with other methods (about twenty minutes)"
	@echo "make bench-gates   measure false alarms and keenness of the gates (minutes)"
	@echo "make bench-model-gates  measure how many honest models the gates on models fail (an hour)"
	@echo "make bench-stopping   measure how early and how late the stopping rules are (minutes)"
	@echo "make bench-refinement  measure what each ingredient of refinement adds (half an hour)"
	@echo "make bench-loop  measure what a run takes beside its epochs (a quarter of an hour)"
	@echo "make bench-watching  measure how fast a run is looked at, and a thousand (a minute)"
	@echo "make audit  look for known weaknesses of the locked packages (needs the network)"
	@echo "make pages  write the reference pages in docs again from the code"
	@echo "make bench-sizes  measure time and memory of runs of three sizes (an hour)"
	@echo "make clean  remove the environment and all caches, but no run"

$(RUN): | $(BIN)/python
	locks/install run $(BIN)/python $(UV)
	@rm -f $(VENV)/.installed-*; touch $(RUN)

$(TEST): | $(BIN)/python
	locks/install test $(BIN)/python $(UV)
	@rm -f $(VENV)/.installed-*; touch $(TEST) $(RUN)

$(DEV): | $(BIN)/python
	locks/install dev $(BIN)/python $(UV)
	@rm -f $(VENV)/.installed-*; touch $(DEV) $(TEST) $(RUN)

# Beside the other sets: run, and what the models are compared with.
$(BENCHMARK): | $(BIN)/python
	locks/install benchmark $(BIN)/python $(UV)
	@rm -f $(VENV)/.installed-*; touch $(BENCHMARK) $(RUN)

$(BIN)/python:
	@$(or $(PYTHON),false) -c '$(SUPPORTED)' || { \
	  echo "error: BondX needs Python 3.11, 3.12 or 3.13, and found $$($(or $(PYTHON),python3) --version 2>&1);" \
	    "name one with: make PYTHON=/path/to/python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
