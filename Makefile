# Quittance. `make help` lists what there is to say.
# Everything is built inside this folder: .venv and .venv-stack (environments), .cache (downloads), build (packages),
# .local (the local stack's state), out (results).

PYTHON ?=
export PYTHON

VENV := .venv
STACK_VENV := .venv-stack
RUN := $(VENV)/bin/python
SOURCES := $(wildcard app.py chalicelib infra tests bench)
# Rules and values: checked with mypy --strict. The rest talks to libraries that have no types.
STRICT := $(wildcard chalicelib/core chalicelib/messages chalicelib/*/domain.py chalicelib/*/domain chalicelib/banking/payees.py chalicelib/banking/payouts.py chalicelib/banking/payout_ageing.py chalicelib/banking/payout_decisions.py chalicelib/banking/payout_postings.py chalicelib/banking/payout_status.py chalicelib/banking/payout_states.py chalicelib/recon/matching.py chalicelib/recon/corrections.py chalicelib/recon/formats chalicelib/ledger/account_life.py chalicelib/ledger/deferred.py chalicelib/ledger/documents.py chalicelib/ledger/exchange.py chalicelib/ledger/lines.py chalicelib/ledger/batches.py chalicelib/ledger/reversals.py chalicelib/ledger/commands.py chalicelib/ledger/conditions.py chalicelib/ledger/metadata.py chalicelib/ledger/transfers.py chalicelib/ledger/holds.py chalicelib/ledger/reservations.py chalicelib/ledger/checkpoints.py chalicelib/ledger/merkle.py chalicelib/ledger/movements.py chalicelib/ledger/rebuild.py chalicelib/ledger/totals.py chalicelib/credit/history.py chalicelib/credit/changes.py)

.DEFAULT_GOAL := help
.PHONY: help env stack-env demo industries up down reset test simulate check lint format types contracts templates bench bench-ledger bench-messages bench-netting bench-scale rebuild openapi package deploy lock

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

env:
	@sh infra/environment.sh $(VENV) requirements/dev.txt

stack-env: env
	@sh infra/environment.sh $(STACK_VENV) requirements/stack.txt $(VENV)

demo: env stack-env ## Run one steel trade from deposit to reconciled statement, on this machine
	@$(RUN) -m infra.demo

industries: env stack-env ## Run every industry's scenario through the API, on this machine, and print a table
	@$(RUN) -m infra.industries

up: env stack-env ## Start the local stack in the background and write out/stack.json
	@$(RUN) -m infra.stack up

down: env ## Stop the local stack and keep its state
	@$(RUN) -m infra.stack down

reset: env ## Stop the local stack and forget its state
	@$(RUN) -m infra.stack reset

# One part of it: make test TESTS=tests/ledger. In one process, say for a debugger: make test TESTS="-n0 tests/ledger".
# Test files are shared out among processes, each with a DynamoDB Local of its own; one has the deployed stack.
test: env stack-env ## Run every test (store tests need a JDK and npm)
	@$(RUN) -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(TESTS)

# From a chosen seed, so many steps: make simulate SEED=7 STEPS=100000
simulate: env ## Random commands under faults, compared with a model
	@PYTHONHASHSEED=0 $(RUN) -m tests.simulation "$(SEED)" "$(STEPS)"

check: env ## Lint, format, types, import contracts, templates: all of them, then the verdict
	@$(MAKE) --no-print-directory --keep-going lint format types contracts templates

lint:
	@echo "==> lint" && $(VENV)/bin/ruff check $(SOURCES)

format:
	@echo "==> format" && $(VENV)/bin/ruff format --check $(SOURCES)

types:
	@echo "==> types" && $(VENV)/bin/mypy $(STRICT) $(wildcard infra bench)

contracts:
	@echo "==> import contracts" && $(VENV)/bin/lint-imports --no-cache

templates:
	@echo "==> templates" && $(RUN) -m infra.check

bench: env stack-env ## Measure capacity units, import times and the size of the package
	@$(RUN) -m bench.capacity
	@$(RUN) -m bench.imports

bench-ledger: env stack-env ## Measure the ledger against its bounds (needs a JDK and npm)
	@$(RUN) -m bench.ledger

bench-messages: env ## Measure a bank's message of 10,000 movements (needs a JDK; minutes)
	@$(RUN) -m bench.messages

bench-netting: env ## Measure a netting window of 10,000 obligations (needs a JDK and npm)
	@$(RUN) -m bench.netting

bench-scale: env ## Measure answers with 1,000 and with 300,000 entries against their bound (needs a JDK and npm; minutes)
	@$(RUN) -m bench.scale

rebuild: env ## Compute every balance from the journal alone and compare (local stack, or STAGE=dev or prod)
	@$(RUN) -m infra.rebuild $(STAGE)

openapi: env ## Write docs/openapi.json from the routes
	@$(RUN) -m infra.openapi

package: env ## Build the Lambda package of STAGE (local, dev or prod)
	@$(RUN) -m infra.build $(or $(STAGE),local)

deploy: env ## Deploy STAGE (dev or prod) to AWS with your own credentials
	@$(RUN) -m infra.deploy $(STAGE)

lock: env ## Refresh the lock files within the ranges of requirements/*.in
	@sh infra/lock.sh
