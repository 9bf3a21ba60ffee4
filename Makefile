# Each target makes the environment it needs. Packages come from wherever pip is set up to look.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONNECTORS := source-slack-users destination-oomnitza
STAMP := $(VENV)/.made

export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# PyAirbyte asks no registry and reports nothing.
export AIRBYTE_OFFLINE_MODE := 1
export DO_NOT_TRACK := 1

.PHONY: sync playground test-browser screenshots style register image-test help demo test lint format bench soak lock clean python

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null || { \
	  echo "This project needs Python 3.10, 3.11 or 3.12 (the range of PyAirbyte), and '$(PYTHON)' is $$($(PYTHON) -c 'import platform; print(platform.python_version())' 2>/dev/null || echo 'not to be found'). Name one: make PYTHON=python3.12 ..." >&2; exit 1; }

$(STAMP): constraints.txt pyproject.toml $(CONNECTORS:%=%/pyproject.toml) | python
	@echo "Making the environment in $(VENV) (a minute or two, once) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install -qq pip
	@$(BIN)/python -m pip install -qq --group dev $(CONNECTORS:%=-e ./%)
	@touch $@

demo: $(STAMP) ## sync a Slack workspace into an Oomnitza instance, both on this machine
	@$(BIN)/python -m integration_tests.tools.demo

playground: $(STAMP) ## the same with pages: change somebody in Slack, press "Sync now", and see (PORT=8765)
	@exec $(BIN)/python -m integration_tests.playground $(if $(PORT),--port $(PORT))

test-browser: $(STAMP) ## the pages in headless Chromium, with axe-core
	@$(BIN)/python -m pytest integration_tests/browser_tests/browse.py

screenshots: $(STAMP) ## docs/pictures anew, from headless Chromium
	@$(BIN)/python -m integration_tests.browser_tests.screenshots

test: style ## lint, types and all tests
	@$(BIN)/python -m pytest -n auto

# Of its own, so that an advisory of last night does not fail the tests of somebody who has just arrived.
lint: style ## ruff, mypy, and pip-audit of what the images hold
	@$(BIN)/python -m integration_tests.tools.audit

style: $(STAMP) ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy source-slack-users/source_slack_users
	@$(BIN)/mypy destination-oomnitza/destination_oomnitza
	@$(BIN)/mypy bundle

format: $(STAMP) ## let ruff mend and format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP) ## speed and memory, as ratios in one run
	@$(BIN)/python -m integration_tests.tools.bench

soak: $(STAMP) ## 600 random syncs under random faults, by both connectors: nothing lost, nobody twice
	@$(BIN)/python -m integration_tests.tools.soak --syncs 600

lock: $(STAMP) ## pin constraints.txt anew, for every supported Python
	@env -u PIP_CONSTRAINT $(BIN)/uv pip compile --native-tls --universal --python-version 3.10 --upgrade --quiet --no-emit-index-url \
	  --no-annotate --no-header $(CONNECTORS:%=%/pyproject.toml) --group pyproject.toml:dev -o constraints.txt

# A recipe needs both configurations; quotes in it, so that their paths may have blanks.
CONFIGS = $(if $(and $(SOURCE_CONFIG),$(DESTINATION_CONFIG)),"$(SOURCE_CONFIG)" "$(DESTINATION_CONFIG)",$(error Name both configurations: make $@ SOURCE_CONFIG=... DESTINATION_CONFIG=... [FLAGS=...]))

sync: $(STAMP) ## sync your own Slack into your own Oomnitza (FLAGS=--test-run: look, and write nothing)
	@$(BIN)/python -m bundle sync $(CONFIGS) $(FLAGS)

register: $(STAMP) ## put both connectors and their connections into an Airbyte (docs/airbyte-ui.md)
	@$(BIN)/python -m bundle register $(CONFIGS) $(FLAGS)

image-test: $(STAMP) ## build both images with buildah, look into them, sync from one into the other (root)
	@$(BIN)/python -m integration_tests.tools.images

clean: ## remove what make made
	@rm -rf $(VENV) .cache .sandbox
