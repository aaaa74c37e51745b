ARG BASE_REGISTRY=public.ecr.aws/docker/library
FROM ${BASE_REGISTRY}/debian:trixie-slim AS runtime
ARG VERSION
LABEL org.opencontainers.image.version="${VERSION}"
COPY shared /opt/shared
VOLUME /tmp

FROM runtime AS checks
RUN test -e /opt/shared/words.txt
