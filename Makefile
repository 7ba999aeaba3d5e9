# `make` alone prints the targets. Everything lives in .venv; nothing else on the machine is touched.
PYTHON ?= python3
PY := .venv/bin/python
BUF := .venv/bin/buf
READY := .venv/.ready
# Where Python may not keep what it compiles, every process would compile all that it imports anew.
BYTECODE := $(if $(PYTHONDONTWRITEBYTECODE),--compile-bytecode)

# Numerical libraries start a thread per core each; tests and servers are processes already.
export OPENBLAS_NUM_THREADS ?= 1
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo hillstrom serve fmt proto constraints clean check proto-check test test-postgres test-compiled test-lowest calibrate \
  faults load mutants bench release

help: ## print the targets
	@awk '/^##@ / { print "\n" substr($$0, 5) } \
	  /^[a-z-]+:.*## / { split($$0, parts, ":.*## "); printf "  make %-15s %s\n", parts[1], parts[2] }' \
	  $(firstword $(MAKEFILE_LIST))

##@ First steps

setup: $(READY) ## set up .venv with the versions that CI proves

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Fairlift needs Python 3.11 or later; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv .venv || { echo "On Debian and Ubuntu: apt install python3-venv"; rm -rf .venv; exit 1; }
	@$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	@FAIRLIFT_COMPILE=no $(PY) -m uv pip install --quiet $(BYTECODE) --python $(PY) -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY) ## a real server, a simulated shop of 30,000 visitors, and what a marketer reads
	@$(PY) -m examples.demo

hillstrom: $(READY) ## replay a real experiment: make hillstrom DATA=hillstrom.csv.gz
	@test -n "$(DATA)" || { echo "Say where the file is: make hillstrom DATA=path/to/hillstrom.csv.gz"; exit 2; }
	@$(PY) -m examples.hillstrom "$(DATA)"

serve: $(READY) ## start a server with its store in ./fairlift.db
	@$(PY) -m fairlift_server serve

##@ Every day

fmt: $(READY) ## format everything
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .
	@$(BUF) format --write

proto: $(READY) ## generate clients/fairlift/v1 from proto/
	@$(PY) tools/generate.py

constraints: $(READY) ## pin the newest versions that fit pyproject.toml
	@$(PY) -m uv pip compile pyproject.toml --quiet --extra dev --extra bench --universal --python-version 3.11 \
	  --no-header --no-annotate --no-emit-index-url --upgrade -o constraints.txt

clean: ## remove .venv and everything that was made
	rm -rf .venv benchmarks/results .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

##@ Before a commit

check: $(READY) proto-check ## lint, types, import contracts, contract compatibility, generated code
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy clients server stats tests benchmarks examples tools hatch_build.py
	@$(PY) -c 'import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())'

proto-check: $(READY)
	@$(BUF) lint
	@$(BUF) format --diff --exit-code
	@$(BUF) breaking --against proto/released.binpb
	@$(PY) tools/generate.py --check

test: $(READY) ## run all tests; fails, too, if a branch of the engine or of the statistics has none
	@$(PY) -m pytest -n auto -q --cov --cov-report=term-missing:skip-covered
	@$(MAKE) --no-print-directory test-postgres
	@$(MAKE) --no-print-directory test-compiled

test-postgres: $(READY) ## the tests of the server and of the ledger once more, on PostgreSQL
	@FAIRLIFT_TESTED_DATABASE=postgresql $(PY) -m pytest -n auto -q -m "not slow" tests/server tests/ledger_oracle

COMPILED := $(CURDIR)/.venv/compiled

test-compiled: $(READY) ## the tests of the engine and the SDK once more, as a wheel has them: compiled
	@if $(PY) tools/compile.py --check $(COMPILED); then \
	  $(MAKE) --no-print-directory $(COMPILED)/.ready && \
	  FAIRLIFT_TESTED=compiled PYTHONPATH=$(COMPILED) $(PY) -m pytest -n auto -q \
	    tests/engine tests/client tests/golden tests/server/api/test_assignments.py tests/e2e/test_sdk.py; \
	else echo "The compiled engine is NOT tested on this machine."; fi

$(COMPILED)/.ready: $(READY) tools/compile.py $(shell find clients/fairlift -name '*.py')
	@$(PY) tools/compile.py --package $(COMPILED) > .venv/compile.log 2>&1 || { cat .venv/compile.log; exit 1; }
	@touch $@

##@ Long runs

LOWEST := .venv/lowest

test-lowest: $(READY) ## the tests with the lowest versions of the packages that pyproject.toml allows
	@$(PY) -m uv venv --quiet --clear --python $(PY) $(LOWEST)
	@$(PY) -m uv pip compile pyproject.toml --quiet --extra all --resolution lowest-direct --no-deps \
	  --no-header --no-annotate --no-emit-index-url -o $(LOWEST)/lowest.txt
	@FAIRLIFT_COMPILE=no $(PY) -m uv pip install --quiet --python $(LOWEST) -c $(LOWEST)/lowest.txt -e '.[dev]'
	@$(LOWEST)/bin/python -m pytest -n auto -q tests clients stats --ignore tests/extras

calibrate: $(READY) ## long simulations; writes docs/calibration.md, or one part: SECTION=Guardrails
	@$(PY) -m tests.simulation.calibrate $(if $(SECTION),"$(SECTION)")

mutants: $(READY) ## change the decision rule one place at a time, and list what no test notices; some: ONLY=lines.py
	@$(PY) -m uv pip install --quiet --python $(PY) -c constraints.txt cosmic-ray==8.7.0
	@$(PY) -m tools.mutants $(or $(PROCESSES),1) "$(ONLY)"

faults: $(READY) ## wrong clocks, killed servers and other faults, each with its counts; one: make faults FAULT=jumps
	@$(PY) -m tests.faults $(FAULT)
	@test -n "$(FAULT)" || $(PY) -m tests.ledger_oracle --histories 5000

load: $(READY) ## an hour of snapshot changes against eight threads of the SDK, every answer checked
	@$(PY) -m tests.client.load

BENCHES := $(patsubst benchmarks/%.py,%,$(filter-out benchmarks/__init__.py benchmarks/form.py,$(wildcard benchmarks/*.py)))

bench: $(READY) $(addprefix bench-,$(BENCHES)) ## all benchmarks, or one: make bench-serve

bench-%: $(READY) .venv/.bench
	@$(PY) tools/compile.py --check $(COMPILED) && $(MAKE) --no-print-directory $(COMPILED)/.ready || true
	@PYTHONPATH=$(COMPILED) $(PY) -m benchmarks.$*

.venv/.bench: $(READY)
	@FAIRLIFT_COMPILE=no $(PY) -m uv pip install --quiet --python $(PY) -c constraints.txt -e '.[dev,bench]'
	@touch $@

##@ Release

release: check ## check, then commit and tag a release: make release VERSION=1.4.0; DRY_RUN=yes changes nothing
	@$(PY) tools/release.py "$(VERSION)" $(if $(DRY_RUN),--dry-run)
