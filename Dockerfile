# One recipe for every image. MEMBER is the distribution to install, MODULE the Python module to run:
#   docker build --build-arg MEMBER=dualspan-historian --build-arg MODULE=dualspan_historian --tag dualspan/historian .
ARG PYTHON_IMAGE=python:3.12-slim

# Everything that is locked, fetched once and its hashes verified. What follows takes from here and asks no index.
FROM ${PYTHON_IMAGE} AS locked
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_CACHE_DIR=1
WORKDIR /source
COPY requirements.lock ./
RUN python3 -m pip wheel --quiet --no-deps --require-hashes --requirement requirements.lock --wheel-dir /wheels

# Our own members.
FROM locked AS wheels
ENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels
RUN python3 -m venv /opt/tools && /opt/tools/bin/pip install --quiet hatchling
COPY . ./
RUN /opt/tools/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels ./protos ./libs/* ./services/* ./edge ./sdk ./cli ./plc_sim ./bench ./apps/*

# What is compiled names what it was compiled of by its contents and not by its time: two builds are alike.
FROM wheels AS installed
ARG MEMBER
RUN python3 -m venv --without-pip /opt/dualspan \
 && python3 -m pip --python /opt/dualspan/bin/python install --quiet --no-compile "${MEMBER:?name the member to install}" \
 && /opt/dualspan/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/dualspan/lib

FROM ${PYTHON_IMAGE}
ARG MEMBER
ARG MODULE
# Of the source: its version and its commit. docs/guides/images.md has the whole recipe.
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title=${MEMBER} \
      org.opencontainers.image.description="DualSpan, an industrial internet platform: ${MEMBER}" \
      org.opencontainers.image.vendor=DualSpan \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.revision=${REVISION}
COPY --from=installed /opt/dualspan /opt/dualspan
ENV PATH=/opt/dualspan/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 HOME=/data \
    MODULE=${MODULE}
# Whoever runs it owns /data and nothing else.
RUN mkdir /data && chown 10001:10001 /data
VOLUME /data
WORKDIR /data
USER 10001:10001
ENTRYPOINT ["/bin/sh", "-c", "exec python -m \"$MODULE\" \"$@\"", "--"]
