# The commands to type; `make` without a target lists them. Each target first sets up what it needs: virtual environment,
# Node, CDK CLI. The work is done by `cdk`, `pytest` and `python -m ops`, which can also be called directly in the virtual environment.

ENV ?= sandbox
PYTHON ?= python3
CONTEXT ?=

VENV := .venv
BIN := $(VENV)/bin
# The virtual environment's Node comes first, so it does not matter which one the machine has, if any.
export CALLER_PATH := $(PATH)
export PATH := $(CURDIR)/$(BIN):$(PATH)
export CDK_DISABLE_CLI_TELEMETRY := true
export CDK_DISABLE_STACK_TRACE := 1
CDK := node node_modules/aws-cdk/bin/cdk

# Variables that the caller may have set for other projects and that would break this one: another Python's packages, disabled
# asserts, modules compiled on every run, another version of Node, an app or output folder that is not ours.
unexport PYTHONHOME PYTHONPATH PYTHONSAFEPATH PYTHONOPTIMIZE PYTHONDONTWRITEBYTECODE PYTHONINSPECT PYTHONWARNINGS PYTHONPLATLIBDIR
unexport VIRTUAL_ENV JSII_NODE JSII_RUNTIME NODE_PATH CDK_APP CDK_OUTPUT CDK_OUTDIR CDK_CONTEXT CDK_CONTEXT_JSON CDK_STAGING
# Of Node's options, only those for certificates and memory are kept.
export NODE_OPTIONS := $(filter --use-% --max-%,$(NODE_OPTIONS))

# If the home folder is not writable, caches go into the project; settings and credentials are still read from it.
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

# Its output is shown only when it fails.
SYNTH := rm -f $(VENV)/synth.log; $(CDK) synth --quiet
LOGGED := >$(VENV)/synth.log 2>&1 || { cat $(VENV)/synth.log 2>/dev/null; exit 1; }
# A reader that closes the pipe early, as in `make synth | head`, is not an error.
PIPED := || test $$? = 141

.DEFAULT_GOAL := help
.PHONY: help runtime local dev setup bootstrap synth review snapshots diff deploy destroy up down status logs run prune test lint format \
        bench changes sbom lock docs clean evidence verify-aws verify-kubernetes

help: ## List the targets
	@( grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}' && \
		echo && echo "  ENV=production picks another environment; CONTEXT='-c spot_weight=50' overrides settings." ) $(PIPED)

# --- set-up ----------------------------------------------------------------------------------------------------------

# The check takes about 50 ms; if anything is missing or out of date, ops/setup.py repairs it.
runtime local dev:
	@$(BIN)/python -IS ops/setup.py --check $@ 2>/dev/null || { \
		PATH="$$CALLER_PATH"; \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
			{ echo "error: Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ..." >&2; exit 2; }; \
		$(PYTHON) -I ops/setup.py $@; }

setup: dev ## Create .venv with all packages, and the CDK CLI

# CDK's own rules run in the tests and before a deployment, but not for targets that only need the templates: docs/decisions/0012.
bootstrap synth destroy docs: export CDK_VALIDATION := false

# --- AWS -------------------------------------------------------------------------------------------------------------

bootstrap: runtime ## Prepare the AWS account and region of your credentials, once: CDK's stack, service-linked roles
	@$(BIN)/python -m ops account --env $(ENV) $(CONTEXT)
	@$(BIN)/python -m ops service-roles --env $(ENV) $(CONTEXT)
	@$(CDK) bootstrap -c env=$(ENV) $(CONTEXT)

synth: runtime ## Synthesize ENV into cdk.out/ and list stacks, images and addresses
	@$(SYNTH) -c env=$(ENV) $(CONTEXT) $(LOGGED)
	@$(BIN)/python -m ops summary cdk.out $(PIPED)

diff: runtime ## Compare ENV with what is deployed (needs AWS credentials)
	@$(CDK) diff -c env=$(ENV) $(CONTEXT) $(PIPED)

# IMPORT=1 takes over repositories and log groups that an earlier, destroyed environment of the same name left behind.
# Stacks deploy in parallel, so the CLI cannot ask for approval of permission changes: `make diff` shows them beforehand.
# What was compared with the deployed templates is what is deployed: the same cdk.out. ACCEPT='id id' accepts findings.
deploy: runtime ## Deploy ENV to AWS (needs AWS credentials and a container engine); make diff shows what would change
	@$(BIN)/python -m ops account --env $(ENV) $(CONTEXT)
	@$(BIN)/python -m ops preflight --env $(ENV) $(CONTEXT)
	@$(SYNTH) -c env=$(ENV) $(CONTEXT) $(LOGGED)
	@$(BIN)/python -m ops changes --deployed --env $(ENV) $(CONTEXT) $(foreach id,$(ACCEPT),--accept '$(id)')
	@$(CDK) deploy --app cdk.out --all --concurrency 6 --require-approval never $(if $(IMPORT),--import-existing-resources)

destroy: runtime ## Destroy ENV in AWS, after listing its stacks and asking
	@$(BIN)/python -m ops account --env $(ENV) $(CONTEXT)
	@$(CDK) destroy --all -c env=$(ENV) $(CONTEXT)

# --- on this machine, without an AWS account -------------------------------------------------------------------------

# ENDPOINT=http://localhost:PORT uses another port; SERVICE=name FOLLOW=1 for logs; IMAGES=1 for down;
# KUBECONFIG=... also applies the Kubernetes objects to a cluster: docs/kubernetes.md
LOCAL = $(if $(ENDPOINT),--endpoint $(ENDPOINT))

up: local ## Deploy everything to an emulated AWS on this machine
	@$(BIN)/python -m ops up --env $(ENV) $(LOCAL)

down: local ## Destroy the deployment on this machine, and check that nothing is left
	@$(BIN)/python -m ops down --env $(ENV) $(LOCAL) $(if $(IMAGES),--images)

status: local ## Show what runs on this machine
	@$(BIN)/python -m ops status --env $(ENV) $(LOCAL) $(PIPED)

logs: local ## Print the logs of the services on this machine
	@$(BIN)/python -m ops logs --env $(ENV) $(LOCAL) $(SERVICE) $(if $(FOLLOW),--follow) $(PIPED)

run: local ## Run a job on this machine now: SERVICE=name
	@$(BIN)/python -m ops run --env $(ENV) --endpoint $(or $(ENDPOINT),http://localhost:4566) $(SERVICE) $(PIPED)

prune: local ## Remove the stacks of services whose folder is gone
	@$(BIN)/python -m ops prune --env $(ENV) $(LOCAL)

# --- checks ----------------------------------------------------------------------------------------------------------

# Many tests wait (for a container, a queue, a deployment), so there are more processes than the two cores that suffice.
# Each end-to-end module has an emulator of its own. What they count are failed requests: others beside them make those slower only.
test: dev ## Run the tests (those that need a container engine only if there is one)
	@echo "==> 1 of 2: all but the end-to-end tests"
	@$(BIN)/python -m pytest -q -n 3 -m "not e2e" tests services
	@echo "==> 2 of 2: the end-to-end tests, each module with a deployment of its own on this machine"
	@$(BIN)/python -m pytest -v --no-header -n 3 -m e2e tests/e2e tests/aws

verify-aws: dev ## Deploy ENV to AWS under a name of its own, walk through what only AWS shows, and destroy it (asks; costs money)
	@$(BIN)/python -m tests.aws --env $(ENV) $(if $(YES),--yes)

verify-kubernetes: dev ## Walk through make up on a kind cluster of its own (or on that of KUBECONFIG), and clean up
	@$(BIN)/python -m tests.kubernetes

lint: dev ## Run ruff, mypy and hadolint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/hadolint services/*/Dockerfile

format: dev ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

snapshots: dev ## Rewrite the templates' snapshots after an intended change
	@$(BIN)/python -m pytest -q tests/snapshot tests/rights/test_rights_document.py --update-snapshots

# BASE=REF or BASE=FOLDER, an output of cdk synth; AGAINST=ENV, another environment of this checkout; DEPLOYED=1, what is deployed.
# FAIL_ON=data-loss,refused,wider-rights,new-exposure,cost>10 makes it fail: docs/review.md
review: runtime ## Compare with main (or BASE=REF, AGAINST=ENV, DEPLOYED=1): a page, Markdown and JSON in review/
	@$(BIN)/python -m ops review --env $(ENV) $(CONTEXT) $(if $(BASE),--base '$(BASE)') $(if $(AGAINST),--against '$(AGAINST)') \
		$(if $(DEPLOYED),--deployed) $(if $(FAIL_ON),--fail-on '$(FAIL_ON)') $(PIPED)

evidence: dev ## Run the checkers that need an environment of their own, and rewrite docs/evidence.md (needs PyPI)
	@$(BIN)/python -m tests.evidence.record
	@$(BIN)/python -m pytest -q tests/stacks/test_evidence.py --update-snapshots

bench: dev ## Measure synth, reviews (and, with an engine, the images) as ratios in one run
	@$(BIN)/python -m tests.bench.synth
	@$(BIN)/python -m tests.bench.services
	@$(BIN)/python -m tests.bench.review
	@$(BIN)/python -m tests.bench.review_page

changes: dev ## Rewrite docs/changes.md: what each change does to a running environment (minutes)
	@$(BIN)/python -m tests.changes.rows

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

clean: ## Remove generated files (never anything deployed)
	@rm -rf cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis sbom review
