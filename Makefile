# Two commands do it all: `make run` serves, `make test` tests. Everything is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test servers cluster storm check format bench bench-scale lock clean docs

run: $(VENV)/run.stamp
	$(BIN)/pymager serve

KILLS := tests/live/test_kills.py tests/live/test_storm.py

test: servers
	$(BIN)/python -m pytest -n 2 --dist loadscope $(KILLS:%=--ignore=%) $(ARGS)
	$(BIN)/python -m pytest $(KILLS) $(ARGS)

# The servers that the tests start; the first time some minutes, to build them into a cache outside the checkout.
servers: $(VENV)/dev.stamp
	$(BIN)/python -m tests.servers

# MinIO, PostgreSQL and three replicas on this machine, to try things out; or with CATALOG=dynamodb.
CATALOG ?= postgresql
cluster: $(VENV)/dev.stamp
	$(BIN)/python -m tests.servers.cluster $(CATALOG)

# kill -9 in a cluster, as long as you like: `make storm ROUNDS=20`.
ROUNDS ?= 5
storm: servers
	STORM_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest tests/live/test_storm.py $(ARGS)

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/dev.stamp
	$(BIN)/python -m pymager.documentation docs/settings.md

bench: $(VENV)/dev.stamp
	bench/run

# Ten million rows and 200,000 objects beside few of them; twenty minutes, and 10 GB in the folder for temporary files.
bench-scale: $(VENV)/dev.stamp
	$(BIN)/python -m bench.scale

lock:
	uv pip compile --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
	  -o requirements/build.txt requirements/build.in
	uv pip compile --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
	  --extra all -o requirements/run.txt pyproject.toml
	uv pip compile --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
	  --extra all --extra testing --group dev -o requirements/dev.txt pyproject.toml

clean:
	rm -rf $(VENV) dist build

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements/run.txt requirements/build.txt pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV), which takes a minute"
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@
