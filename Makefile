# Everything one does with this project; `make` alone lists it.

# The Python that .venv is made of, 3.11 to 3.13: make install PYTHON=python3.13
PYTHON ?= python3
# Passed on to what runs: make demo ARGS="--events 5000"
ARGS ?=

VENV := .venv
RUN := $(VENV)/bin/python -m
PIP := $(RUN) pip --disable-pip-version-check --no-input
COMPILE := $(RUN) uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help install develop demo test test-lowest check check-format check-lint check-types check-imports check-docs \
	bench bench-drift bench-promotion format docs exports lock clean

help: ## List what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

install: $(VENV)/installed ## Install Headrace into .venv, with exactly the locked packages
develop: $(VENV)/developed ## The same, and the tools for tests and checks

# Nothing comes in that is not locked: what a source package is built with is installed first, and used.
$(VENV)/installed: requirements-build.lock requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
		echo "Headrace needs Python 3.11, 3.12 or 3.13; '$(PYTHON)' is not that. Name one: make install PYTHON=python3.13" >&2; \
		exit 2; }
	@$(RUN) pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || { \
		echo "No environment could be made: on Debian and Ubuntu, 'apt-get install python3-venv' helps." >&2; \
		rm -rf $(VENV); exit 2; }
	@echo "Installing the locked packages into $(VENV); this takes a minute or two."
	@$(PIP) install --quiet --require-hashes -r requirements-build.lock
	@$(PIP) install --quiet --require-hashes --no-build-isolation --use-pep517 -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/developed: $(VENV)/installed requirements-dev.lock
	@echo "Installing the tools for tests and checks into $(VENV)."
	@$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

demo: install ## Replay a year of flights as a live stream: make demo ARGS="--events 5000"
	$(VENV)/bin/headrace demo $(ARGS)

test: develop ## Run the tests, some against a real Kafka that they start
	$(RUN) pytest $(ARGS)

test-lowest: develop ## The same with the oldest packages that pyproject.toml allows, in .venv-lowest
	$(RUN) uv venv --quiet --clear --python $(VENV)/bin/python .venv-lowest
	$(RUN) uv pip install --quiet --python .venv-lowest --resolution lowest-direct --editable '.[alerts,demo,tracing]' --group dev
	.venv-lowest/bin/python -m pytest $(ARGS)

check: check-format check-lint check-types check-imports check-docs ## Format, lint, types, import rules, documents

check-format: develop
	$(RUN) ruff format --check .

check-lint: develop
	$(RUN) ruff check .

check-types: develop
	$(RUN) mypy

check-imports: develop
	$(VENV)/bin/lint-imports

check-docs: develop
	$(VENV)/bin/python docs/generate.py --check

bench: develop ## Measure, side by side with the peers, into docs/bench.md: make bench ARGS="--json"
	$(RUN) bench.loop --save docs/bench.json $(ARGS)
	@$(VENV)/bin/python docs/generate.py

bench-drift: develop ## Measure drift monitoring: make bench-drift ARGS="--json"; fails if the budget is not held
	@$(RUN) bench.drift $(ARGS)

bench-promotion: develop ## Measure promotion: make bench-promotion ARGS="--json"; fails if a promised rate is not held
	@$(RUN) bench.promotion $(ARGS)

format: develop ## Put the code into shape
	$(RUN) ruff check --fix-only .
	$(RUN) ruff format .

docs: develop ## Write the generated parts of the documents anew
	$(VENV)/bin/python docs/generate.py

exports: develop ## Write the files of Prometheus, Alertmanager and Grafana in deploy/ anew
	$(VENV)/bin/headrace export prometheus deploy/prometheus --dns worker:9464 --alertmanager alertmanager:9093
	$(VENV)/bin/headrace export alertmanager deploy/alertmanager
	$(VENV)/bin/headrace export grafana deploy/grafana --prometheus http://prometheus:9090 \
		--dashboards-at /etc/grafana/dashboards

lock: develop ## Pin what pyproject.toml asks for: make lock ARGS=--upgrade
	$(COMPILE) --group build --output-file requirements-build.lock
	$(COMPILE) pyproject.toml --extra alerts --extra demo --output-file requirements.lock
	$(COMPILE) pyproject.toml --extra alerts --extra demo --extra tracing --group dev --constraint requirements.lock --output-file requirements-dev.lock

clean: ## Remove the environments and caches
	rm -rf $(VENV) .venv-* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
