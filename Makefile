# Two commands do it all: `make run` serves, `make test` tests. Everything is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test servers cluster storm check format bench bench-scale bench-rollout bench-overload bench-memory lock clean docs image dist deb deb-test

run: $(VENV)/run.stamp
	$(BIN)/pymager serve

KILLS := tests/live/test_kills.py tests/live/test_storm.py

# The kills wait more than they work, so the two run side by side; what they tell comes at the end.
test: servers
	$(BIN)/python -m pytest -n 2 --dist loadscope $(KILLS:%=--ignore=%) --ignore=$(DEB_TEST) $(ARGS)
	@told=$$(mktemp -d); for file in $(KILLS); do \
	  name=$$told/$$(basename $$file); mkdir $$name; \
	  ( PYTEST_DEBUG_TEMPROOT=$$name $(BIN)/python -m pytest $$file $(ARGS) >$$name.out 2>&1; echo $$? >$$name.code ) & \
	done; wait; cat $$told/*.out; ! grep -qv '^0$$' $$told/*.code; code=$$?; rm -rf $$told; exit $$code

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
	$(BIN)/hadolint Dockerfile

format: $(VENV)/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/dev.stamp
	$(BIN)/python -m pymager.settings.reference docs/settings.md
	$(BIN)/python -m tests.chart.generate

bench: $(VENV)/dev.stamp
	bench/run

# Ten million rows and 200,000 objects beside few of them; twenty minutes, and 10 GB in the folder for temporary files.
bench-scale: $(VENV)/dev.stamp
	$(BIN)/python -m bench.scale

# Replicas replaced under load, as long as you like: `make bench-rollout ROUNDS=100`.
bench-rollout: servers
	$(BIN)/python -m bench.rollout --rounds $(ROUNDS) $(ARGS)

# Two minutes of ten times the traffic that can be rendered.
bench-overload: $(VENV)/dev.stamp
	$(BIN)/python -m bench.overload $(ARGS)

# Memory after 10,000 and after 100,000 requests.
bench-memory: $(VENV)/dev.stamp
	$(BIN)/python -m bench.memory $(ARGS)

# The wheel and the source, into dist/.
dist: $(VENV)/dev.stamp
	rm -f dist/pymager-*.whl dist/pymager-*.tar.gz
	$(BIN)/python -m hatchling build -d dist
	$(BIN)/twine check --strict dist/pymager-*

# The package for Debian 12, into dist/.
deb: $(VENV)/run.stamp
	rm -f dist/pymager_*.deb
	$(BIN)/python packaging/debian/build.py dist

# Installed, used, upgraded and purged in a Debian that its own systemd has booted; it needs root.
DEB_TEST := tests/packages/test_deb.py
deb-test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest $(DEB_TEST) $(ARGS)

# The container image, tagged with the version and as latest; `make image ARGS='--build-arg EXTRAS=s3,sql'`.
BUILDERS ?= docker podman buildah
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
IMAGE = --build-arg VERSION=$(VERSION) --build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
  -t pymager:$(VERSION) -t pymager:latest
image:
	@for builder in $(BUILDERS); do \
	  if [ $$builder = docker ] && docker version >/dev/null 2>&1; then \
	    exec docker build $(IMAGE) $(ARGS) .; \
	  elif [ $$builder != docker ] && command -v $$builder >/dev/null; then \
	    exec $$builder build --format docker --layers $(IMAGE) $(ARGS) .; \
	  fi; \
	done; \
	echo "make image needs one of these, ready to build: $(BUILDERS)" >&2; exit 1

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
