# MinIO, whose project publishes no images any more: `deploy/build-minio` builds the program and this image of it.
ARG BASE=debian:stable-slim
FROM ${BASE}
COPY minio /usr/local/bin/
CMD ["minio", "server", "/data", "--address", ":9000", "--console-address", "127.0.0.1:9001"]
