# nginx from Debian's packages.
ARG BASE=orris-base
FROM ${BASE}
RUN apt-get -qq -o Acquire::Retries=5 update && DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=5 install -y --no-install-recommends nginx-light \
 && rm -rf /var/lib/apt/lists/*
CMD ["nginx", "-g", "daemon off;"]
