# One image for every member. BASE needs Python 3.11 or newer with venv, and nothing else.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
WORKDIR /src
RUN python3 -m venv /opt/tallystick
COPY requirements.lock ./
RUN /opt/tallystick/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY pyproject.toml ./
COPY ledger ledger
COPY contracts contracts
COPY nodes nodes
COPY api api
COPY loadtest loadtest
RUN /opt/tallystick/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM ${BASE}
COPY --from=build /opt/tallystick /opt/tallystick
# What `tallystick demo` plays with.
COPY examples /opt/tallystick/share/tallystick/examples
ENV PATH=/opt/tallystick/bin:$PATH PYTHONUNBUFFERED=1
# Homes are volumes; the mount points belong to the one user that runs here, so that a fresh volume does too.
RUN useradd --system --uid 10001 --home-dir /homes tallystick \
    && install -d -o tallystick -g tallystick -m 0700 /homes /homes/authority /homes/bank-a /homes/bank-b /homes/bank-c /homes/exporter-a /homes/auditor /handover
USER tallystick
EXPOSE 8000
ENTRYPOINT ["tallystick"]
