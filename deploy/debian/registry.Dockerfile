# The container registry from Debian's packages, set by REGISTRY_... variables as the official image is.
ARG BASE=orris-base
FROM ${BASE}
RUN apt-get -qq -o Acquire::Retries=5 update && DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=5 install -y --no-install-recommends docker-registry \
 && rm -rf /var/lib/apt/lists/*
RUN printf 'version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /var/lib/registry\nhttp:\n  addr: :5000\n' > /etc/docker/registry/config.yml
CMD ["docker-registry", "serve", "/etc/docker/registry/config.yml"]
