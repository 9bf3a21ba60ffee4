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
# The time stamp of wheels and bytecode. With that of the commit, the same commit gives the same files.
ARG SOURCE_DATE_EPOCH=1767225600
USER 0
WORKDIR /build
COPY requirements.txt requirements-build.txt ./
COPY ${CONNECTOR} ${CONNECTOR}/
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONHASHSEED=0 SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH}
# Packages must match the hashes of the lock, and none is built from source, so no foreign code runs here.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.pem,target=/run/ca.pem \
    if [ -e /run/ca.pem ]; then export PIP_CERT=/run/ca.pem; fi \
    && export PIP_QUIET=1 PIP_NO_CACHE_DIR=1 \
    && python3 -m venv /build/tools \
    && /build/tools/bin/pip install --require-hashes --only-binary :all: -r requirements-build.txt \
    && /build/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheels "./${CONNECTOR}" \
    && /build/tools/bin/pip download --require-hashes --only-binary :all: --no-deps --dest wheels -r requirements.txt
# The shipped environment is filled from outside, and has no pip of its own. It holds its list of packages (CycloneDX).
RUN python3 -m venv --without-pip /opt/connector \
    && /build/tools/bin/pip --python /opt/connector/bin/python install --quiet --no-compile --no-index --find-links wheels "airbyte-${CONNECTOR}==${VERSION}" \
    && /opt/connector/bin/python -m compileall -f -q --invalidation-mode unchecked-hash /opt/connector/lib \
    && /build/tools/bin/cyclonedx-py environment --output-reproducible --of JSON -o /opt/connector/sbom.cdx.json /opt/connector/bin/python \
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
