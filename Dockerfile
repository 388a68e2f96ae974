# Stages: packages has the virtual environment of production, test-packages that of the tests; base
# is Python and a user; test runs the tests; app, the last and so the default, is for production.
# Only app and test are kept. No stage has a compiler: every requirement is a wheel.

ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS packages
WORKDIR /build
COPY deploy/install deploy/
COPY requirements.txt ./
RUN deploy/install packages /opt/venv

FROM packages AS test-packages
COPY requirements-test.txt ./
RUN REQUIREMENTS=requirements-test.txt deploy/install packages /opt/venv

FROM ${PYTHON_IMAGE} AS base
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp DRAIN_FILE=/tmp/drain
RUN useradd --uid 1000 --create-home app
WORKDIR /app

FROM base AS test
COPY --from=test-packages /opt/venv /opt/venv
COPY --chown=app . .
USER app
CMD ["python", "-m", "pytest", "-n", "auto"]

FROM base AS app
COPY --from=packages /opt/venv /opt/venv
COPY . .
RUN deploy/install static /opt/venv && mkdir media && chown app media
USER app
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=6s --start-period=30s --retries=3 \
    CMD ["python", "-m", "project.probe"]
CMD ["gunicorn", "--config", "python:project.gunicorn", "project.wsgi"]
