# What a person types. `make` alone lists it. Each target prepares what it needs: virtual environment, Node, CDK CLI.
# The real work is `cdk`, `pytest` and `python -m ops`, which also work by themselves inside the virtual environment.

ENV ?= sandbox
PYTHON ?= python3
CONTEXT ?=

VENV := .venv
BIN := $(VENV)/bin
# The virtual environment's node comes first, so that neither an old Node nor none at all matters.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export CDK_DISABLE_CLI_TELEMETRY := true
# Compiled modules are what makes the second synth fast, whatever the caller's shell says about them.
export PYTHONDONTWRITEBYTECODE :=
export CDK_DISABLE_STACK_TRACE := 1
CDK := node node_modules/aws-cdk/bin/cdk

.DEFAULT_GOAL := help
.PHONY: help setup bootstrap synth review snapshots diff deploy destroy up down status logs prune test test-all e2e lint format types \
        bench sbom lock docs clean

help: ## List what can be typed
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'
	@echo
	@echo "  ENV=production picks another environment; CONTEXT='-c spot_weight=50' overrides single settings."

# --- set-up ----------------------------------------------------------------------------------------------------------

$(VENV)/.runtime: requirements.txt package.json package-lock.json
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say which with: make PYTHON=python3.12 ..."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "python3 -m venv failed; on Debian and Ubuntu: apt-get install python3-venv"; exit 2; }
	@echo "Setting up: Python packages (requirements.txt)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt 2>$(VENV)/pip.log || \
		{ cat $(VENV)/pip.log; exit 1; }
	@echo "Setting up: CDK CLI (package-lock.json)"
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >$(VENV)/npm.log 2>&1 || { cat $(VENV)/npm.log; exit 1; }
	@ln -sf ../../node_modules/aws-cdk/bin/cdk $(BIN)/cdk
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt
	@echo "Setting up: test tools and the emulator (requirements-dev.txt)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt 2>$(VENV)/pip.log || \
		{ cat $(VENV)/pip.log; exit 1; }
	@touch $@

setup: $(VENV)/.dev ## Create .venv with everything, and the CDK CLI

# CDK's own rules run in the tests and before a deployment, and not where only the templates are asked for: docs/decisions/0012.
bootstrap synth destroy docs: export CDK_VALIDATION := false

# --- AWS -------------------------------------------------------------------------------------------------------------

bootstrap: $(VENV)/.runtime ## Prepare the AWS account and region of your credentials for CDK, once
	@$(CDK) bootstrap -c env=$(ENV) $(CONTEXT)

synth: $(VENV)/.runtime ## Synthesize ENV into cdk.out/ and list stacks, images and addresses
	@$(CDK) synth --quiet -c env=$(ENV) $(CONTEXT) >$(VENV)/synth.log 2>&1 || { cat $(VENV)/synth.log; exit 1; }
	@$(BIN)/python -m ops.summary cdk.out

diff: $(VENV)/.runtime ## Compare ENV with what is deployed (needs AWS credentials)
	@$(CDK) diff -c env=$(ENV) $(CONTEXT)

# Stacks deploy side by side, where the CLI cannot ask about each change of rights: `make diff` shows them before.
deploy: $(VENV)/.runtime ## Deploy ENV to AWS (needs AWS credentials and a container engine); make diff shows what would change
	@$(BIN)/python -m ops.account --env $(ENV) $(CONTEXT)
	@$(CDK) deploy --all --concurrency 6 --require-approval never -c env=$(ENV) $(CONTEXT)

destroy: $(VENV)/.runtime ## Destroy ENV in AWS: says what, and asks
	@$(BIN)/python -m ops.account --env $(ENV) $(CONTEXT)
	@$(CDK) destroy --all -c env=$(ENV) $(CONTEXT)

# --- the same on this machine, without an AWS account ----------------------------------------------------------------

# ENDPOINT=http://localhost:PORT puts it at another port; SERVICE=name FOLLOW=1 for logs; IMAGES=1 for down
LOCAL = $(if $(ENDPOINT),--endpoint $(ENDPOINT))

up: $(VENV)/.dev ## Deploy everything to an emulated AWS on this machine
	@$(BIN)/python -m ops up --env $(ENV) $(LOCAL)

down: $(VENV)/.dev ## Take that down again, and prove that nothing is left
	@$(BIN)/python -m ops down --env $(ENV) $(LOCAL) $(if $(IMAGES),--images)

status: $(VENV)/.dev ## What runs on this machine
	@$(BIN)/python -m ops status --env $(ENV) $(LOCAL)

logs: $(VENV)/.dev ## The services' log lines on this machine
	@$(BIN)/python -m ops logs --env $(ENV) $(LOCAL) $(SERVICE) $(if $(FOLLOW),--follow)

prune: $(VENV)/.dev ## Remove what is left of services whose folder is gone
	@$(BIN)/python -m ops prune --env $(ENV) $(LOCAL)

# --- checks ----------------------------------------------------------------------------------------------------------

# The end-to-end tests count failed requests during a deployment, so nothing else may run beside them.
test: $(VENV)/.dev ## Run the tests (those that need a container engine run where there is one)
	@$(BIN)/python -m pytest -q -n 2 -m "not e2e" tests services
	@$(BIN)/python -m pytest -q -m e2e tests/e2e

lint: $(VENV)/.dev ## ruff, mypy, hadolint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/hadolint services/*/Dockerfile

format: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

snapshots: $(VENV)/.dev ## Rewrite the templates' snapshots after a wanted change
	@$(BIN)/python -m pytest -q tests/snapshot --update-snapshots

review: snapshots ## Show what this change does to the templates
	@git --no-pager diff --stat -- tests/snapshot/templates
	@git --no-pager diff -- tests/snapshot/templates

bench: $(VENV)/.dev ## Measure synth (and, with an engine, the images) as ratios in one run
	@$(BIN)/python -m tests.bench.synth
	@$(BIN)/python -m tests.bench.services

sbom: $(VENV)/.dev ## Write a bill of materials for each image into sbom/
	@$(BIN)/python -m ops.sbom

docs: $(VENV)/.dev ## Rewrite the generated documents
	@$(BIN)/python -m config docs
	@$(CDK) synth --quiet -c env=sandbox >$(VENV)/synth.log 2>&1 || { cat $(VENV)/synth.log; exit 1; }
	@$(BIN)/python -m ops.costs --write

lock: $(VENV)/.dev ## Lock requirements*.in and package.json, with hashes
	@for name in requirements requirements-dev; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $$name.in -o $$name.txt; \
	done
	@npm install --package-lock-only --ignore-scripts --no-audit --no-fund --loglevel=error

clean: ## Remove what was made here (never what is deployed)
	@rm -rf cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis sbom
