# `make image` builds it; docs/how-to/containers.md explains how to run it. Every base with Python 3.11 or later and its venv module works.
ARG BASE=docker.io/library/python:3.12-slim-bookworm

# hadolint ignore=DL3006
FROM ${BASE} AS build
WORKDIR /build
RUN python3 -m venv tools && python3 -m venv --without-pip /opt/pymager

# Two dependencies have no wheels for arm64. Debian's Rust compiles them there, from sources with the same hashes.
# COMPILED names others, separated by commas.
ARG COMPILED=
# hadolint ignore=DL3008
RUN if [ -z "${COMPILED}" ] && [ "$(uname -m)" = aarch64 ]; then COMPILED=cykooz-resizer,fast-thumbhash; fi \
 && printf %s "${COMPILED}" > compiled.txt \
 && if [ -n "${COMPILED}" ]; then \
        apt-get update \
     && apt-get install -y --no-install-recommends cargo-web gcc libc6-dev rustc-web \
     && rm -rf /var/lib/apt/lists/*; \
    fi

# Download the dependencies of all extras, and check the hash of each file.
# If pip needs your own pip.conf or CA bundle, pass them as secrets, which end up in no layer:
#   --secret id=pip.conf,src=/etc/pip.conf --secret id=ca,src=/etc/ssl/certs/ca-certificates.crt
COPY requirements/build.txt requirements/compile.txt requirements/run.txt requirements/jxl.txt requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    export PATH="/build/tools/bin:${PATH}" \
 && tools/bin/pip install --quiet --disable-pip-version-check --no-cache-dir --only-binary=:all: \
        --require-hashes -r requirements/build.txt -r requirements/compile.txt \
 && tools/bin/pip download --quiet --disable-pip-version-check --no-cache-dir --no-build-isolation \
        --only-binary=:all: --no-binary="$(cat compiled.txt)" \
        --require-hashes --dest wheels -r requirements/run.txt -r requirements/jxl.txt \
 && if [ -s compiled.txt ]; then \
        tools/bin/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index \
            --wheel-dir wheels wheels/*.tar.gz \
     && rm wheels/*.tar.gz; \
    fi

# Install the dependencies of the chosen extras, only from these files.
ARG EXTRAS=all
COPY requirements/chosen.py requirements/
COPY pyproject.toml ./
RUN python3 requirements/chosen.py pyproject.toml "${EXTRAS}" > chosen.txt \
 && tools/bin/pip --isolated --python /opt/pymager/bin/python install --quiet --disable-pip-version-check \
        --no-cache-dir --no-index --find-links wheels -r chosen.txt

# Build and install the wheel of this checkout.
COPY README.md LICENSE ./
COPY backends backends
COPY pymager pymager
RUN tools/bin/pip --isolated wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index \
        --wheel-dir dist . \
 && tools/bin/pip --isolated --python /opt/pymager/bin/python install --quiet --disable-pip-version-check \
        --no-cache-dir --no-index --no-deps dist/*.whl \
 && tools/bin/pip --isolated --python /opt/pymager/bin/python check

# hadolint ignore=DL3006
FROM ${BASE}
RUN groupadd --gid 10001 pymager \
 && useradd --no-log-init --uid 10001 --gid 10001 --home-dir /var/lib/pymager --shell /usr/sbin/nologin pymager \
 && install -d -o 10001 -g 10001 -m 0750 /var/lib/pymager
COPY --from=build /opt/pymager /opt/pymager

# The environment overrides a TOML file, so these settings can be changed only in the environment.
ENV PATH=/opt/pymager/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYMAGER_HOST=0.0.0.0 \
    PYMAGER_PORT=8000 \
    PYMAGER_DATA=/var/lib/pymager

USER 10001:10001
WORKDIR /var/lib/pymager
VOLUME /var/lib/pymager
EXPOSE 8000
STOPSIGNAL SIGTERM
# Requests /healthz and expects 200. Uses only a socket, because HTTP client modules make the start slow.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["/opt/pymager/bin/python", "-ISc", "\
import os, socket, sys\n\
host = os.environ['PYMAGER_HOST']\n\
address = ({'0.0.0.0': '127.0.0.1', '::': '::1'}.get(host, host), int(os.environ['PYMAGER_PORT']))\n\
with socket.create_connection(address, 4) as connection:\n\
    connection.sendall(b'GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n')\n\
    sys.exit(connection.recv(16)[8:13] != b' 200 ')\n\
"]
ENTRYPOINT ["pymager"]
CMD ["serve"]

ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pymager" \
      org.opencontainers.image.description="Stores original pictures and serves resized variants over HTTP, as the origin behind a CDN" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
