# `make` alone prints the targets. Everything lives in .venv; nothing else on the machine is touched.
PYTHON ?= python3
PY := .venv/bin/python
BUF := .venv/bin/buf
READY := .venv/.ready
# Where Python may not keep what it compiles, every process would compile all that it imports anew.
BYTECODE := $(if $(PYTHONDONTWRITEBYTECODE),--compile-bytecode)

# With them uv refuses every file whose SHA-256 is not in constraints.txt.
LOCKED := --verify-hashes -c constraints.txt -b constraints.txt
# What pip reads of it, which cannot check the hashes of constraints.
UV_OF_CONSTRAINTS := sed -n '/^uv==/,/[^\\]$$/p' constraints.txt

# Numerical libraries start a thread per core each; tests and servers are processes already.
export OPENBLAS_NUM_THREADS ?= 1
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo docs hillstrom serve report-gallery fmt proto rules constraints sbom audit clean check proto-check test test-postgres test-spark test-compiled test-lowest calibrate \
  agreement faults histories production load mutants bench release

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
	@$(UV_OF_CONSTRAINTS) > .venv/uv.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	@FAIRLIFT_COMPILE=no $(PY) -m uv pip install --quiet $(BYTECODE) --python $(PY) $(LOCKED) -e '.[dev]'
	@touch $@

demo: $(READY) ## a real server, a simulated shop of 30,000 visitors, and what a marketer reads
	@$(PY) -m examples.demo

hillstrom: $(READY) ## replay a real experiment: make hillstrom DATA=hillstrom.csv.gz
	@test -n "$(DATA)" || { echo "Say where the file is: make hillstrom DATA=path/to/hillstrom.csv.gz"; exit 2; }
	@$(PY) -m examples.hillstrom "$(DATA)"

serve: $(READY) ## start a server with its store in ./fairlift.db
	@$(PY) -m fairlift_server serve

docs: $(READY) ## the docs as a site, in build/site: reference, gallery, search; links are checked
	@$(PY) -m tools.docs_site build

report-gallery: $(READY) ## reports of many campaigns as pages, with screenshots, in build/report-gallery
	@$(PY) -m tests.report.gallery build/report-gallery

##@ Every day

fmt: $(READY) ## format everything
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .
	@$(BUF) format --write

proto: $(READY) ## generate clients/fairlift/v1 from proto/
	@$(PY) tools/generate.py

rules: $(READY) ## write docs/rules.md from what `fairlift explain` prints
	@$(PY) tools/rules_page.py

# No host of a package index stands in the files: whoever installs chooses it.
PINNED = --generate-hashes --no-header --no-annotate --no-emit-index-url $(if $(KEEP),,--upgrade)

constraints: $(READY) ## pin the newest versions that fit pyproject.toml, with the hashes of their files; KEEP=yes only adds what is new
	@$(PY) -m uv pip compile pyproject.toml --quiet --extra dev --extra bench --universal --python-version 3.11 \
	  $(PINNED) -o constraints.txt
	@$(PY) -m uv pip compile tools/supply_chain.in --quiet --universal --python-version 3.11 $(PINNED) -o tools/supply_chain.txt
	@$(PY) -m uv pip compile tools/mutants.in --quiet --universal --python-version 3.11 $(PINNED) -c constraints.txt -o tools/mutants.txt

clean: ## remove .venv and everything that was made
	rm -rf .venv build benchmarks/results .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

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
	@$(PY) -m pytest -n auto --dist worksteal -q -m "not spark" --cov --cov-report=term-missing:skip-covered
	@$(MAKE) --no-print-directory test-postgres
	@$(MAKE) --no-print-directory test-compiled

test-postgres: $(READY) ## the tests of the server and of the ledger once more, on PostgreSQL
	@FAIRLIFT_TESTED_DATABASE=postgresql $(PY) -m pytest -n auto --dist worksteal -q -m "(kills or not slow) and not spark" tests/server tests/ledger_oracle

test-spark: $(READY) ## the engines on a Spark cluster of two workers on this machine; needs Java 17, takes minutes
	@$(PY) -m pytest -q -m spark tests

COMPILED := $(CURDIR)/.venv/compiled

test-compiled: $(READY) ## the tests of the engine, the SDK and recorded events once more, as a wheel has them: compiled
	@if $(PY) tools/compile.py --check $(COMPILED); then \
	  $(MAKE) --no-print-directory $(COMPILED)/.ready && \
	  FAIRLIFT_TESTED=compiled PYTHONPATH=$(COMPILED) $(PY) -m pytest -n auto --dist worksteal -q \
	    tests/engine tests/client tests/golden tests/e2e/test_sdk.py tests/server/events tests/server/privacy \
	    tests/server/api/test_assignments.py tests/server/api/test_request_parts.py tests/server/api/test_unsupported.py; \
	else echo "The compiled code is NOT tested on this machine."; fi

$(COMPILED)/.ready: $(READY) tools/compile.py $(shell find clients/fairlift server/fairlift_server -name '*.py')
	@$(PY) tools/compile.py --package $(COMPILED) > .venv/compile.log 2>&1 || { cat .venv/compile.log; exit 1; }
	@touch $@

##@ Long runs

LOWEST := .venv/lowest

test-lowest: $(READY) ## the tests with the lowest versions of the packages that pyproject.toml allows
	@$(PY) -m uv venv --quiet --clear --python $(PY) $(LOWEST)
	@$(PY) -m uv pip compile pyproject.toml --quiet --extra all --resolution lowest-direct --no-deps \
	  --no-header --no-annotate --no-emit-index-url -o $(LOWEST)/lowest.txt
	@FAIRLIFT_COMPILE=no $(PY) -m uv pip install --quiet --python $(LOWEST) -c $(LOWEST)/lowest.txt -e '.[dev]'
	@$(LOWEST)/bin/python -m pytest -n auto -q -m "not spark" tests clients stats --ignore tests/extras

calibrate: $(READY) ## long simulations; writes docs/calibration.md, or one part: SECTION=Guardrails
	@$(PY) -m tests.simulation.calibrate $(if $(SECTION),"$(SECTION)")

MUTANTS := build/mutants

# cosmic-ray stays out of .venv; the versions of what both need are the same.
$(MUTANTS)/.ready: $(READY) tools/mutants.txt
	@rm -rf $(MUTANTS)
	@$(PY) -m uv pip install --quiet --python $(PY) --target $(MUTANTS) --require-hashes -r tools/mutants.txt
	@touch $@

mutants: $(MUTANTS)/.ready ## change the decision rule one place at a time, and list what no test notices; some: ONLY=lines.py
	@PYTHONPATH=$(CURDIR)/$(MUTANTS) $(PY) -m tools.mutants $(or $(PROCESSES),1) "$(ONLY)"

agreement: $(READY) ## 100,000 mutated campaign files, and 4,000 sets that `check` and a server judge alike
	@$(PY) -m tests.cli

faults: $(READY) ## wrong clocks, killed servers and other faults, each with its counts; one: make faults FAULT=jumps
	@$(PY) -m tests.faults $(FAULT)
	@test -n "$(FAULT)" || $(MAKE) --no-print-directory histories

histories: $(READY) ## random histories against a reference of the ledger in plain loops; fewer: make histories HISTORIES=200
	@$(PY) -m tests.ledger_oracle --histories $(or $(HISTORIES),5000)

production: $(READY) ## the commands of docs/production.md, from a new environment to a server with TLS and roles, with times
	@$(PY) -m tests.e2e.production_page

load: $(READY) ## an hour of snapshot changes against eight threads of the SDK, every answer checked
	@$(PY) -m tests.client.load

BENCHES := $(patsubst benchmarks/%.py,%,$(filter-out benchmarks/__init__.py benchmarks/form.py,$(wildcard benchmarks/*.py)))

bench: $(READY) $(addprefix bench-,$(BENCHES)) ## all benchmarks, or one: make bench-serve; smaller: make bench-looks EVENTS=1e6

bench-%: $(READY) .venv/.bench
	@$(PY) tools/compile.py --check $(COMPILED) && $(MAKE) --no-print-directory $(COMPILED)/.ready || true
	@PYTHONPATH=$(COMPILED) $(PY) -m benchmarks.$* $(EVENTS)

.venv/.bench: $(READY)
	@FAIRLIFT_COMPILE=no $(PY) -m uv pip install --quiet --python $(PY) $(LOCKED) -e '.[dev,bench]'
	@touch $@

##@ Release

RUNTIME := build/runtime
TOOLS := build/tools

# The server and the command line with the locked versions, and nothing else.
$(RUNTIME)/.ready: $(READY) pyproject.toml constraints.txt
	@$(PY) -m uv venv --quiet --clear --python $(PY) $(RUNTIME)
	@FAIRLIFT_COMPILE=no $(PY) -m uv pip install --quiet --python $(RUNTIME) $(LOCKED) '.[server,postgres,otel,cli,report,web]'
	@touch $@

$(TOOLS)/.ready: $(READY) tools/supply_chain.txt
	@$(PY) -m uv venv --quiet --clear --python $(PY) $(TOOLS)
	@$(PY) -m uv pip install --quiet --python $(TOOLS) --require-hashes -r tools/supply_chain.txt
	@touch $@

sbom: $(RUNTIME)/.ready $(TOOLS)/.ready ## a bill of materials of what a server runs with: build/fairlift.cdx.json (CycloneDX)
	@$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON -o build/fairlift.cdx.json $(RUNTIME) 2> build/sbom.log || \
	  { cat build/sbom.log; exit 1; }
	@$(PY) -m tools.supply_chain sbom build/fairlift.cdx.json

audit: $(RUNTIME)/.ready $(TOOLS)/.ready ## known vulnerabilities of what a server runs with; says when the advisories cannot be reached
	@$(PY) -m tools.supply_chain audit $(RUNTIME) $(TOOLS)/bin/pip-audit

release: check ## check, then commit and tag a release: make release VERSION=1.4.0; DRY_RUN=yes changes nothing
	@$(PY) tools/release.py "$(VERSION)" $(if $(DRY_RUN),--dry-run)
