# Either connector's image:
#   docker build --build-arg CONNECTOR=source-slack-users -t airbyte-oomnitza/source-slack-users:0.1.0 .
#   docker build --build-arg CONNECTOR=destination-oomnitza -t airbyte-oomnitza/destination-oomnitza:0.1.0 .
# A package index that needs settings or a certificate: --secret id=pip.conf,src=...  --secret id=ca.pem,src=...
#
# Airbyte's base image for Python connectors. 4.0.2 is the last with Python 3.11 (4.1 has 3.13, which PyAirbyte does not
# take); Airbyte's own source-file and source-google-drive name the same digest.
ARG BASE_IMAGE=airbyte/python-connector-base:4.0.2@sha256:9fdb1888c4264cf6fee473649ecb593f56f58e5d0096a87ee0b231777e2e3e73

FROM ${BASE_IMAGE} AS build
ARG CONNECTOR
ARG VERSION=0.1.0
USER 0
WORKDIR /build
COPY constraints.txt ./
COPY ${CONNECTOR} ${CONNECTOR}/
# pip before 25.3 applies the constraints to the build backend by the first name, later ones by the second.
ENV PIP_CONSTRAINT=/build/constraints.txt PIP_BUILD_CONSTRAINT=/build/constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.pem,target=/run/ca.pem \
    if [ -e /run/ca.pem ]; then export PIP_CERT=/run/ca.pem; fi \
    && python3 -m venv /build/tools \
    && /build/tools/bin/pip install --quiet --no-cache-dir pip \
    && /build/tools/bin/pip wheel --quiet --no-cache-dir --wheel-dir wheels "./${CONNECTOR}"
# The environment that is shipped has no pip of its own: it is filled from outside.
RUN python3 -m venv --without-pip /opt/connector \
    && /build/tools/bin/pip --python /opt/connector/bin/python install --quiet --no-index --find-links wheels "airbyte-${CONNECTOR}==${VERSION}" \
    && ln -s "${CONNECTOR}" /opt/connector/bin/connector

FROM ${BASE_IMAGE}
ARG CONNECTOR
ARG VERSION=0.1.0
COPY --from=build /opt/connector /opt/connector
WORKDIR /airbyte/integration_code
# The user "airbyte" of the base image, as a number, so that Kubernetes can see that it is not root.
USER 1000
ENV AIRBYTE_ENTRYPOINT=/opt/connector/bin/connector
ENTRYPOINT ["/opt/connector/bin/connector"]
LABEL io.airbyte.name=airbyte-oomnitza/${CONNECTOR} io.airbyte.version=${VERSION}
