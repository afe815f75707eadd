# `make run` serves, `make test` tests; `make help` lists the rest. Everything is installed into .venv.
PYTHON ?= python3
VENV := .venv
# The site's tools have a virtual environment of their own: the program needs none of them.
SITE_VENV := .venv-site
BIN := $(VENV)/bin

# Tests start many processes: bytecode is cached also where the environment says not to.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run test test-quick clients-test fidelity servers cluster storm power-loss fuzz check format \
  screenshots docs site bench bench-scale bench-rollout bench-overload bench-options bench-memory bench-codecs \
  bench-import bench-mezzanine bench-cache dist release-check bump deb deb-test image lock clean

help: ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
	  while IFS='|' read -r target what; do printf '  %-16s %s\n' "$$target" "$$what"; done

run: $(VENV)/run.stamp ## Serve on http://127.0.0.1:8000 over the folder ./pymager-data.
	$(BIN)/pymager serve

# Most tests that take long wait for processes, timeouts and leases: four processes keep two cores busy.
PROCESSES ?= 4
test: servers $(SITE_VENV)/site.stamp ## Run all tests, against real servers. Pass options of pytest in ARGS.
	$(BIN)/python -m pytest -n $(PROCESSES) --dist loadscope --no-loadscope-reorder --ignore=$(DEB_TEST) $(ARGS)

# No server and no server process: the loop to work in.
QUICK := tests/unit tests/engine --ignore=tests/unit/workers --ignore=tests/unit/process \
  --ignore=tests/unit/telemetry/test_jobs.py \
  $(patsubst %,--ignore=tests/engine/test_%.py,animated_variants confined describe effects geometry_grid \
    mezzanine_similarity reduced_decode smart svg)
test-quick: $(VENV)/dev.stamp ## Run the tests that need no server and are not slow; under 90 seconds.
	$(BIN)/python -m pytest -q -n 2 $(QUICK) $(ARGS)

clients-test: $(VENV)/run.stamp ## Test the clients against a server; CLIENTS=python names some. In CI, all tools must be there.
	PYTHON=$(PYTHON) clients/test $(CLIENTS)

# Needs Debian's packages chromium, imagemagick, libvips-tools, ffmpeg and libheif-examples.
fidelity: $(VENV)/dev.stamp ## Ask independent decoders anew what the tests' pictures look like.
	$(BIN)/python -m tests.engine.fidelity.oracles

# The first time this takes some minutes: the servers are built into a cache outside the checkout.
servers: $(VENV)/dev.stamp ## Build or install the servers that the tests start.
	$(BIN)/python -m tests.servers

CATALOG ?= postgresql
cluster: $(VENV)/dev.stamp ## Start MinIO, PostgreSQL (or CATALOG=dynamodb) and three replicas, to try things out.
	$(BIN)/python -m tests.servers.cluster $(CATALOG)

ROUNDS ?= 5
STORES ?= minio+postgresql
# `make storm REPORT=storm ROUNDS=100` runs for hours by itself and keeps its report in storm.md and storm.jsonl.
storm: servers ## Kill and stop the replicas of a cluster for ROUNDS rounds, and check what the clients saw.
ifdef REPORT
	$(BIN)/python -m tests.live.long_storm $(REPORT) --stores $(STORES) --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED))
else
	STORM_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest tests/live/test_storm.py $(ARGS)
endif

UPLOADS ?= 1000
FAILURES ?= 60
power-loss: servers ## Lose power FAILURES times after and during UPLOADS uploads, and check what is left.
	POWER_LOSS_UPLOADS=$(UPLOADS) POWER_LOSS_FAILURES=$(FAILURES) \
	  $(BIN)/python -m pytest tests/live/test_power_loss.py $(ARGS)

SECONDS ?= 60
# atheris guides it by coverage. It has no wheels for arm64, and is no dependency: .venv/bin/pip install atheris
fuzz: $(VENV)/dev.stamp ## Fuzz each of TARGETS, or all of them, for SECONDS seconds.
	$(BIN)/python -m tests.fuzz $(TARGETS) --seconds $(SECONDS) $(ARGS)

check: $(VENV)/dev.stamp ## Run the formatter, the linters, the type checker and the import rules.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/zizmor --quiet --offline --no-progress .github
	$(BIN)/yamllint --strict --config-file .github/yamllint.yml .github CITATION.cff

format: $(VENV)/dev.stamp ## Format the code and fix what the linter can.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Needs Debian's package chromium. Look at the pictures before you commit them.
screenshots: $(VENV)/dev.stamp ## Take the screenshots of the web page in docs/images anew.
	SCREENSHOTS=docs/images $(BIN)/python -m pytest -q tests/ui/test_screenshots.py $(ARGS)

docs: $(VENV)/dev.stamp ## Generate the pages about settings, commands, requests and errors, and the chart's schema.
	$(BIN)/python -m pymager.settings.reference docs/reference/settings.md
	$(BIN)/python -m tests.docs.generate
	$(BIN)/python packaging/site/picture.py docs/assets/variants.svg
	$(BIN)/python -m tests.chart.generate

site: $(SITE_VENV)/site.stamp ## Build the documentation site into site/. A broken link or anchor fails.
	$(SITE_VENV)/bin/python packaging/site/prepare.py build/docs
	$(SITE_VENV)/bin/zensical build --clean --strict --config-file mkdocs.yml
	@echo "To look at it: python3 -m http.server -d site -b 127.0.0.1 8080"

bench: $(VENV)/dev.stamp ## Measure CPU per request and latency beside thumbor and sharp, and write the pages' tables.
	bench/run --write $(ARGS)

# Takes twenty minutes and 10 GB in the folder for temporary files.
bench-scale: $(VENV)/dev.stamp ## Measure ten million rows and 200,000 objects beside few of them.
	$(BIN)/python -m bench.scale

bench-rollout: servers ## Replace replicas under load for ROUNDS rounds, and count failed requests.
	$(BIN)/python -m bench.rollout --rounds $(ROUNDS) $(ARGS)

bench-overload: $(VENV)/dev.stamp ## Send ten times the traffic that can be rendered, then 200 costly pictures.
	$(BIN)/python -m bench.overload $(ARGS)
	$(BIN)/python -m bench.bombs

bench-options: $(VENV)/dev.stamp ## Measure what each option of a variant costs, for 12 megapixels.
	$(BIN)/python -m bench.options $(ARGS)

bench-memory: $(VENV)/dev.stamp ## Measure memory after 10,000 and after 100,000 requests.
	$(BIN)/python -m bench.memory $(ARGS)

bench-codecs: $(VENV)/dev.stamp ## Measure quality, size and CPU time of the encoders' settings.
	$(BIN)/python -m bench.codecs $(ARGS)

# The import is killed twice. It takes some minutes and 100 MB in the folder for temporary files.
bench-import: servers ## Import 10,000 pictures from a bucket, and print time, CPU time and memory.
	IMPORT_PICTURES=10000 $(BIN)/python -m pytest tests/live/test_importing.py -k killed $(ARGS)

bench-mezzanine: servers ## Measure what mezzanines cost and save, over a folder and over a bucket.
	$(BIN)/python -m bench.mezzanine $(ARGS)

bench-cache: servers ## Measure a hit from memcached beside a hit from MinIO, which is also 10 ms away.
	$(BIN)/python -m bench.shared_cache $(ARGS)

dist: $(VENV)/dev.stamp ## Build the wheel and the source distribution into dist/.
	rm -f dist/pymager-*.whl dist/pymager-*.tar.gz
	$(BIN)/python -m hatchling build -d dist
	$(BIN)/twine check --strict dist/pymager-*

# `make release-check TAG=v1.2.3` also compares the tag.
release-check: ## Compare the versions that all parts name.
	$(PYTHON) packaging/versions.py check $(TAG)

bump: ## Write VERSION into all parts, such as `make bump VERSION=1.2.3`.
	$(PYTHON) packaging/versions.py bump $(VERSION)

deb: $(VENV)/run.stamp ## Build the package for Debian 12 into dist/.
	rm -f dist/pymager_*.deb
	$(BIN)/python packaging/debian/build.py dist

DEB_TEST := tests/packages/test_deb.py
deb-test: $(VENV)/dev.stamp ## Install, use, upgrade and purge the package in a Debian that boots systemd; needs root.
	$(BIN)/python -m pytest $(DEB_TEST) $(ARGS)

# `make image ARGS='--build-arg EXTRAS=s3,sql'` chooses the extras.
BUILDERS ?= docker podman buildah
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
IMAGE = --build-arg VERSION=$(VERSION) --build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
  -t pymager:$(VERSION) -t pymager:latest
image: ## Build the container image with docker, podman or buildah.
	@for builder in $(BUILDERS); do \
	  if [ $$builder = docker ] && docker version >/dev/null 2>&1; then \
	    exec docker build $(IMAGE) $(ARGS) .; \
	  elif [ $$builder != docker ] && command -v $$builder >/dev/null; then \
	    exec $$builder build --format docker --layers $(IMAGE) $(ARGS) .; \
	  fi; \
	done; \
	echo "make image needs one of these, ready to build: $(BUILDERS)" >&2; exit 1

lock: ## Update the lock files after a change of dependencies.
	$(MAKE) -C clients/python lock
	uv pip compile --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
	  -o requirements/build.txt requirements/build.in
	echo 'maturin>=1.14.1' | uv pip compile --python-version 3.11 --universal --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --quiet -o requirements/compile.txt -
	uv pip compile --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
	  -o requirements/docs.txt requirements/docs.in
	uv pip compile --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
	  --extra all -o requirements/run.txt pyproject.toml
	echo pillow-jxl-plugin | uv pip compile --python-version 3.11 --universal --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --quiet --no-emit-package pillow -c requirements/run.txt -o requirements/jxl.txt -
	uv pip compile --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
	  --extra all --extra jxl --extra testing --group dev -o requirements/dev.txt pyproject.toml

clean: ## Remove the virtual environments and what was built.
	rm -rf $(VENV) $(SITE_VENV) dist build site

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

$(SITE_VENV)/site.stamp: requirements/docs.txt
	test -x $(SITE_VENV)/bin/python || $(PYTHON) -m venv $(SITE_VENV)
	@echo "installing zensical into $(SITE_VENV)"
	$(SITE_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/docs.txt
	touch $@
