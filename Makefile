# What a person types. `make` alone lists it. Each target prepares what it needs: virtual environment, Node, CDK CLI.
# The real work is `cdk`, `pytest` and `python -m ops`, which also work by themselves inside the virtual environment.

ENV ?= sandbox
PYTHON ?= python3
CONTEXT ?=

VENV := .venv
BIN := $(VENV)/bin
# The virtual environment's Node comes first: it does not matter which one the machine has, or whether it has one.
export CALLER_PATH := $(PATH)
export PATH := $(CURDIR)/$(BIN):$(PATH)
export CDK_DISABLE_CLI_TELEMETRY := true
export CDK_DISABLE_STACK_TRACE := 1
CDK := node node_modules/aws-cdk/bin/cdk

# What the caller's shell may say for other projects and would break this one: another Python's packages, asserts that vanish,
# modules that are compiled at each run, a Node of another version, an app or output folder that is not ours.
unexport PYTHONHOME PYTHONPATH PYTHONSAFEPATH PYTHONOPTIMIZE PYTHONDONTWRITEBYTECODE PYTHONINSPECT PYTHONWARNINGS PYTHONPLATLIBDIR
unexport VIRTUAL_ENV JSII_NODE JSII_RUNTIME NODE_PATH CDK_APP CDK_OUTPUT CDK_OUTDIR CDK_CONTEXT CDK_CONTEXT_JSON CDK_STAGING
# Of Node's options, those for certificates and memory stay.
export NODE_OPTIONS := $(filter --use-% --max-%,$(NODE_OPTIONS))

# Caches go into the project where the home folder cannot be written; settings and credentials are read from it all the same.
ifneq ($(shell test -d "$$HOME" && echo yes),yes)
export HOME := $(CURDIR)/$(VENV)/home
endif
ifneq ($(shell test -w "$$HOME" && echo yes),yes)
CACHE := $(CURDIR)/$(VENV)/cache
export JSII_RUNTIME_PACKAGE_CACHE_ROOT := $(CACHE)/jsii
export CDK_HOME := $(CACHE)/cdk
export npm_config_cache := $(CACHE)/npm
export PIP_CACHE_DIR := $(CACHE)/pip
endif

# What it prints is shown only when it fails.
SYNTH := rm -f $(VENV)/synth.log; $(CDK) synth --quiet
LOGGED := >$(VENV)/synth.log 2>&1 || { cat $(VENV)/synth.log 2>/dev/null; exit 1; }
# A reader that goes away, as in `make synth | head`, is no error.
PIPED := || test $$? = 141

.DEFAULT_GOAL := help
.PHONY: help runtime local dev setup bootstrap synth review snapshots diff deploy destroy up down status logs prune test lint format \
        bench sbom lock docs clean

help: ## List what can be typed
	@( grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}' && \
		echo && echo "  ENV=production picks another environment; CONTEXT='-c spot_weight=50' overrides single settings." ) $(PIPED)

# --- set-up ----------------------------------------------------------------------------------------------------------

# Looks in some 50 ms that all is as it was set up; if not, ops/setup.py mends it.
runtime local dev:
	@$(BIN)/python -IS ops/setup.py --check $@ 2>/dev/null || { \
		PATH="$$CALLER_PATH"; \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
			{ echo "error: Python 3.11 or newer is needed; say which: make PYTHON=python3.12 ..." >&2; exit 2; }; \
		$(PYTHON) -I ops/setup.py $@; }

setup: dev ## Create .venv with everything, and the CDK CLI

# CDK's own rules run in the tests and before a deployment, and not where only the templates are asked for: docs/decisions/0012.
bootstrap synth destroy docs: export CDK_VALIDATION := false

# --- AWS -------------------------------------------------------------------------------------------------------------

bootstrap: runtime ## Prepare the AWS account and region of your credentials for CDK, once
	@$(CDK) bootstrap -c env=$(ENV) $(CONTEXT)

synth: runtime ## Synthesize ENV into cdk.out/ and list stacks, images and addresses
	@$(SYNTH) -c env=$(ENV) $(CONTEXT) $(LOGGED)
	@$(BIN)/python -m ops summary cdk.out $(PIPED)

diff: runtime ## Compare ENV with what is deployed (needs AWS credentials)
	@$(CDK) diff -c env=$(ENV) $(CONTEXT) $(PIPED)

# Stacks deploy side by side, where the CLI cannot ask about each change of rights: `make diff` shows them before.
deploy: runtime ## Deploy ENV to AWS (needs AWS credentials and a container engine); make diff shows what would change
	@$(BIN)/python -m ops account --env $(ENV) $(CONTEXT)
	@$(CDK) deploy --all --concurrency 6 --require-approval never -c env=$(ENV) $(CONTEXT)

destroy: runtime ## Destroy ENV in AWS: says what, and asks
	@$(BIN)/python -m ops account --env $(ENV) $(CONTEXT)
	@$(CDK) destroy --all -c env=$(ENV) $(CONTEXT)

# --- the same on this machine, without an AWS account ----------------------------------------------------------------

# ENDPOINT=http://localhost:PORT puts it at another port; SERVICE=name FOLLOW=1 for logs; IMAGES=1 for down
LOCAL = $(if $(ENDPOINT),--endpoint $(ENDPOINT))

up: local ## Deploy everything to an emulated AWS on this machine
	@$(BIN)/python -m ops up --env $(ENV) $(LOCAL)

down: local ## Take that down again, and prove that nothing is left
	@$(BIN)/python -m ops down --env $(ENV) $(LOCAL) $(if $(IMAGES),--images)

status: local ## What runs on this machine
	@$(BIN)/python -m ops status --env $(ENV) $(LOCAL) $(PIPED)

logs: local ## The services' log lines on this machine
	@$(BIN)/python -m ops logs --env $(ENV) $(LOCAL) $(SERVICE) $(if $(FOLLOW),--follow) $(PIPED)

prune: local ## Remove what is left of services whose folder is gone
	@$(BIN)/python -m ops prune --env $(ENV) $(LOCAL)

# --- checks ----------------------------------------------------------------------------------------------------------

# The end-to-end tests count failed requests during a deployment, so nothing else may run beside them.
test: dev ## Run the tests (those that need a container engine run where there is one)
	@$(BIN)/python -m pytest -q -n 2 -m "not e2e" tests services
	@$(BIN)/python -m pytest -q -m e2e tests/e2e

lint: dev ## ruff, mypy, hadolint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/hadolint services/*/Dockerfile

format: dev ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

snapshots: dev ## Rewrite the templates' snapshots after a wanted change
	@$(BIN)/python -m pytest -q tests/snapshot --update-snapshots

review: snapshots ## Show what this change does to the templates
	@git --no-pager diff --stat -- tests/snapshot/templates
	@git --no-pager diff -- tests/snapshot/templates

bench: dev ## Measure synth (and, with an engine, the images) as ratios in one run
	@$(BIN)/python -m tests.bench.synth
	@$(BIN)/python -m tests.bench.services

sbom: dev ## Write a bill of materials for each image into sbom/
	@$(BIN)/python -m ops sbom

docs: dev ## Rewrite the generated documents
	@$(SYNTH) -c env=sandbox $(LOGGED)
	@$(BIN)/python -m ops docs

lock: dev ## Lock requirements*.in and package.json, with hashes
	@for name in requirements requirements-local requirements-dev; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $$name.in -o $$name.txt \
			|| exit; \
	done
	@npm install --package-lock-only --ignore-scripts --no-audit --no-fund --loglevel=error

clean: ## Remove what was made here (never what is deployed)
	@rm -rf cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis sbom
