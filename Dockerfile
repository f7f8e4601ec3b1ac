# One image for everything Headrace runs: docker build -t headrace . && docker run --rm headrace --help
FROM python:3.13-slim-bookworm

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PYTHONUNBUFFERED=1
WORKDIR /opt/headrace

# Exactly the locked packages, in a layer that changes only when the locks do.
COPY requirements-build.lock requirements.lock ./
RUN pip install --require-hashes -r requirements-build.lock \
    && pip install --require-hashes --no-build-isolation --use-pep517 -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY streams streams
COPY models models
COPY agents agents
COPY headrace headrace
RUN pip install --no-deps --no-build-isolation .

# What must outlive a container is in /data, and nothing else is written.
RUN useradd --system --create-home headrace && install --directory --owner headrace /data
ENV HEADRACE_DATA=/data
VOLUME /data
USER headrace
WORKDIR /

ENTRYPOINT ["headrace"]
CMD ["--help"]
