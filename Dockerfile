# The gateway as an image. Any base with Python 3.11 or newer and its venv module does:
#   docker build --build-arg BASE=python:3.12-slim -t gateway .
# Everything comes from the hash-locked lists; nothing of the build but the finished environment is in the image.
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements/build.txt requirements/run.txt requirements/
RUN python3 -m venv /opt/build \
 && python3 -m venv --without-pip /opt/gateway \
 && /opt/build/bin/python -m pip install --require-hashes -r requirements/build.txt \
 && /opt/build/bin/python -m pip wheel --require-hashes --no-build-isolation --wheel-dir /wheels -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY channels channels
COPY config config
COPY templates templates
RUN /opt/build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/build/bin/python -m pip --python /opt/gateway/bin/python install --no-index --no-deps /wheels/*.whl

FROM ${BASE}
COPY --from=build /opt/gateway /opt/gateway
# A configuration to begin with; mount your own over /etc/gateway, and a volume over /var/lib/gateway.
RUN install -d -o 10001 -g 10001 -m 700 /var/lib/gateway \
 && install -d /etc/gateway \
 && printf '%s\n' 'redis: {data: /var/lib/gateway/redis}' 'ledger: {url: "sqlite:////var/lib/gateway/ledger.db"}' \
      'web: {host: 0.0.0.0, port: 8080}' > /etc/gateway/gateway.yaml
# The base image's copy of the time zones is read by nobody here, so `gateway check` need not compare it with ours.
ENV PYTHONTZPATH=
ENV PATH=/opt/gateway/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /var/lib/gateway
VOLUME /var/lib/gateway
EXPOSE 8080
# Asks the role `web`: a container that runs without it, or on another port, needs a check of its own or none.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["/opt/gateway/bin/python", "-c", \
  "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8080, timeout=3); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["gateway"]
CMD ["run", "--config", "/etc/gateway/gateway.yaml"]
