# Each target creates the environment that it needs. Packages come from the index of pip's own settings.
VENV := .venv
BIN := $(VENV)/bin
CONNECTORS := source-slack-users destination-oomnitza
# The environment's Python if there is one, so that `make PYTHON=python3.12 ...` is needed once.
ifeq ($(origin PYTHON),undefined)
PYTHON := $(or $(shell $(BIN)/python -c 'import sys; print(sys._base_executable)' 2>/dev/null),python3)
endif
# Two stamps in it, for syncing and for development; another version of Python invalidates both.
RUN := $(VENV)/.run
DEV := $(VENV)/.made
VERSION := $(shell "$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
ifeq ($(wildcard $(VENV)/lib/python$(VERSION)),)
$(shell rm -f $(RUN) $(DEV))
endif

# PyAirbyte uses no registry and no telemetry.
export AIRBYTE_OFFLINE_MODE := 1
export DO_NOT_TRACK := 1
# The tests start a hundred processes, each of which would compile both packages.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: docs named probe sync playground test-browser screenshots style register image-test help demo test lint format bench mutate fuzz soak lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

INSTALL = command -v "$(PYTHON)" >/dev/null || { echo "'$(PYTHON)' is not to be found. Name a Python 3.10, 3.11 or 3.12: make PYTHON=python3.12 ..." >&2; exit 1; }; "$(PYTHON)" bundle/install.py
NEEDED := constraints-dev.txt pyproject.toml $(CONNECTORS:%=%/pyproject.toml)

$(DEV): $(NEEDED)
	@$(INSTALL) dev
	@touch $(RUN) $@

$(RUN): $(NEEDED)
	@$(INSTALL) run
	@touch $@

demo: $(DEV) ## sync a simulated Slack into a simulated Oomnitza, both on this machine
	@$(BIN)/python -m integration_tests.tools.demo

playground: $(DEV) ## the same with web pages: change a member of Slack, press "Sync now", see the result (PORT=8765)
	@exec $(BIN)/python -m integration_tests.playground $(if $(PORT),--port $(PORT))

test-browser: $(DEV) ## test the web pages in headless Chromium, with axe-core
	@$(BIN)/python -m pytest integration_tests/browser_tests/browse.py

screenshots: $(DEV) ## take the pictures of docs/pictures in headless Chromium
	@$(BIN)/python -m integration_tests.browser_tests.screenshots

# Two more than cores, because many tests wait for a process or a time-out.
WORKERS = $(shell $(BIN)/python -c 'import os; print(os.cpu_count() + 2)')
test: style ## run ruff, mypy and all tests
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# Separate, so that a new advisory does not fail `make test`.
lint: style ## run ruff, mypy, and pip-audit of the images' packages
	@$(BIN)/python -m integration_tests.tools.audit

style: $(DEV) ## run ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy source-slack-users/source_slack_users destination-oomnitza/destination_oomnitza bundle

format: $(DEV) ## fix and format with ruff
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(DEV) ## write docs/error-messages.md from the messages in the code
	@$(BIN)/python -m integration_tests.tools.error_messages

mutate: $(DEV) ## change each line of some pure modules, and list the changes that no test detects (mutmut; half an hour)
	@for each in $(CONNECTORS); do (cd $$each && ../$(BIN)/mutmut run && ../$(BIN)/mutmut results) || exit 1; done

bench: $(DEV) ## measure speed and memory, as ratios in one run
	@$(BIN)/python -m integration_tests.tools.bench

soak: $(DEV) ## run 600 random syncs under random faults, and check that nothing is lost or duplicated
	@$(BIN)/python -m integration_tests.tools.soak --syncs 600

# With atheris (`pip install --group fuzz`), half of the time follows the branches of the code.
fuzz: $(DEV) ## run generated inputs against the promises about any input (SECONDS=600)
	@$(BIN)/python -m integration_tests.fuzz $(if $(SECONDS),--seconds $(SECONDS))

# Three files: requirements.txt for the images, with hashes; constraints.txt the same without, for `pip install -c`, which
# takes no hashes with a folder; constraints-dev.txt for .venv, where PyAirbyte holds some packages back.
COMPILE = $(BIN)/uv pip compile --native-tls --universal --python-version 3.10 --upgrade --quiet --no-emit-index-url --no-annotate --no-header
lock: $(DEV) ## pin the packages again, for every supported Python
	@$(COMPILE) --generate-hashes $(CONNECTORS:%=%/pyproject.toml) -o requirements.txt
	@sed -n 's/ *\\$$//; /==/p' requirements.txt > constraints.txt
	@$(COMPILE) --generate-hashes --group pyproject.toml:build -o requirements-build.txt
	@$(COMPILE) $(CONNECTORS:%=%/pyproject.toml) --group pyproject.toml:dev -o constraints-dev.txt

# In quotes, because paths may have blanks; required before anything is installed.
CONFIGS = "$(SOURCE_CONFIG)" "$(DESTINATION_CONFIG)"
named:
	@$(if $(and $(SOURCE_CONFIG),$(DESTINATION_CONFIG)),,$(error Name both configurations: make $(MAKECMDGOALS) SOURCE_CONFIG=... DESTINATION_CONFIG=... [FLAGS=...]))

sync: named $(RUN) ## sync your own Slack into your own Oomnitza (FLAGS=--test-run writes nothing)
	@$(BIN)/python -m bundle sync $(CONFIGS) $(FLAGS)

probe: named $(RUN) ## ask your own Slack and Oomnitza what they support and allow; read-only (FLAGS="--save FILE")
	@$(BIN)/python -m bundle probe $(CONFIGS) $(FLAGS)

register: named $(RUN) ## put both connectors and their connections into an Airbyte (docs/airbyte-ui.md)
	@$(BIN)/python -m bundle register $(CONFIGS) $(FLAGS)

image-test: $(DEV) ## build both images with buildah, inspect them, and sync from one into the other (root)
	@$(BIN)/python -m integration_tests.tools.images

clean: ## remove what make created; never configurations, state or tokens
	@rm -rf $(VENV) .cache .sandbox $(CONNECTORS:%=%/mutants)
