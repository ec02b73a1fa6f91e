# Everything sets itself up: `make run` on a machine with Python 3.11+ and make is enough.
PYTHON ?= python3
PARAMS ?= params/demo.yaml
BIN := .venv/bin
READY := .venv/.ready
EXTRAS := spark vision embed online econml llm

.DEFAULT_GOAL := help
.PHONY: help run rehearse test functions lab lint notebooks ui spark vision embed online econml llm long reliability bench dictionary lock clean

help:  ## print this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(READY): requirements.lock requirements-bootstrap.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'Expected Python 3.11 or newer; set PYTHON=/path/to/python3.11.' >&2; exit 1; }
	@echo 'Setting up .venv from requirements.lock ...'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src  # many containers forbid it later, and compile at each start
	@touch $@

run: $(READY)  ## run params/demo.yaml from raw data to report (PARAMS=... for another)
	@$(BIN)/campanile run $(PARAMS)

rehearse: $(READY)  ## play six campaigns against an invented shop of 50,000 customers whose truth is known
	@$(BIN)/campanile rehearse params/rehearsal.yaml --waves 6

test: $(READY)  ## run all tests: functions, examples, kills, and every notebook
	@$(MAKE) --no-print-directory -j 2 functions notebooks

functions: $(READY)  ## run the tests of functions, examples, form and kills
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup

long: $(READY)  ## run the simulations of minutes: A/A campaigns, worlds with known answers
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m long

notebooks: $(READY)  ## run every notebook on its own defaults, in order
	@rm -rf runs/smoke
	@$(BIN)/python -m pytest --nbval-lax -o addopts= -q notebooks

lint: $(READY)  ## check form of code, notebooks and prose
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/codespell README.md CHANGELOG.md docs src tests params notebooks bench

lab: $(READY)  ## open JupyterLab on notebooks/
	@$(BIN)/jupyter lab --notebook-dir=notebooks

ui: $(READY)  ## open MLflow on mlruns/
	@$(BIN)/mlflow ui --backend-store-uri sqlite:///mlruns/mlflow.db --host 127.0.0.1

spark: .venv/.spark  ## add Spark, for tables beyond one machine (needs Java 17)

vision: .venv/.vision  ## add what tells the contents of product pictures

embed: .venv/.embed  ## add encoders of texts, for languages with few labels

online: .venv/.online  ## add Vowpal Wabbit, for a policy that decides and learns in real time

llm: .venv/.llm  ## add the client of a language model, for drafts of copy

econml: .venv/.econml  ## add the causal forest of EconML to the uplift learners

.venv/.%: $(READY) requirements-%.lock
	@echo 'Adding $* from requirements-$*.lock ...'
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-$*.lock
	@touch $@

reliability: $(READY)  ## kill senders 1,400 times on three databases and hold the ledger against the servers
	@mkdir -p runs/reliability
	@$(BIN)/python -m pytest -q -n 2 tests/reliability
	@CAMPANILE_RELIABILITY=full $(BIN)/python -m pytest -q -n 2 --timeout 7200 tests/send/test_many_senders.py tests/send/test_policy_machine.py tests/inbound/test_races.py
	@$(BIN)/python -W ignore -m tests.reliability.kills --kills 1000 --customers 20000 --results runs/reliability/sqlite.json
	@$(BIN)/python -W ignore -m tests.reliability.kills --kills 200 --customers 4000 --databases postgresql,mariadb --results runs/reliability/servers.json

bench: $(READY)  ## run every benchmark
	@$(BIN)/python bench/data.py
	@$(BIN)/python bench/models.py
	@$(BIN)/python bench/text.py
	@$(BIN)/python bench/tags.py
	@$(BIN)/python bench/budget.py
	@$(BIN)/python bench/online.py
	@$(BIN)/python bench/uplift.py
	@$(BIN)/python bench/send.py
	@$(BIN)/python bench/ledger.py
	@$(BIN)/python bench/render.py
	@$(BIN)/python bench/rehearsal.py

dictionary: $(READY)  ## write docs/data_dictionary.md and docs/features.md from the code
	@$(BIN)/python -m src.data.dictionary docs/data_dictionary.md
	@$(BIN)/python -m src.features.dictionary docs/features.md

lock: $(READY)  ## resolve the dependencies anew into requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --upgrade --quiet -o requirements.lock
	@for extra in $(EXTRAS); do awk -v e=$$extra '$$1 == e {on = 1} on {print} on && /\]/ {exit}' pyproject.toml \
	  | grep -o '"[^"]*"' | tr -d '"' | $(BIN)/uv pip compile - --constraint requirements.lock --universal \
	  --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet -o requirements-$$extra.lock; done

clean:  ## remove runs, MLflow's store and the environment; keys stay
	@rm -rf .venv runs mlruns build *.egg-info
