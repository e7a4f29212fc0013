# Two commands: `make drill` runs the quick drill, `make test` runs all tests. Both set up what they need, once.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Some machines forbid it by this variable: then each of the hundreds of processes of `make test` compiles us again.
export PYTHONDONTWRITEBYTECODE :=
# Arguments may leave one of the two test runs empty (pytest's status 5); without arguments that is a failure.
NONE_OF_THESE = $(if $(ARGS),|| [ $$? -eq 5 ])

# `make bench` runs all of them, and fails at the end if one missed a goal.
BENCHMARKS := recorder loading linearizability breaker state_layer audit topologies

.PHONY: help drill test quality promises lint bench docs images compose versions clean

help:
	@echo "make drill    set up once, run the quick drill, print the verdicts   (ARGS='--profile release' …)"
	@echo "make test     set up once, run all tests                              (ARGS='-k failover' …)"
	@echo "make lint     style, types, and the direction of imports"
	@echo "make bench    times of recording, loading, judging, breakers, topologies, failovers: JSON in benchmarks/results/"
	@echo "make docs     docs/checks.md, and docs/faults.md with what a probe saw of every fault when it was run here"
	@echo "make compose  bring up docker-compose.yml, the topology for --launcher external"
	@echo "make quality  what takes too long for every change: release drills, thorough tests, planted bugs; resumable"
	@echo "make promises every promise of the state layer over 20 seeds, its naive twin, each hardening left out; resumable"
	@echo "make versions subjects and outcomes on the oldest and newest redis-py and pytest, and between"
	@echo "make images   build the container images from the binaries on this machine"

drill: $(VENV)/.servers
	@$(BIN)/arbredis drill $(ARGS)

test: $(VENV)/.servers $(VENV)/.dev
	$(BIN)/python -m pytest -n 3 --dist worksteal -m 'not alone and not thorough' $(ARGS) $(NONE_OF_THESE)
	$(BIN)/python -m pytest -m alone $(ARGS) $(NONE_OF_THESE)

quality: $(VENV)/.servers $(VENV)/.dev
	$(BIN)/python benchmarks/quality.py $(ARGS)

promises: $(VENV)/.servers $(VENV)/.dev
	$(BIN)/python benchmarks/promises.py $(ARGS)

versions: $(VENV)/.servers $(VENV)/.dev
	$(BIN)/python benchmarks/versions.py $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@! grep -rnE '(TODO|FIXME|XXX)' --include='*.py' pytest_arbredis scenarios tests benchmarks docker || \
		{ echo 'nothing is left over in the code: open an issue instead'; exit 1; }

bench: $(VENV)/.servers $(VENV)/.dev
	@missed=''; for part in $(BENCHMARKS); do \
		echo "$(BIN)/python benchmarks/$$part.py $(ARGS)"; \
		$(BIN)/python benchmarks/$$part.py $(ARGS) || missed="$$missed $$part"; \
	done; test -z "$$missed" || { echo "a goal was missed, or a part failed:$$missed"; exit 1; }

docs: $(VENV)/.servers
	$(BIN)/python docs/build_checks.py
	$(BIN)/python docs/build_breakers.py --from-results
	$(BIN)/python docs/build_faults.py $(ARGS)

images: $(VENV)/.servers
	$(BIN)/python docker/build

compose: $(VENV)/.installed
	@$(BIN)/python docker/compose up

$(VENV)/bin/pip:
	@test -n "$(PYTHON)" || { echo 'no Python of 3.11 or newer found on PATH'; \
		echo '  remedy: install one (apt-get install python3, brew install python), or: make drill PYTHON=/path/to/python3'; exit 4; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo '$(PYTHON) cannot make virtual environments'; \
		echo '  remedy: apt-get install python3-venv (Debian, Ubuntu), or: make drill PYTHON=/path/to/another/python3'; exit 4; }
	@echo 'setting up $(VENV) (once)'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/pip
	@echo 'installing pytest-arbredis and its dependencies (once)'
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all]'
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	@echo 'installing what tests and lint need (once)'
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	@touch $@

$(VENV)/.servers: $(VENV)/.installed
	@$(BIN)/arbredis doctor --fix
	@touch $@

clean:
	rm -rf $(VENV) .arbredis .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
